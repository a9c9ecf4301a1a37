"""Pictures for the site: pages of the console as Chromium shows them, and the chart of the demo.

Rules:
1. Each build of the site makes them again, from a local DIS that runs only for it.
2. What can't be made is said and left out. The pages say the same without pictures.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from beam_dis import DISClient, PutRecord
from beam_dis.local import LocalDIS

WIDTH, HEIGHT = 1280, 800
WAIT_SECONDS = 30
SCHEMA = {
    "type": "record",
    "name": "Flight",
    "fields": [{"name": "flight", "type": "string"}, {"name": "delay", "type": "int"}],
}


class Picture(NamedTuple):
    """A picture: its file, the page of the site that shows it, what it shows, and for the console the path of its page."""

    file: str
    page: str
    shows: str
    path: str | None = None


CONSOLE = (
    Picture("console-streams.png", "console.md", "The streams of a local DIS", "/"),
    Picture("console-records.png", "console.md", "The records of a stream", "/streams/{flights}/records"),
    Picture("console-apps.png", "console.md", "Apps, and how far they are", "/apps"),
)
DEMO = Picture("demo.png", "five-minutes.md", "The chart of the demo: each carrier's delays per day")


@contextmanager
def dis_to_show() -> Iterator[LocalDIS]:
    """A local DIS with a stream, records and an app."""
    with LocalDIS() as dis, DISClient(dis.connection) as client:
        client.create_stream("flights", partition_count=2, data_type="JSON", data_schema=json.dumps(SCHEMA))
        rows = [
            (f"LH{number % 7}", json.dumps({"flight": f"LH{number % 7}", "delay": number})) for number in range(300)
        ]
        client.put_records("flights", [PutRecord(row.encode(), partition_key=flight) for flight, row in rows])
        client.create_app("delays")
        client.commit_checkpoint("delays", stream_name="flights", partition_id=0, sequence_number=7)
        yield dis


@contextmanager
def browser() -> Iterator[Any]:
    """Debian's Chromium without a window; it keeps what pages log."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in (
        "--headless=new",
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--hide-scrollbars",
        "--no-first-run",
        "--disable-background-networking",
    ):
        options.add_argument(argument)
    options.add_argument(f"--window-size={WIDTH},{HEIGHT}")
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium has no sandbox for root
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        yield driver
    finally:
        driver.quit()


def picture_console(folder: Path) -> list[Picture]:
    """Make the pictures of the console; none without Chromium."""
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        print("no pictures of the console: chromium and chromedriver aren't installed", file=sys.stderr)
        return []
    with dis_to_show() as dis, browser() as driver:
        driver.set_page_load_timeout(WAIT_SECONDS)
        driver.get(dis.console_url)
        ids = {
            link.text: link.get_attribute("href").rpartition("/")[2]
            for link in driver.find_elements("css selector", "tbody th a")
        }
        for picture in CONSOLE:
            driver.get(f"{dis.endpoint}/console{(picture.path or '').format(**ids)}")
            driver.save_screenshot(str(folder / picture.file))
    return list(CONSOLE)


def picture_demo(folder: Path, root: Path) -> list[Picture]:
    """Run the demo, and take its chart."""
    command = [sys.executable, str(root / "pipelines" / "demo.py")]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    chart = folder / "demo-out" / "delays.png"
    if ran.returncode or not chart.exists():
        print(f"no picture of the demo, which failed: {ran.stderr[-500:]}", file=sys.stderr)
        return []
    shutil.move(chart, folder / DEMO.file)
    shutil.rmtree(folder / "demo-out")
    return [DEMO]


def with_pictures(text: str, pictures: list[Picture], page: str) -> str:
    """A page with its pictures at the end."""
    lines = [f"![{picture.shows}](pictures/{picture.file})\n" for picture in pictures if picture.page == page]
    return "\n".join([text, "## Pictures\n", *lines]) if lines else text


def add_pictures(root: Path, pages: Path) -> None:
    """Make the pictures, and add them to copies of the pages."""
    folder = pages / "pictures"
    folder.mkdir()
    pictures = [*picture_console(folder), *picture_demo(folder, root)]
    for page in {picture.page for picture in pictures}:
        copy = pages / page
        copy.write_text(with_pictures(copy.read_text("utf-8"), pictures, page), encoding="utf-8")
