"""Seek and GetRecords: where a location is, what a page holds, and when a location is refused."""

from __future__ import annotations

import pytest

from beam_dis.local.v3io.positions import encode_location

HOUR = 3600
INVALID = {"ErrorCode": -201326592, "ErrorMessage": "InvalidArgumentException"}
ILLEGAL = {"ErrorCode": -201326593, "ErrorMessage": "IllegalLocationException"}


def datas(page):
    return [record["Data"] for record in page["Records"]]


def seek(v3io, **body):
    return v3io("/c/s/0", "SeekShard", body)


@pytest.fixture
def filled(v3io, time):
    """``v3io`` with three records in shard 0, each a second after the one before."""
    v3io.numbers = []
    for data in (b"a", b"b", b"c"):
        v3io.numbers += [result["SequenceNumber"] for result in v3io.put(data)]
        time.now += 1
    return v3io


def test_earliest_and_latest_are_the_ends_of_the_shard(filled):
    assert datas(filled.page(filled.location())) == ["YQ==", "Yg==", "Yw=="]
    latest = filled.location("LATEST")
    assert datas(filled.page(latest)) == []
    filled.put(b"d")
    assert datas(filled.page(latest)) == ["ZA=="]


def test_pages_follow_each_other_without_gaps(filled):
    first = filled.page(filled.location(), Limit=2)
    assert (datas(first), first["RecordsBehindLatest"], first["MSecBehindLatest"]) == (["YQ==", "Yg=="], 1, 1000)
    second = filled.page(first["NextLocation"], Limit=2)
    assert (datas(second), second["RecordsBehindLatest"], second["MSecBehindLatest"]) == (["Yw=="], 0, 0)
    assert filled.page(second["NextLocation"])["NextLocation"] == second["NextLocation"]


@pytest.mark.parametrize(
    ("after", "found"), [(-1, 3), (0, 3), (0.000_000_001, 2), (0.999, 2), (1, 2), (2, 1), (2.000_000_1, 0), (99, 0)]
)
def test_time_is_the_first_record_at_or_after_it(filled, after, found):
    seconds, nanoseconds = divmod(1_700_000_000_250_000_000 + round(after * 10**9), 10**9)
    location = filled.location("TIME", TimestampSec=seconds, TimestampNSec=nanoseconds)
    assert len(filled.page(location)["Records"]) == found


def test_a_sequence_number_is_that_of_a_record_or_one_more(filled):
    for index, number in enumerate(filled.numbers):
        at = filled.location("SEQUENCE", StartingSequenceNumber=number)
        after = filled.location("SEQUENCE", StartingSequenceNumber=number + 1)
        assert (len(datas(filled.page(at))), len(datas(filled.page(after)))) == (3 - index, 2 - index)


def test_any_other_sequence_number_is_refused(filled):
    known = {*filled.numbers, *(number + 1 for number in filled.numbers)}
    others = [-1, 0, *(set(range(1, filled.numbers[-1] + 50)) - known), 2**70]
    for number in others:
        answer = seek(filled, Type="SEQUENCE", StartingSequenceNumber=number)
        assert (answer.status, answer.body) == (400, INVALID), number


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"Type": "NEWEST"},
        {"Type": "SEQUENCE"},
        {"Type": "TIME", "TimestampSec": 1},
        {"Type": "TIME", "TimestampNSec": 1},
        {"Type": "TIME", "TimestampSec": 1, "TimestampNSec": 10**9},
    ],
)
def test_a_seek_without_what_its_type_needs_is_refused(v3io, body):
    assert seek(v3io, **body)[:2] == (400, INVALID)


def test_a_location_whose_records_have_expired_is_refused(filled, time):
    old, end = filled.location(), filled.location("LATEST")
    time.now += 25 * HOUR
    filled.store.housekeep()
    assert filled("/c/s/0", "GetRecords", {"Location": old})[:2] == (400, ILLEGAL)
    assert filled.page(end)["Records"] == []
    assert filled.location() == filled.location("TIME", TimestampSec=0, TimestampNSec=0) == end
    assert seek(filled, Type="SEQUENCE", StartingSequenceNumber=filled.numbers[0]).body == INVALID
    assert filled.location("SEQUENCE", StartingSequenceNumber=filled.numbers[-1] + 1) == end


def test_a_location_is_for_one_shard_of_one_stream(filled):
    location = filled.location()
    assert filled("/c/s/1", "GetRecords", {"Location": location})[:2] == (400, ILLEGAL)
    filled("/c/s/", method="DELETE")
    filled("/c/s/", "CreateStream", {})
    assert filled("/c/s/0", "GetRecords", {"Location": location})[:2] == (400, ILLEGAL)


@pytest.mark.parametrize("location", ["", "AAAA", "AQAAAAsAAAAFAEC2/+sAAA==", "!", "é", "A" * 100_000])
def test_a_location_that_was_never_given_is_refused(filled, location):
    assert filled("/c/s/0", "GetRecords", {"Location": location})[:2] == (400, ILLEGAL)


def test_a_location_after_the_end_is_refused(filled):
    stream = filled.store.stream("v3io:c", "s")
    location = encode_location(stream.stream_id, 0, 4)
    assert filled("/c/s/0", "GetRecords", {"Location": location}).body == ILLEGAL


@pytest.mark.parametrize("limit", [0, -1])
def test_a_page_has_at_least_one_record(filled, limit):
    assert filled("/c/s/0", "GetRecords", {"Location": filled.location(), "Limit": limit}).body == INVALID


def test_a_page_has_a_thousand_records_unless_more_are_asked_for(v3io):
    for _ in range(2):
        v3io.put(*[b""] * 1000)
    assert [len(v3io.page(v3io.location(), **more)["Records"]) for more in ({}, {"Limit": 1500})] == [1000, 1500]


def test_a_page_has_at_most_ten_megabytes(v3io):
    data = bytes(1024 * 1024)
    for _ in range(3):
        v3io.put(*[data] * 4)
    page = v3io.page(v3io.location())
    assert (len(page["Records"]), page["RecordsBehindLatest"]) == (9, 3)


def test_a_page_has_one_record_however_many_answers_are_under_way(v3io):
    v3io.put(bytes(1024 * 1024), b"b")
    with v3io.context.answers.counted(10**9):
        assert [len(record["Data"]) for record in v3io.page(v3io.location())["Records"]] == [1_398_104]
