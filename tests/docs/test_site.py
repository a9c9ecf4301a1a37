"""The site: every page and every public name is in it, and its links lead to a file and a place that exist."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from api_pages import public_names
from pages import name_of, pages_in_order, with_navigation, with_staged_links
from pictures import CONSOLE, DEMO, add_pictures, with_pictures

import beam_dis

ROOT = Path(__file__).parents[2]
INDEX = (ROOT / "docs" / "index.md").read_text("utf-8")


def test_the_index_lists_each_page_once():
    pages = [page.name for page in pages_in_order(INDEX)]
    there = {page.stem for page in (ROOT / "docs").glob("*.md")} - {"index"}
    assert (there - set(pages), len(pages) - len(set(pages))) == (set(), 0)


def test_each_name_of_the_package_has_a_page():
    assert set(public_names(INDEX)["beam_dis"]) == {*beam_dis.__all__} - {"__version__"}


def test_a_name_that_two_modules_have_has_one_page():
    names = public_names(INDEX)
    assert "DISError" in names["beam_dis"]
    assert "DISError" not in names["beam_dis.errors"]
    assert "ConfigurationError" in names["beam_dis.errors"]


def test_headings_of_the_index_become_the_navigation():
    index = "# T\n\n## Begin\n\n- [Install](install.md): how\n\n## Public names\n\n| `DISClient` | x |\n"
    text = with_navigation(index)
    assert ":caption: Begin\n\nInstall <install>\n" in text
    assert "| [`DISClient`](api/beam_dis.DISClient.rst) |" in text


@pytest.mark.parametrize(
    ("target", "name"),
    [("reading.md", "reading"), ("../CHANGELOG.md", "changelog"), ("#public-names", "api/index")],
)
def test_a_link_of_the_index_names_a_page(target, name):
    assert name_of(target) == name


def test_links_lead_to_the_copies_of_pages_and_files():
    page = "[a](reading.md#start) [b](../ARCHITECTURE.md) [c](../pipelines/demo.py) [d](https://x.org/y.md)"
    text, files = with_staged_links(page, ROOT / "docs", ROOT)
    assert text == "[a](reading.md#start) [b](architecture.md) [c](pipelines/demo.py) [d](https://x.org/y.md)"
    assert files == {ROOT / "pipelines" / "demo.py"}


def test_pictures_are_at_the_end_of_their_page():
    text = with_pictures("# The console\n", [*CONSOLE, DEMO], "console.md")
    assert text.count("](pictures/console-") == len(CONSOLE)
    assert "demo.png" not in text
    assert with_pictures("# T\n", [DEMO], "console.md") == "# T\n"


def test_pages_that_have_pictures_are_there():
    assert {picture.page for picture in (*CONSOLE, DEMO)} <= {page.name for page in (ROOT / "docs").glob("*.md")}


@pytest.mark.integration
@pytest.mark.browser
@pytest.mark.fnapi
def test_pictures_of_the_console_and_the_demo_are_made(tmp_path):
    for name in ("console.md", "five-minutes.md"):
        (tmp_path / name).write_text("# T\n", "utf-8")
    add_pictures(ROOT, tmp_path)
    made = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert made == {picture.file for picture in (*CONSOLE, DEMO)}
    assert all((tmp_path / "pictures" / name).read_bytes().startswith(b"\x89PNG") for name in made)
    assert "(pictures/demo.png)" in (tmp_path / "five-minutes.md").read_text("utf-8")


class Page(HTMLParser):
    """The links and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.open_links = self.nested_links = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.anchors |= {values["id"]} if values.get("id") else set()
        self.links += [value for key in ("href", "src") if (value := values.get(key))]
        if tag == "a":
            self.nested_links += self.open_links
            self.open_links += 1

    def handle_endtag(self, tag):
        self.open_links -= tag == "a"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site as `make docs` builds it."""
    site = tmp_path_factory.mktemp("build") / "site"
    command = [sys.executable, ROOT / "docs" / "site" / "build.py", site]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250, check=False)
    assert built.returncode == 0, built.stderr
    return site


@pytest.mark.integration
def test_links_of_the_site_lead_to_a_place_that_exists(site):
    pages = {path: Page(path.read_text("utf-8")) for path in site.rglob("*.html")}
    broken = []
    for path, page in pages.items():
        for link in page.links:
            url = urlsplit(link)
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            if not url.scheme and not (target.exists() and (not url.fragment or url.fragment in pages[target].anchors)):
                broken.append((path.name, link))
    assert len(pages) > 60
    assert broken == []


@pytest.mark.integration
def test_each_public_name_has_a_page_with_its_documentation(site):
    for module, names in public_names(INDEX).items():
        for name in names:
            text = (site / "api" / f"{module}.{name}.html").read_text("utf-8")
            assert re.search(rf'<dt class="sig[^>]*id="{re.escape(module)}\.{name}">', text), (module, name)


@pytest.mark.integration
def test_llms_txt_lists_pages_that_are_there(site):
    text = (site / "llms.txt").read_text("utf-8")
    listed = re.findall(r"^- \[[^\]]+\]\(([^)]+)\)", text, re.MULTILINE)
    assert text.startswith("# beam_dis\n\n> ")
    assert len(listed) == len(pages_in_order(INDEX))
    assert [target for target in listed if not (site / target).is_file()] == []


@pytest.mark.integration
def test_the_site_can_be_searched(site):
    assert (site / "search.html").is_file()
    assert "redistribut" in (site / "searchindex.js").read_text("utf-8")


@pytest.mark.integration
def test_a_public_name_in_a_text_leads_to_its_page(site):
    links = Page((site / "reading.html").read_text("utf-8")).links
    assert {"api/beam_dis.ReadFromDIS.html", "api/beam_dis.CommitToDIS.html"} <= set(links)


@pytest.mark.integration
def test_no_link_is_inside_another(site):
    nested = {path.name: Page(path.read_text("utf-8")).nested_links for path in site.rglob("*.html")}
    assert {name: count for name, count in nested.items() if count} == {}


def test_a_link_inside_another_is_found():
    assert Page('<a href="x"><b><a href="y">z</a></b></a> <a href="v">w</a>').nested_links == 1
