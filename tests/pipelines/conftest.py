"""The results that the pipelines should compute from January's file, computed without Beam."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

PIPELINES = Path(__file__).parents[2] / "pipelines"


@pytest.fixture(scope="session")
def pipelines():
    return PIPELINES


@pytest.fixture(scope="session")
def january():
    """The rows of the file, as dicts of text."""
    with gzip.open(PIPELINES / "data" / "flights-2013-01.csv.gz", "rt", newline="") as lines:
        return list(csv.DictReader(lines))


@pytest.fixture(scope="session")
def expected_delays(january):
    """The expected records of the stream ``delays``, by day and carrier."""
    days = {}
    for row in january:
        days.setdefault((row["time_hour"][:10], row["carrier"]), []).append(row["dep_delay"])
    return [record(carrier, day, delays) for (day, carrier), delays in sorted(days.items())]


def record(carrier, day, delays):
    flown = [int(delay) for delay in delays if delay != "NA"]
    return {
        "carrier": carrier,
        "day": day,
        "flights": len(delays),
        "cancelled": len(delays) - len(flown),
        "mean_dep_delay": sum(flown) / len(flown) if flown else None,
    }
