"""Parses the files of a package and finds the files that each of them imports, for the architecture tests."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Source:
    """One file of the package whose folder is ``package``."""

    path: Path
    package: Path = ROOT / "beam_dis"

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def name(self) -> str:
        """``beam_dis/wire/routes.py`` → ``wire/routes.py``."""
        return self.path.relative_to(self.package).as_posix()

    @property
    def room(self) -> str:
        """The name of the folder, or of the file if it is at the root: ``wire``, ``record``."""
        return self.name.split("/")[0].removesuffix(".py")

    @cached_property
    def imports(self) -> frozenset[str]:
        """Every module or name that the file imports, also inside functions, except under ``if TYPE_CHECKING``."""
        return frozenset(_imported(_running(self.tree)))

    @cached_property
    def imported_files(self) -> frozenset[str]:
        """The files of the same package that it imports: ``{"wire/routes.py", …}``."""
        prefix = self.package.name
        modules = (name.split(".")[1:] for name in self.imports if name.split(".")[0] == prefix)
        return frozenset(_file_of(self.package, parts) for parts in modules)

    @property
    def third_party(self) -> frozenset[str]:
        return frozenset(name.split(".")[0] for name in self.imports) - {self.package.name, "__future__"}


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a tree, except those under ``if TYPE_CHECKING``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            continue
        yield child
        yield from _running(child)


def _imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import of {node.module}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _file_of(package: Path, parts: list[str]) -> str:
    """The file in which ``package.<parts>`` is: a module, or a name in a module or in a package's ``__init__``."""
    for count in (len(parts), len(parts) - 1):
        module = package.joinpath(*parts[: max(count, 0)])
        for file in (module.with_suffix(".py"), module / "__init__.py"):
            if file.is_file() and package in file.parents:
                return file.relative_to(package).as_posix()
    raise AssertionError(f"no file of {package.name} for the import of {'.'.join(parts)}")


def sources_of(package: Path) -> list[Source]:
    """Every file of a package."""
    return [Source(path, package) for path in sorted(package.rglob("*.py"))]


def circle(edges: Iterable[tuple[str, str]]) -> list[str]:
    """One circle in a graph of (importer, imported), by names, each importing the next; empty if there is none."""
    graph: dict[str, set[str]] = {}
    for importer, imported in edges:
        if importer != imported:
            graph.setdefault(importer, set()).add(imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(reversed(error.args[1]))
    return []


def circles(sources: list[Source]) -> dict[str, list[str]]:
    """Folder → a circle among its files and subfolders; the key ``files`` is a circle among all files of the package.

    A folder counts as one thing for its neighbours: ``a/x.py → b/y.py → a/z.py`` is a circle of ``a`` and ``b``.
    """
    edges = [(source.name, imported) for source in sources for imported in source.imported_files]
    found = {"files": circle(edges)}
    for folder in {"", *(parent.as_posix() for s in sources for parent in _folders(s.name))}:
        prefix = f"{folder}/" if folder else ""
        inside = [pair for pair in edges if all(name.startswith(prefix) for name in pair)]
        found[prefix or "/"] = circle(tuple(name[len(prefix) :].split("/")[0] for name in pair) for pair in inside)
    return {where: names for where, names in found.items() if names}


def _folders(name: str) -> list[Path]:
    return list(Path(name).parents)[:-1]


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def sources() -> list[Source]:
    return sources_of(ROOT / "beam_dis")


@pytest.fixture(scope="session")
def circles_in():
    """``circles_in(package_folder)``: the circles of imports in it, as ``circles`` reports them."""
    return lambda package: circles(sources_of(package))
