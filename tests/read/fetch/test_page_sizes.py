"""The sizes of pages are estimated from those that were read of the partition, or else of its stream."""

from __future__ import annotations

import pytest
from background_pages import START, at

from beam_dis.read.fetch.page_sizes import RECORD_BYTES, PageSizes
from beam_dis.stream_service import PAGE_MEMORY_BYTES, Page, PageRecord

MIB = 1024 * 1024


def page(first: int, count: int, size: int) -> Page:
    records = [PageRecord(number, bytes(size), 0) for number in range(first, first + count)]
    return Page(records, 0, data_bytes=count * size, full=True)


def sizes(count: int, size: int) -> PageSizes:
    """What is known after one page at the start."""
    known = PageSizes(2 * MIB)
    known.note(START, 10**9, page(0, count, size))
    return known


def test_nothing_is_known_of_a_stream_without_pages() -> None:
    known = sizes(10, 1)
    other = START._replace(stream_id="another id")
    assert known.numbers_in_a_page(other) is None
    assert known.bytes_to_request(other, 1) == 2 * MIB


@pytest.mark.parametrize("size", [200, 10_000])
def test_a_full_page_has_as_many_records_as_fit_into_its_bytes(size: int) -> None:
    assert sizes(10, size).numbers_in_a_page(at(0, "another partition")) == 2 * MIB // size


def test_a_full_page_of_tiny_records_is_bounded_by_its_memory() -> None:
    found = sizes(10_000, 1).numbers_in_a_page(START) or 0
    assert found == pytest.approx(PAGE_MEMORY_BYTES / (RECORD_BYTES + 1), rel=0.001)


def test_a_page_is_as_large_as_the_service_has_made_them() -> None:
    assert sizes(10_000, 200).numbers_in_a_page(START) == 10_000


def test_numbers_without_a_record_count_as_part_of_a_page() -> None:
    known = PageSizes(2 * MIB)
    known.note(START, 10**9, page(50, 50, 20_971))
    assert known.numbers_in_a_page(START) == 200


def test_what_is_left_of_a_segment_is_requested_with_some_room() -> None:
    assert sizes(10, 1000).bytes_to_request(at(100), 140) == 42_000
    assert sizes(10, 1000).bytes_to_request(at(100), 10_000) == 2 * MIB


def test_the_pages_of_a_partition_count_more_than_those_of_others() -> None:
    known = sizes(10, 1000)
    known.note(at(0, "other"), 10**9, page(0, 10, 10))
    assert known.bytes_to_request(at(10), 110) == 105_000
    assert known.bytes_to_request(at(10, "other"), 110) == 1_050


def test_more_is_requested_after_a_page_that_came_short() -> None:
    """A service may count more than the data; the end of a segment would take another request each time."""
    known = sizes(10, 1000)
    before = known.bytes_to_request(at(100), 140)
    known.note(at(10), 20, page(10, 9, 1000))
    assert known.bytes_to_request(at(100), 140) == pytest.approx(before * 1.05, rel=0.001)


def test_a_page_that_is_much_smaller_than_requested_says_nothing_of_the_next() -> None:
    known = sizes(10, 1000)
    before = known.bytes_to_request(at(100), 140)
    known.note(at(10), 60, page(10, 9, 1000))
    assert known.bytes_to_request(at(100), 140) == before


def test_half_as_much_again_is_the_most_that_is_requested() -> None:
    known = sizes(10, 1000)
    for _ in range(100):
        known.note(at(10), 20, page(10, 9, 1000))
    assert known.bytes_to_request(at(100), 140) == 60_000
