"""docs/guarantees.md names tests that exist, and a test for each guarantee."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOTHING = "\N{EN DASH}"
PAGE = (ROOT / "docs" / "guarantees.md").read_text("utf-8")


def all_tests() -> set[str]:
    """The names of all tests."""
    files = (path for path in (ROOT / "tests").rglob("test_*.py"))
    nodes = (node for path in files for node in ast.walk(ast.parse(path.read_text("utf-8"))))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_the_tests_that_the_page_names_exist():
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 20
    assert named - all_tests() == set()


def test_each_row_of_a_table_names_a_test():
    """A row that promises nothing has a dash."""
    rows = [row for row in re.findall(r"^\| .+ \| .+ \| (.+) \|$", PAGE, re.MULTILINE) if row != "shown by"]
    assert len(rows) > 15
    assert [row for row in rows if "`test_" not in row and row != NOTHING] == []
