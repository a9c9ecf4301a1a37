"""The Markdown pages as Sphinx reads them: copies, whose links lead to one another, and a navigation made of the index.

Rules:
1. A page is written for a reader of the repository. What only the site needs is added here.
2. A file that a page links to, such as a pipeline, is copied too. Sphinx reports links that lead nowhere.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import NamedTuple

ROOT_PAGES = ("ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
LINK = re.compile(r"\]\((?!https?://|#)([^)#\s]+)((?:#[^)]*)?)\)")
SECTION = re.compile(r"^## (.+)\n((?:\n|- .*\n|  .*\n)+)", re.MULTILINE)
ENTRY = re.compile(r"^- \[([^\]]+)\]\(([^)]+)\)(.*(?:\n  .*)*)", re.MULTILINE)
PUBLIC_NAME = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
API = "#public-names"


class ListedPage(NamedTuple):
    """A page in the index: the heading that it is under, its title, its name without suffix, and what the index says of it."""

    section: str
    title: str
    name: str
    about: str


def name_of(target: str) -> str:
    """The name of the page that an entry of the index links to."""
    return "api/index" if target == API else Path(target.partition("#")[0]).stem.lower()


def pages_in_order(index: str) -> list[ListedPage]:
    """The pages that the index lists under its headings."""
    return [
        ListedPage(
            section[1], title, name_of(target), " ".join(about.split()).lstrip(": ") if about.startswith(":") else ""
        )
        for section in SECTION.finditer(index)
        for title, target, about in ENTRY.findall(section[2])
    ]


def with_navigation(index: str) -> str:
    """The index with a table of contents for each of its headings, which the theme shows at the side of all pages."""
    pages = pages_in_order(index)
    trees = []
    for section in dict.fromkeys(page.section for page in pages):
        names = "\n".join(f"{page.title} <{page.name}>" for page in pages if page.section == section)
        trees.append(f"```{{toctree}}\n:hidden:\n:caption: {section}\n\n{names}\n```\n")
    linked = PUBLIC_NAME.sub(r"| [`\1`](api/beam_dis.\1.rst) |", index).replace(f"]({API})", "](api/index.rst)")
    return "\n".join([linked, *trees])


def with_staged_links(text: str, folder: Path, root: Path) -> tuple[str, set[Path]]:
    """A page of a folder, whose links lead to copies, and the files among them that are no pages."""
    files: set[Path] = set()

    def staged(link: re.Match[str]) -> str:
        target = (folder / link[1]).resolve()
        if target.parent == root and target.name in ROOT_PAGES:
            return f"]({target.name.lower()}{link[2]})"
        if target.parent == root / "docs" and target.suffix == ".md":
            return f"]({target.name}{link[2]})"
        if target.is_file():
            files.add(target)
            return f"]({target.relative_to(root).as_posix()}{link[2]})"
        return link[0]

    return LINK.sub(staged, text), files


def write_pages(root: Path, to: Path) -> None:
    """Write a copy of each page, and of the files that pages link to, into a folder."""
    to.mkdir(parents=True)
    for page in [*sorted((root / "docs").glob("*.md")), *(root / name for name in ROOT_PAGES)]:
        text, files = with_staged_links(page.read_text("utf-8"), page.parent, root)
        name = page.name.lower()
        (to / name).write_text(with_navigation(text) if name == "index.md" else text, encoding="utf-8")
        for file in files:
            copy = to / file.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
