"""Decoding gives one value per record, in order. An undecodable record raises or becomes a dead letter; none is dropped."""

from __future__ import annotations

import pytest

from beam_dis.dead_letter import DeadLetter
from beam_dis.errors import DecodeError
from beam_dis.formats import Rows
from beam_dis.read.decode import DataDecoder, DeadLetterLimit, PageDecoder
from beam_dis.read.values import RecordRun
from beam_dis.record import DISRecord
from beam_dis.stream_service import PageRecord


def record(number: int, data: bytes, timestamp: int = 0) -> DISRecord:
    return DISRecord("flights", "shardId-0000000000", number, "k", data, timestamp)


def number(r: DISRecord) -> int:
    if not r.data.isdigit():
        raise DecodeError(f"{r.data!r} is not a number").at(r.stream, r.partition_id, r.sequence_number)
    return int(r.data)


PAGE = [record(0, b"1", 10), record(1, b"x", 20), record(2, b"3", 20)]


def test_an_undecodable_record_raises_and_is_named() -> None:
    with pytest.raises(DecodeError, match="stream 'flights', partition shardId-0000000000, sequence number 1: b'x'"):
        list(PageDecoder(number, dead_letters=False).values(PAGE))


def test_an_undecodable_record_becomes_a_dead_letter_in_order() -> None:
    first, dead, last = PageDecoder(number, dead_letters=True).values(PAGE)
    assert (first, last) == (1, 3)
    assert isinstance(dead, DeadLetter)
    assert (dead.sequence_number, dead.partition_key, dead.data) == (1, "k", b"x")


def test_values_have_the_users_event_time_and_dead_letters_their_arrival_time() -> None:
    runs = list(PageDecoder(number, dead_letters=True).runs_of_event_time(PAGE, lambda value: value // 2 * 1_000_000))
    assert [(micros, len(values)) for micros, values in runs] == [(0, 1), (20_000, 1), (1_000_000, 1)]


def test_a_timestamp_function_that_fails_is_reported_with_value_and_record() -> None:
    with pytest.raises(DecodeError, match="sequence number 0: timestamp_fn failed on 1: ZeroDivisionError"):
        list(PageDecoder(number, dead_letters=False).runs_of_event_time(PAGE, lambda value: value // 0))


def test_values_are_decoded_one_at_a_time() -> None:
    assert next(PageDecoder(number, dead_letters=False).values(PAGE)) == 1


def test_neighbours_of_equal_arrival_time_are_one_run_of_full_records() -> None:
    records = [PageRecord(0, b"1", 10, "k"), PageRecord(1, b"x", 20, "k"), PageRecord(2, b"3", 20, "k")]
    runs = list(RecordRun("flights", "shardId-0000000000", records).by_time())
    assert [(time, list(run)) for time, run in runs] == [(10, PAGE[:1]), (20, PAGE[1:])]


def limited(most: int) -> PageDecoder:
    return PageDecoder(number, dead_letters=True, limit=DeadLetterLimit(most))


def test_more_failures_in_a_row_than_the_limit_raise() -> None:
    values = limited(2).values(record(place, b"x") for place in range(3))
    assert [type(next(values)) for _ in range(2)] == [DeadLetter, DeadLetter]
    with pytest.raises(
        DecodeError, match=r"sequence number 2: 3 records in a row don't decode, and max_dead_letters=2: .*b'x'"
    ):
        next(values)


def test_a_record_that_decodes_starts_the_count_again() -> None:
    data = [b"x", b"x", b"1"] * 3
    assert len(list(limited(2).values(record(place, each) for place, each in enumerate(data)))) == 9


def test_failures_are_counted_over_pages_and_apart_for_each_partition() -> None:
    decoder = limited(2)
    other = [record(9, b"1")._replace(partition_id="shardId-0000000001")]
    list(decoder.values([record(0, b"x"), record(1, b"x")]))
    list(decoder.values(other))
    with pytest.raises(DecodeError, match="3 records in a row"):
        list(decoder.values([record(2, b"x")]))


def test_a_record_that_is_read_again_does_not_count_twice() -> None:
    decoder = limited(2)
    for _ in range(3):
        assert len(list(decoder.values([record(0, b"x"), record(1, b"x")]))) == 2


def test_failures_of_the_timestamp_function_count_too() -> None:
    with pytest.raises(DecodeError, match="2 records in a row don't decode, and max_dead_letters=1"):
        list(limited(1).runs_of_event_time([record(0, b"1"), record(1, b"2")], lambda value: value // 0))


def rows(r: DISRecord) -> Rows:
    if r.data == b"x":
        raise DecodeError("x").at(r.stream, r.partition_id, r.sequence_number)
    return Rows(int(part) for part in r.data.split())


def test_a_record_of_several_rows_is_several_values_and_one_dead_letter() -> None:
    page = [record(0, b"1 2"), record(1, b""), record(2, b"x"), record(3, b"3")]
    first, second, dead, last = PageDecoder(rows, dead_letters=True).values(page)
    assert (first, second, last) == (1, 2, 3)
    assert (dead.sequence_number, dead.data) == (2, b"x")
    assert list(PageDecoder(rows, dead_letters=False).values(page[:2])) == [1, 2]


def test_each_row_of_a_record_has_its_event_time() -> None:
    runs = PageDecoder(rows, dead_letters=True).runs_of_event_time([record(0, b"1 2 2")], lambda value: value)
    assert list(runs) == [(1, [1]), (2, [2, 2])]


def test_an_event_time_that_fails_for_one_row_makes_the_record_a_dead_letter() -> None:
    ((_, (dead,)),) = PageDecoder(rows, dead_letters=True).runs_of_event_time(
        [record(0, b"1 0", 7)], lambda value: 1 // value
    )
    assert isinstance(dead, DeadLetter)


def test_a_list_of_a_users_function_is_one_value() -> None:
    assert list(PageDecoder(lambda r: [r.data], dead_letters=True).values([record(0, b"1")])) == [[b"1"]]


def test_the_data_of_records_is_given_as_it_is() -> None:
    """Nothing is decoded, and no record is made."""
    run = RecordRun("flights", "shardId-0000000000", [PageRecord(0, b"1", 10, "k"), PageRecord(1, b"x", 10)])
    assert list(DataDecoder(number, dead_letters=False).values(run)) == [b"1", b"x"]
