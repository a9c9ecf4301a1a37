"""A record is a plain value with an exact arrival time."""

from __future__ import annotations

import pickle
from datetime import datetime, timezone

from hypothesis import given
from hypothesis import strategies as st

from beam_dis.record import DISRecord


def record(timestamp: int) -> DISRecord:
    return DISRecord("flights", "shardId-0000000000", 17, "UA", b"\x00\xff", timestamp)


def test_fields_are_in_the_documented_order():
    described = ("stream", "partition_id", "sequence_number", "partition_key", "data", "timestamp", "client_info")
    assert DISRecord._fields == described


def test_the_arrival_time_is_aware_and_exact():
    assert record(1767268800001).arrival_time == datetime(2026, 1, 1, 12, 0, 0, 1000, tzinfo=timezone.utc)


@given(st.integers(0, 4102444800000))
def test_the_arrival_time_keeps_every_millisecond(timestamp):
    time = record(timestamp).arrival_time
    assert int(time.timestamp()) * 1000 + time.microsecond // 1000 == timestamp


def test_a_record_can_be_pickled():
    assert pickle.loads(pickle.dumps(record(1))) == record(1)
