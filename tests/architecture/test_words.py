"""The words of the code: one meaning for a class name, short test names, short paragraphs at the top of modules."""

from __future__ import annotations

import ast
import itertools
import re
from collections import defaultdict

import pytest

READ_STREAMS_THROUGH_THE_CLIENT = {"read/test_endless_read.py"}
"""Tests of pipelines that read streams through DISClient, whose operations take cursors."""

RULE = re.compile(r"^\s*(?:Rule \d+|\d+\.|[-*•])", re.MULTILINE)
SENTENCE_END = re.compile(r"(?<!e\.g)(?<!i\.e)[.!?](?=[\s)\"'`]|$)")


def pieces(docstring):
    """The paragraphs of a docstring; each numbered rule or list item is a piece of its own."""
    for paragraph in re.split(r"\n\s*\n", docstring):
        starts = [0, *(rule.start() for rule in RULE.finditer(paragraph)), len(paragraph)]
        yield from (paragraph[a:b] for a, b in itertools.pairwise(starts) if paragraph[a:b].strip())


def sentences(piece):
    return len(SENTENCE_END.findall(re.sub(r"^\s*\d+\.", "", piece)))


def test_no_two_classes_have_one_name(sources):
    files = defaultdict(list)
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef):
                files[node.name].append(source.name)
    assert {name: where for name, where in files.items() if len(where) > 1} == {}


def test_no_paragraph_at_the_top_of_a_module_is_longer_than_three_sentences(sources):
    long = {
        source.name: piece
        for source in sources
        for piece in pieces(ast.get_docstring(source.tree) or "")
        if sentences(piece) > 3
    }
    assert long == {}


def test_names_of_tests_are_shorter_than_eighty_characters(root):
    long = [
        f"{path.relative_to(root)}:{node.lineno} {node.name}"
        for path in sorted((root / "tests").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and len(node.name) >= 80
    ]
    assert long == []


def test_read_and_write_do_not_know_cursors(sources, root):
    """Cursors are the client's. The word is not even in a comment of the code that reads at positions, or in its tests."""
    code = {source.name: source.text for source in sources if source.room in {"read", "write", "stream_service"}}
    tests = {
        path.relative_to(root / "tests").as_posix(): path.read_text("utf-8")
        for path in sorted((root / "tests" / "read").rglob("*.py"))
    }
    assert set(tests) >= READ_STREAMS_THROUGH_THE_CLIENT
    found = [name for name, text in {**code, **tests}.items() if "cursor" in text.lower()]
    assert [name for name in found if name not in READ_STREAMS_THROUGH_THE_CLIENT] == []


@pytest.mark.parametrize(
    ("docstring", "counts"),
    [
        ("One. Two. Three.", [3]),
        ("Says it.\n\nOne (a.b). Two! Three? Four, v1.2 too.", [1, 4]),
        ("Rules:\n1. One. Two.\n2. One.\n   Two. Three.\nRule 3: One.", [0, 2, 3, 1]),
    ],
)
def test_paragraphs_and_rules_are_counted_apart(docstring, counts):
    assert [sentences(piece) for piece in pieces(docstring)] == counts
