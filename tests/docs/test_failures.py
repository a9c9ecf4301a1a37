"""docs/troubleshooting.md says which failures pass, as the table in the code does."""

from __future__ import annotations

import math
from pathlib import Path

from beam_dis.outages import WAIT_LIMITS, Failure

PAGE = (Path(__file__).parents[2] / "docs" / "troubleshooting.md").read_text("utf-8")
SECTION = PAGE.partition("## Which failures pass")[2].partition("\n## ")[0]


def cell(seconds: float) -> str:
    """Seconds as the page writes them."""
    return "no limit" if math.isinf(seconds) else str(seconds)


def test_the_table_of_failures_is_the_one_in_the_code():
    shown = [[c.strip() for c in line.strip("|").split("|")] for line in SECTION.splitlines() if line.startswith("| ")]
    assert shown[1:] == [[f.value, *(cell(seconds) for seconds in WAIT_LIMITS[f])] for f in Failure]
