"""The sources of beam_dis as the architecture tests see them: parsed once, imports resolved to absolute names."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Source:
    path: Path

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def name(self) -> str:
        """``beam_dis/wire/routes.py`` → ``wire/routes.py``."""
        return self.path.relative_to(ROOT / "beam_dis").as_posix()

    @property
    def room(self) -> str:
        """The folder; a file at the root is a room of its own."""
        return self.name.split("/")[0].removesuffix(".py")

    @property
    def at_root(self) -> bool:
        return "/" not in self.name

    @cached_property
    def imports(self) -> frozenset[str]:
        """Every module that is imported anywhere in the file, but for type checkers' eyes."""
        return frozenset(_imported(_running(self.tree)))

    @cached_property
    def imports_at_top(self) -> frozenset[str]:
        """What importing this file imports: nothing inside a function."""
        return frozenset(_imported(_running(self.tree, skip=(ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))))

    @property
    def third_party(self) -> frozenset[str]:
        return frozenset(name.split(".")[0] for name in self.imports) - {"beam_dis", "__future__"}


def _running(node: ast.AST, skip: tuple[type[ast.AST], ...] = ()) -> Iterator[ast.AST]:
    """The nodes of a tree without ``if TYPE_CHECKING`` blocks and the kinds in ``skip``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, skip):
            continue
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from _running(child, skip)


def _imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import of {node.module}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def sources() -> list[Source]:
    return [Source(path) for path in sorted((ROOT / "beam_dis").rglob("*.py"))]
