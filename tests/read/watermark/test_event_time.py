"""The event times that a user's function may return, and the errors for all others."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from apache_beam.utils.timestamp import MAX_TIMESTAMP, MIN_TIMESTAMP, Timestamp

from beam_dis.dead_letter import DeadLetter
from beam_dis.errors import DecodeError
from beam_dis.read.decode import PageDecoder
from beam_dis.read.watermark.event_time import EventMicros
from beam_dis.record import DISRecord

NOON = 1767268800  # 2026-01-01 12:00 UTC
RECORD = DISRecord("flights", "shardId-0000000003", 17, None, b"x", 5)
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001 - naive datetimes are refused


class Nowhere(tzinfo):
    """A zone that doesn't know its offset, which makes a datetime naive."""

    def utcoffset(self, dt: datetime | None) -> None:
        return None


def micros(time: Any) -> int:
    return EventMicros(lambda _: time)(None)


@pytest.mark.parametrize(
    "time",
    [
        datetime(2026, 1, 1, 12, tzinfo=timezone.utc),
        datetime(2026, 1, 1, 12, tzinfo=ZoneInfo("UTC")),
        datetime(2026, 1, 1, 13, tzinfo=ZoneInfo("Europe/Berlin")),
        datetime(2026, 1, 1, 6, 30, tzinfo=timezone(timedelta(hours=-5, minutes=-30))),
        Timestamp(NOON),
        NOON,
        float(NOON),
        np.int64(NOON),
        np.uint32(NOON),
        np.float64(NOON),
        Fraction(NOON),
        "2026-01-01T12:00Z",
        "2026-01-01T13:00:00.000000+01:00",
    ],
)
def test_one_instant_is_the_same_in_each_type(time: Any) -> None:
    assert micros(time) == NOON * 1_000_000


def test_the_repeated_hour_in_autumn_is_distinguished() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    first, second = (datetime(2025, 10, 26, 2, 30, tzinfo=berlin, fold=fold) for fold in (0, 1))
    assert micros(second) - micros(first) == 3600 * 1_000_000


def test_no_microsecond_of_a_datetime_is_lost() -> None:
    assert micros(datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=timezone.utc)) == 253402300799999999
    assert micros(datetime(1, 1, 1, microsecond=1, tzinfo=timezone(timedelta(hours=14)))) == -62135647200 * 10**6 + 1


@pytest.mark.parametrize("seconds", [1.1, -1.1, 1767268800.123457, 0.1 + 0.2, np.float32(1.5)])
def test_fractions_of_a_second_are_rounded_as_beam_rounds_them(seconds: Any) -> None:
    assert micros(seconds) == micros(np.float64(seconds)) == Timestamp(float(seconds)).micros


@pytest.mark.parametrize("time", [NAIVE, NAIVE.replace(tzinfo=Nowhere())])
def test_a_naive_datetime_is_refused_with_the_remedy(time: datetime) -> None:
    with pytest.raises(ValueError, match=r"no time zone: give an aware datetime, such as .*tzinfo=timezone\.utc"):
        micros(time)


def test_a_time_of_numpy_is_refused_because_it_has_no_time_zone() -> None:
    with pytest.raises(ValueError, match=r"2026-01-01'\) has no time zone: give an aware datetime$"):
        micros(np.datetime64("2026-01-01"))


@pytest.mark.parametrize("time", ["2026-01-01", "2026-01-01T12:00"])
def test_text_without_a_time_zone_is_refused_with_the_remedy(time: str) -> None:
    with pytest.raises(ValueError, match="has no time zone: end the text in Z if it is UTC"):
        micros(time)


@pytest.mark.parametrize("time", [True, False, np.True_, None, "2026", 1j, Decimal(5)])
def test_values_that_are_no_time_are_refused(time: Any) -> None:
    with pytest.raises(TypeError, match="none of these: a Beam Timestamp, an aware datetime, seconds since 1970"):
        micros(time)


@pytest.mark.parametrize("time", [float("nan"), float("inf"), -float("inf"), np.float32("nan"), 1e305])
def test_nan_and_infinity_are_refused(time: Any) -> None:
    with pytest.raises(ValueError, match="is not a time"):
        micros(time)


@pytest.mark.parametrize("time", [MIN_TIMESTAMP, MAX_TIMESTAMP])
def test_beams_first_and_last_timestamps_are_accepted(time: Timestamp) -> None:
    assert micros(time) == time.micros


@pytest.mark.parametrize(
    "time", [Timestamp(micros=MAX_TIMESTAMP.micros + 1), Timestamp(micros=MIN_TIMESTAMP.micros - 1), 10**13, -1e13]
)
def test_times_that_beam_cannot_represent_are_refused(time: Any) -> None:
    with pytest.raises(ValueError, match="is outside of Timestamp"):
        micros(time)


@pytest.mark.parametrize(
    ("time", "remedy"),
    [
        (1.7e15, "if these are microseconds, divide by 1000000$"),
        (np.int64(1_700_000_000_000_000), "if these are microseconds"),
        (-1e15, "if these are microseconds"),
        (1_700_000_000_000_000_000, "if these are nanoseconds, divide by 1000000000$"),
        (10**30, r"Timestamp\(\d+\.\d+\): give seconds since 1970"),
    ],
)
def test_a_number_in_another_unit_is_refused_and_its_unit_guessed(time: Any, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy) as caught:
        micros(time)
    assert str(caught.value).startswith(repr(time))


REFUSED: list[Callable[[Any], Any]] = [lambda _: 1.7e15, lambda _: NAIVE, lambda _: True]


@pytest.mark.parametrize("timestamp_fn", REFUSED)
def test_a_refused_time_raises_and_names_the_record(timestamp_fn: Callable[[Any], Any]) -> None:
    decoder = PageDecoder(lambda record: record.data, dead_letters=False)
    with pytest.raises(DecodeError, match=r"'flights', partition shardId-0000000003, sequence number 17: timestamp_fn"):
        list(decoder.runs_of_event_time([RECORD], EventMicros(timestamp_fn)))


@pytest.mark.parametrize("timestamp_fn", REFUSED)
def test_with_dead_letters_a_refused_time_makes_one(
    timestamp_fn: Callable[[Any], Any],
) -> None:
    decoder = PageDecoder(lambda record: record.data, dead_letters=True)
    ((time, (letter,)),) = decoder.runs_of_event_time([RECORD], EventMicros(timestamp_fn))
    assert isinstance(letter, DeadLetter)
    assert (time, letter.sequence_number, letter.data) == (5000, 17, b"x")
