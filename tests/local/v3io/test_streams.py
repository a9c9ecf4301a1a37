"""CreateStream, UpdateStream, DescribeStream and the requests by which official clients delete a stream."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

INVALID = {"ErrorCode": -201326592, "ErrorMessage": "InvalidArgumentException"}
NOT_FOUND = {"ErrorCode": -2, "ErrorMessage": "ResourceNotFoundException"}
NOT_LARGER = {"ErrorCode": -201326595, "ErrorMessage": "InvalidShardCountException"}


def described(v3io, path="/c/new/"):
    answer = v3io(path, "DescribeStream", {})
    return (answer.body["ShardCount"], answer.body["RetentionPeriodHours"]) if answer.status == 200 else None


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({}, (1, 24)),
        (None, (1, 24)),
        ({"ShardCount": 1000}, (1000, 24)),
        ({"RetentionPeriodHours": 1}, (1, 1)),
        ({"ShardCount": None, "RetentionPeriodHours": 10_000}, (1, 10_000)),
    ],
)
def test_a_stream_has_what_was_asked_for_or_the_defaults(v3io, body, found):
    assert v3io("/c/new/", "CreateStream", body)[:2] == (204, b"")
    assert described(v3io) == found


@pytest.mark.parametrize(
    "body",
    [
        {"ShardCount": 0},
        {"ShardCount": 10_001},
        {"ShardCount": 10**30},
        {"ShardCount": "2"},
        {"ShardCount": 1.5},
        {"RetentionPeriodHours": 0},
        {"RetentionPeriodHours": 876_001},
    ],
)
def test_a_stream_with_wrong_numbers_is_not_created(v3io, body):
    assert v3io("/c/new/", "CreateStream", body)[:2] == (400, INVALID)
    assert described(v3io) is None


@pytest.mark.parametrize("path", ["x" * 1025, "a%00b", "a%0Ab"])
def test_a_path_that_is_too_long_or_cannot_be_shown_is_refused(v3io, path):
    assert v3io(f"/c/{path}/", "CreateStream", {})[:2] == (400, INVALID)
    assert v3io(f"/{path}/s/", "CreateStream", {})[:2] == (400, INVALID)


def test_containers_keep_streams_of_one_path_apart(v3io):
    assert v3io("/d/s/", "CreateStream", {"ShardCount": 9}).status == 204
    assert (described(v3io, "/c/s/"), described(v3io, "/d/s/")) == ((3, 24), (9, 24))


@pytest.mark.parametrize(
    ("count", "answer"), [(4, (204, b"")), (3, (400, NOT_LARGER)), (2, (400, NOT_LARGER)), (0, (400, INVALID))]
)
def test_a_stream_only_grows(v3io, count, answer):
    assert v3io("/c/s/", "UpdateStream", {"ShardCount": count})[:2] == answer
    assert described(v3io, "/c/s/") == (max(3, count), 24)


def test_a_new_shard_takes_records_at_once(v3io):
    v3io("/c/s/", "UpdateStream", {"ShardCount": 100})
    assert v3io.put({"Data": "", "ShardId": 99}) == [{"SequenceNumber": 1, "ShardId": 99}]


@pytest.mark.parametrize("function", ["UpdateStream", "DescribeStream", "PutRecords"])
def test_a_path_without_a_stream_is_not_found(v3io, function):
    body = {"ShardCount": 5, "Records": [{"Data": ""}]}
    for path in ("/c/other/", "/other/s/", "/c/s/0/"):
        assert v3io(path, function, body)[:2] == (404, NOT_FOUND)


def test_what_was_acknowledged_is_there_after_a_restart(make_v3io):
    before = make_v3io()
    before("/c/s/", "CreateStream", {"ShardCount": 2, "RetentionPeriodHours": 7})
    before.put({"Data": "YQ==", "ClientInfo": "AA==", "PartitionKey": "k", "ShardId": 0})
    location, page = before.location(), before.page(before.location())
    after = make_v3io()
    assert (described(after, "/c/s/"), after.page(location)) == ((2, 7), page)


def test_the_shards_are_listed_as_objects(v3io):
    answer = v3io("/c?prefix=s%2F", method="GET")
    root = ET.fromstring(answer.body)
    assert (answer.status, [root.find(name).text for name in ("Name", "MaxKeys", "IsTruncated")]) == (
        200,
        ["c", "3", "false"],
    )
    assert root.find("NextMarker") is not None
    assert [found.find("Key").text for found in root.findall("Contents")] == ["s/0", "s/1", "s/2"]


@pytest.mark.parametrize("target", ["/c?prefix=other%2F", "/c", "/c?prefix=", "/c/s?prefix=s%2F", "/c?prefix=s%2F0"])
def test_anything_else_has_no_listing(v3io, target):
    assert v3io(target, method="GET")[:2] == (404, NOT_FOUND)


def test_deleting_the_shards_keeps_the_stream_and_deleting_its_path_does_not(v3io):
    v3io.put(b"a")
    assert [v3io(f"/c/s/{shard}", method="DELETE")[:2] for shard in range(3)] == [(204, b"")] * 3
    assert len(v3io.page(v3io.location())["Records"]) == 1
    assert v3io("/c/s/", method="DELETE")[:2] == (204, b"")
    assert described(v3io, "/c/s/") is None


@pytest.mark.parametrize("path", ["/c/other/", "/c/other/0", "/c/s/3", "/c/s/x", "/c/0"])
def test_what_is_not_there_cannot_be_deleted(v3io, path):
    assert v3io(path, method="DELETE")[:2] == (404, NOT_FOUND)


def test_deleting_a_shard_spares_a_stream_of_the_same_path(v3io):
    v3io("/c/s/0/", "CreateStream", {"ShardCount": 7})
    assert v3io("/c/s/0", method="DELETE").status == 204
    assert described(v3io, "/c/s/0/") == (7, 24)
    assert v3io("/c/s/0/", method="DELETE").status == 204
    assert (described(v3io, "/c/s/0/"), described(v3io, "/c/s/")) == (None, (3, 24))
