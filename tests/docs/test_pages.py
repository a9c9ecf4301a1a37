"""What README and docs say holds: their code runs and prints what they say, their links and commands exist.

Each page's ```python blocks run from top to bottom in one namespace; a ```text block right behind one is what it prints,
its lines in any order. On pages in docs/ the name ``dis`` is a local DIS.
"""

from __future__ import annotations

import io
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A piece of code on a page, and what it should print; None where the page doesn't say."""

    line: int
    code: str
    printed: str | None


def blocks_of(text: str) -> list[Block]:
    return [Block(text[: found.start()].count("\n") + 2, found[1], found[2]) for found in BLOCK.finditer(text)]


def run(page: Path, block: Block, namespace: dict) -> str:
    """What a block prints; its traceback names the page and the line."""
    code = compile("\n" * (block.line - 1) + block.code, page, "exec")
    with redirect_stdout(io.StringIO()) as printed:
        exec(code, namespace)
    return printed.getvalue()


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


WITH_CODE = [page for page in PAGES if blocks_of(page.read_text("utf-8"))]


@pytest.mark.integration
@pytest.mark.parametrize("page", WITH_CODE, ids=name)
def test_code_on_a_page_runs_and_prints_what_the_page_says(page, local_dis, monkeypatch):
    module = ModuleType("page")  # a real one, so that classes of the page can be pickled as those of a script can
    monkeypatch.setitem(sys.modules, "page", module)
    namespace = vars(module)
    namespace["dis"] = local_dis
    for block in blocks_of(page.read_text("utf-8")):
        printed = run(page, block, namespace)
        if block.printed is not None:
            assert sorted(printed.splitlines()) == sorted(block.printed.splitlines())


def test_a_block_is_found_with_its_line_and_its_output():
    page = "# T\n\n```python\nprint(1)\n```\n\n```text\n1\n```\n\n```python\nx = 2\n```\n"
    assert blocks_of(page) == [Block(4, "print(1)\n", "1\n"), Block(12, "x = 2\n", None)]


def test_the_readme_has_an_example_of_eight_lines():
    (example,) = blocks_of((ROOT / "README.md").read_text("utf-8"))
    assert len([line for line in example.code.splitlines() if line]) == 8


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_pipeline_on_a_page_names_its_runner(page):
    """DirectRunner would look for Prism, download it, and keep what it found for every pipeline of the process."""
    assert [block.line for block in blocks_of(page.read_text("utf-8")) if "beam.Pipeline()" in block.code] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text("utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_that_a_page_names_exist(page):
    named = set(re.findall(r"(?:^ {4}|`)make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE))
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert named - known == set()


def test_files_that_the_architecture_names_exist():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    named = set(re.findall(r"`([a-z_]+/[a-z_/]*(?:\.py)?)`", text))
    assert sorted(path for path in named if not ((ROOT / "beam_dis" / path).exists() or (ROOT / path).exists())) == []
