"""Builds the site of the documentation: Sphinx, strict, without a network.

    python docs/site/build.py [--pictures] [build/site]

Rules:
1. The pages are those that docs/index.md lists, in its order. Its headings are the headings of the navigation.
2. The API has a page for each public name, and public is what docs/index.md lists.
3. Sphinx reads copies in build/pages, so nothing that is generated lies beside the sources.
"""

from __future__ import annotations

import shutil
import sys
from argparse import ArgumentParser
from pathlib import Path

from api_pages import write_api_pages
from llms import write_llms
from pages import pages_in_order, write_pages
from pictures import add_pictures
from sphinx.cmd.build import build_main

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "build" / "pages"
SITE = ROOT / "build" / "site"


def main(site: Path = SITE, *, pictures: bool = False) -> int:
    """Build the site; returns Sphinx's exit status, which is not 0 after a warning."""
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.rmtree(site, ignore_errors=True)
    index = (ROOT / "docs" / "index.md").read_text("utf-8")
    write_pages(ROOT, PAGES)
    if pictures:
        add_pictures(ROOT, PAGES)
    write_api_pages(index, PAGES / "api")
    doctrees = PAGES.with_name("doctrees")
    arguments = ["-n", "-W", "--keep-going", "-q", "-E", "-c", str(Path(__file__).parent), "-d", str(doctrees)]
    status = build_main([*arguments, str(PAGES), str(site)])
    if status == 0:
        write_llms(pages_in_order(index), PAGES, site)
        print(f"the site is in {site}")
    return status


if __name__ == "__main__":
    parser = ArgumentParser(description="Build the site of the documentation.")
    parser.add_argument("site", nargs="?", type=Path, default=SITE, help="the folder of the site (build/site)")
    parser.add_argument("--pictures", action="store_true", help="with pictures of the console and the demo")
    options = parser.parse_args()
    sys.exit(main(options.site.resolve(), pictures=options.pictures))
