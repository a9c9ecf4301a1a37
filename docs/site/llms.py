"""The site for programs that read text: llms.txt lists the pages, and each page's Markdown is beside it (llmstxt.org)."""

from __future__ import annotations

import shutil
from itertools import groupby
from pathlib import Path

from pages import ListedPage

ABOUT = (
    "# beam_dis\n\n> Apache Beam transforms in Python that read and write streams of Data Ingestion Service (DIS), the partitioned "
    "stream service\n> of Huawei Cloud and Open Telekom Cloud, and a durable local DIS for development and tests.\n\n"
    "Public is what the page Public names lists. Each page is also in one file: llms-full.txt.\n"
)


def source_of(page: ListedPage, pages: Path) -> Path:
    """The text of a page."""
    markdown = pages / f"{page.name}.md"
    return markdown if markdown.exists() else markdown.with_suffix(".rst")


def write_llms(listed: list[ListedPage], pages: Path, site: Path) -> None:
    """Write llms.txt, llms-full.txt and the text of each page into a site."""
    parts = [ABOUT]
    for section, entries in groupby(listed, key=lambda page: page.section):
        lines = [line_of(page, source_of(page, pages)) for page in entries]
        parts.append(f"## {section}\n\n" + "\n".join(lines) + "\n")
    (site / "llms.txt").write_text("\n".join(parts), encoding="utf-8")
    sources = [source_of(page, pages) for page in listed]
    texts = [source.read_text("utf-8") for source in [*sources, *sorted((pages / "api").glob("beam_dis.*.rst"))]]
    (site / "llms-full.txt").write_text("\n\n".join(texts), encoding="utf-8")
    for source in sources:
        shutil.copyfile(source, site / source.relative_to(pages))


def line_of(page: ListedPage, source: Path) -> str:
    """A page's line in llms.txt."""
    return f"- [{page.title}]({page.name}{source.suffix})" + (f": {page.about}" if page.about else "")
