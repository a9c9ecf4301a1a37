"""Records of one arrival time, taken together.

Law: order is kept and nothing is lost; neighbours of equal time make one run. Records of one put share their arrival
time, so a page is a few runs, and a timestamp is attached to each run instead of to each record.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import attrgetter

from beam_dis.record import DISRecord

_timestamp = attrgetter("timestamp")


def runs_of_equal_time(records: list[DISRecord]) -> Iterator[tuple[int, list[DISRecord]]]:
    """``(milliseconds, records)`` for each run, in order."""
    for time, run in groupby(records, key=_timestamp):
        yield time, list(run)
