"""The shape of the code: short functions and files, clear names, a docstring in every module."""

from __future__ import annotations

import ast
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


def test_no_module_has_a_vague_name(sources):
    assert {s.name for s in sources if VAGUE & set(PurePath(s.name).with_suffix("").parts)} == set()


def test_every_module_has_a_docstring(sources):
    assert [s.name for s in sources if s.text.strip() and not ast.get_docstring(s.tree)] == []


def test_no_function_is_longer_than_fifty_lines(sources):
    lengths = {where: lines for source in sources for where, lines in functions(source)}
    assert {where: lines for where, lines in lengths.items() if lines > 50} == {}


def test_no_file_is_longer_than_four_hundred_lines(sources):
    lines = {source.name: source.text.count("\n") for source in sources}
    assert {name: n for name, n in lines.items() if n > 400} == {}


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
