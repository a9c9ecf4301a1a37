"""``beam-dis serve`` and ``LocalDIS`` have a console, whose address works in a browser."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from beam_dis.cli.serve import announcement
from beam_dis.local import LocalDIS


def test_the_address_of_the_console_is_printed_with_its_token():
    lines = announcement("http://127.0.0.1:7700", Path("data"), console_token="a-token")
    assert lines[-1] == "  console: http://127.0.0.1:7700/console?token=a-token"


@pytest.mark.integration
def test_the_address_of_a_local_dis_opens_its_console_also_after_a_restart():
    with LocalDIS() as dis, httpx.Client(follow_redirects=True) as browser:
        first = browser.get(dis.console_url)
        dis.restart()
        again = browser.get(f"{dis.endpoint}/console/")
    assert (first.status_code, first.url.path, first.url.query) == (200, "/console/", b"")
    assert again.status_code == 200
