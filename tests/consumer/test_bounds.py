"""Texts name where a read starts and stops, and a listing turns them into numbers."""

from __future__ import annotations

import pytest
from fake_service import FakeService

from beam_dis.consumer.bounds import Ago, LastRecords, bounds_of, ranges_of
from beam_dis.errors import ConfigurationError
from beam_dis.positions import AtTimestamp, Earliest, Latest


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("earliest", Earliest()),
        (" Latest ", Latest()),
        ("10m", Ago(600_000)),
        ("2d", Ago(172_800_000)),
        ("2013-01-01T00:00Z", AtTimestamp(1_356_998_400_000)),
        ("-100", LastRecords(100)),
    ],
)
def test_a_start_is_read_from_text(text, meant):
    assert bounds_of(text, None).start == meant


@pytest.mark.parametrize(
    ("start", "stop", "said"),
    [
        ("soon", None, "'soon' is neither 'earliest', 'latest', a duration such as '10m'"),
        ("2013-01-01T00:00", None, "has no time zone: end the text in Z"),
        ("-0", None, "give -1 to -100000"),
        ("-100001", None, "give -1 to -100000"),
        ("earliest", "-5", "'-5' is neither 'latest', a duration"),
        ("earliest", "earliest", "'earliest' is neither 'latest'"),
    ],
)
def test_other_text_is_refused_and_named(start, stop, said):
    with pytest.raises(ConfigurationError, match=said):
        bounds_of(start, stop)


def ranges(service, start, stop, *partitions):
    listing = service.describe("flights")
    return [(r.start, r.stop) for r in ranges_of(service, "flights", listing, bounds_of(start, stop, partitions))]


def test_bounds_become_numbers_of_each_partition():
    service = FakeService(earliest=10, partitions=2)  # record n arrived at 1000 + n // 3 ms
    assert ranges(service, "earliest", None) == [(10, 100), (10, 100)]
    assert ranges(service, "latest", None) == [(100, 100), (100, 100)]
    assert ranges(service, "-30", "latest", "1") == [(70, 100)]
    assert ranges(service, "1970-01-01T00:00:01.010Z", "1970-01-01T00:00:01.020Z", "0") == [(30, 60)]


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("10m", 600), ("1h30m", 5400), ("1d12h", 129_600), ("0.5s", 0.5)]
)
def test_a_duration_may_have_several_units(text, seconds):
    assert bounds_of(text, None).start == Ago(int(seconds * 1000))


def test_a_duration_is_counted_back_by_the_clock_of_the_service():
    service = FakeService()
    service.now_ms = 2_020
    assert ranges(service, "1s", None) == [(60, 100)]


def test_a_stop_before_the_start_is_nothing():
    assert ranges(FakeService(), "latest", "1970-01-01T00:00:01.010Z") == [(100, 100)]


def test_a_time_in_the_future_and_a_missing_partition_are_refused():
    with pytest.raises(ConfigurationError, match="s ahead of the service's clock: give a time that has passed"):
        ranges(FakeService(), "2026-01-01T00:00Z", None)
    with pytest.raises(ConfigurationError, match="no readable partition shardId-0000000007: it has shardId-0000000000"):
        ranges(FakeService(), "earliest", None, "7")
