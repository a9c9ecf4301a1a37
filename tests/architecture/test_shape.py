"""The shape of the code: names that say something, laws at the top, one screen a function."""

from __future__ import annotations

import ast
import statistics
import sys
from pathlib import PurePath

VAGUE = {"utils", "util", "common", "helpers", "helper", "base", "manager", "misc", "core"}


def functions(source):
    """(file:line name, lines of its body without the docstring) of each function."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            if body:
                where = f"{source.name}:{node.lineno} {node.name}"
                yield where, body[-1].end_lineno - body[0].lineno + 1


def test_no_module_shadows_the_standard_library(sources):
    stems = {PurePath(source.name).stem: source.name for source in sources}
    assert {name for stem, name in stems.items() if stem in sys.stdlib_module_names} == set()


def test_no_module_has_a_name_that_says_nothing(sources):
    assert {s.name for s in sources if VAGUE & set(PurePath(s.name).with_suffix("").parts)} == set()


def test_every_module_states_its_law_at_the_top(sources):
    assert [s.name for s in sources if s.text.strip() and not ast.get_docstring(s.tree)] == []


def test_functions_fit_on_a_screen(sources):
    lengths = {where: lines for source in sources for where, lines in functions(source)}
    assert {where: lines for where, lines in lengths.items() if lines > 50} == {}
    assert statistics.median(lengths.values()) <= 7
    assert statistics.quantiles(lengths.values(), n=10)[-1] <= 25


def test_files_stay_small(sources):
    lines = {source.name: source.text.count("\n") for source in sources}
    assert {name: n for name, n in lines.items() if n > 400} == {}
    assert statistics.median(lines.values()) <= 130


def test_every_public_class_and_function_is_documented(sources):
    bare = [
        f"{source.name}:{node.lineno} {node.name}"
        for source in sources
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
        and node in source.tree.body
        and not ast.get_docstring(node)
    ]
    assert bare == []
