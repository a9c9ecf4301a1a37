"""When the windows of a record are over: at the end of the last one that it can be in."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
import pytest
from apache_beam.transforms.window import FixedWindows, GlobalWindows, Sessions, SlidingWindows
from apache_beam.utils.timestamp import MIN_TIMESTAMP, Timestamp

from beam_dis.errors import ConfigurationError
from beam_dis.read.commit.after_windows import last_end, window_fns_before


@pytest.mark.parametrize(
    ("window_fns", "seconds"),
    [
        ([], 9),
        ([GlobalWindows()], None),
        ([FixedWindows(10)], 10),
        ([FixedWindows(10, offset=3)], 13),
        ([SlidingWindows(60, 1)], 69),
        ([FixedWindows(7), FixedWindows(10)], 20),
        ([SlidingWindows(4, 2), FixedWindows(60)], 60),
    ],
    ids=["none", "global", "fixed", "offset", "sliding", "two fixed", "sliding, fixed"],
)
def test_the_end_is_that_of_the_last_window_a_record_can_be_in(window_fns: list[Any], seconds: float | None) -> None:
    """A result of 7-second windows is in the 10-second window that contains their end."""
    end = last_end(Timestamp(9), window_fns)
    if seconds is None:
        assert end == GlobalWindows.windowed_value(None).windows[0].max_timestamp()
    else:
        assert Timestamp(seconds) - 1 <= end + 1 <= Timestamp(seconds) + 1
        assert end >= Timestamp(9)


def test_a_time_before_all_others_has_windows_too() -> None:
    assert last_end(MIN_TIMESTAMP, [FixedWindows(60)]) >= MIN_TIMESTAMP


def test_the_windows_of_all_steps_before_are_found_in_their_order() -> None:
    pipeline = beam.Pipeline()
    numbers = pipeline | beam.Create([1]) | "first" >> beam.WindowInto(SlidingWindows(4, 2)) | beam.Reshuffle()
    counted = numbers | beam.combiners.Count.PerElement() | "last" >> beam.WindowInto(FixedWindows(60)) | beam.Map(str)
    assert window_fns_before(counted) == [SlidingWindows(4, 2), FixedWindows(60)]


def test_session_windows_before_fixed_ones_are_refused() -> None:
    """A session can end at any time after a record, so nothing says in which fixed window its result is."""
    pipeline = beam.Pipeline()
    sessions = pipeline | beam.Create([1]) | "first" >> beam.WindowInto(Sessions(5))
    counted = sessions | beam.combiners.Count.PerElement() | "last" >> beam.WindowInto(FixedWindows(60))
    with pytest.raises(ConfigurationError, match="use fixed or sliding windows"):
        window_fns_before(counted)
