"""Pending counts are taken once, in whole numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from beam_dis.read.fetch.counts import PendingCounts, RecordSize, estimated_bytes, numbers_of
from beam_dis.stream_service import PageRecord


@given(amounts=st.lists(st.floats(0, 3)))
def test_fractions_are_kept_until_they_add_up_to_whole_numbers(amounts: list[float]) -> None:
    pending, taken = PendingCounts(), 0
    for amount in amounts:
        pending.add("seconds", amount)
        taken += pending.take().get("seconds", 0)
    assert sum(amounts) - 1 < taken + 1e-6
    assert taken <= sum(amounts) + 1e-6


def records_at(*numbers: int) -> list[PageRecord]:
    return [PageRecord(number, b"12345", 0) for number in numbers]


def test_the_numbers_of_records_are_those_from_the_first_to_the_last() -> None:
    assert numbers_of(records_at(7)) == 1
    assert numbers_of(records_at(7, 8, 9)) == 3
    assert numbers_of(records_at(7, 12, 16)) == 10


def test_numbers_without_a_record_have_no_bytes() -> None:
    """A service may skip numbers: an estimate counts the records that the numbers probably have."""
    size = RecordSize()
    page = records_at(10, 14, 17, 21, 29)
    size.note(len(page), 25, numbers_of(page))
    assert size.records_in(40) == 10
    assert estimated_bytes(size, 40) == 50
    assert (size.records_in(0), size.records_in(1)) == (0, 1)


def test_each_number_counts_as_a_record_until_some_were_read() -> None:
    assert RecordSize().records_in(40) == 40
    assert estimated_bytes(None, 40) == RecordSize().estimate(40) > 0
