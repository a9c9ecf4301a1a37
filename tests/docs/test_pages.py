"""README and docs are true: their code runs and prints what they say, their links and commands exist.

Rules:
1. The first ```python block of each page runs alone. All blocks of a page run from top to bottom in one namespace.
2. A ```text block directly after a block shows what it prints, its lines in any order.
3. Tests on the page about testing run with pytest, as a reader would run them.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
from codeop import CommandCompiler
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest

import beam_dis

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A piece of code on a page, and what it should print; None if the page doesn't say."""

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


def with_code() -> list:
    """The pages with code; those that name Prism run only if it is installed."""
    pages = [(page, page.read_text("utf-8")) for page in PAGES]
    return [
        pytest.param(page, id=name(page), marks=[pytest.mark.prism] if "PrismRunner" in blocks_of(text)[0].code else [])
        for page, text in pages
        if blocks_of(text)
    ]


def run_blocks(page: Path, blocks: list[Block], monkeypatch) -> None:
    module = ModuleType("page")  # a real one, so that classes of the page can be pickled as those of a script can
    monkeypatch.setitem(sys.modules, "page", module)
    monkeypatch.chdir(ROOT)
    for block in blocks:
        printed = run(page, block, vars(module))
        if block.printed is not None:
            assert sorted(printed.splitlines()) == sorted(block.printed.splitlines())


@pytest.mark.integration
@pytest.mark.parametrize("page", with_code())
def test_code_on_a_page_runs_and_prints_what_the_page_says(page, monkeypatch):
    run_blocks(page, blocks_of(page.read_text("utf-8")), monkeypatch)


@pytest.mark.integration
@pytest.mark.parametrize("page", with_code())
def test_the_first_block_of_a_page_runs_alone(page, monkeypatch):
    blocks = blocks_of(page.read_text("utf-8"))
    if len(blocks) > 1:  # else the test above has run it alone
        run_blocks(page, blocks[:1], monkeypatch)


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "testing.md"], ids=name)
def test_code_on_a_page_can_be_pasted_into_a_python_prompt(page):
    """A prompt ends a block at an empty line, and needs one after a block. The code of testing.md is for a file of tests."""
    for block in blocks_of(page.read_text("utf-8")):
        compile_command, statement = CommandCompiler(), []
        for line in [*block.code.split("\n"), "", ""]:
            statement.append(line)
            if compile_command("\n".join(statement), f"{page} line {block.line}", "single") is not None:
                statement = []
        assert "".join(statement).strip() == ""


def run_the_tests_on_the_page(folder: Path, *arguments: object) -> None:
    code = "\n".join(block.code for block in blocks_of((ROOT / "docs" / "testing.md").read_text("utf-8")))
    (folder / "test_page.py").write_text(code, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = prism\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", folder, "-c", folder / "pytest.ini", *arguments]
    ended = subprocess.run(
        [*command, folder / "test_page.py"], cwd=ROOT, capture_output=True, text=True, timeout=250, check=False
    )
    assert ended.returncode == 0, ended.stdout


@pytest.mark.integration
@pytest.mark.fnapi
def test_the_tests_on_the_page_about_testing_pass(tmp_path):
    run_the_tests_on_the_page(tmp_path, "-m", "not prism")


@pytest.mark.integration
@pytest.mark.prism
def test_the_test_of_an_endless_pipeline_on_that_page_passes(tmp_path):
    run_the_tests_on_the_page(tmp_path, "-m", "prism")


def test_a_block_is_found_with_its_line_and_its_output():
    page = "# T\n\n```python\nprint(1)\n```\n\n```text\n1\n```\n\n```python\nx = 2\n```\n"
    assert blocks_of(page) == [Block(4, "print(1)\n", "1\n"), Block(12, "x = 2\n", None)]


def imports_of(code: str) -> set[str]:
    """What a piece of code imports from beam_dis: ``beam_dis.DISClient``, ``beam_dis.testing.Reset``."""
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom | ast.Import)]
    froms = [node for node in nodes if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("beam_dis")]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {f"{node.module}.{alias.name}" for node in froms for alias in node.names} | {
        module for module in plain if module.startswith("beam_dis")
    }


def is_public(imported: str) -> bool:
    """Whether docs/index.md promises a name."""
    module, _, last = imported.rpartition(".")
    if module == "beam_dis":
        return last in {*beam_dis.__all__, "errors", "local", "testing"}
    return module in {"beam_dis.copying", "beam_dis.dump_tasks", "beam_dis.errors", "beam_dis.testing"} or imported in {
        "beam_dis.local.LocalDIS",
        "beam_dis.local.LocalV3IO",
    }


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_page_uses_only_public_names(page):
    code = [block.code for block in blocks_of(page.read_text("utf-8"))]
    assert [used for block in code for used in imports_of(block) if not is_public(used)] == []


@pytest.mark.parametrize("script", sorted((ROOT / "pipelines").glob("*.py")), ids=name)
def test_a_pipeline_uses_only_public_names(script):
    assert [used for used in imports_of(script.read_text("utf-8")) if not is_public(used)] == []


def test_a_name_that_is_not_public_is_found():
    used = imports_of("from beam_dis import DISClient\nfrom beam_dis.wire.records import PutRecordsRequest\n")
    assert [name for name in used if not is_public(name)] == ["beam_dis.wire.records.PutRecordsRequest"]


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_pipeline_on_a_page_names_its_runner(page):
    """DirectRunner would look for Prism, download it, and keep what it found for every pipeline of the process."""
    assert [block.line for block in blocks_of(page.read_text("utf-8")) if "beam.Pipeline()" in block.code] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text("utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_to_sections_lead_to_a_heading(page):
    links = re.findall(r"\]\((?!https?://)([^)#]*)#([^)]+)\)", page.read_text("utf-8"))
    assert [link for link in links if link[1] not in anchors(page.parent / link[0] if link[0] else page)] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_that_a_page_names_exist(page):
    named = set(re.findall(r"(?:^ {4}|`)make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE))
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert named - known == set()


def test_files_that_the_architecture_names_exist():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    named = set(re.findall(r"`([a-z_]+/[a-z_/]*(?:\.py)?)`", text))
    assert sorted(path for path in named if not ((ROOT / "beam_dis" / path).exists() or (ROOT / path).exists())) == []
