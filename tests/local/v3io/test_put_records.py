"""PutRecords: each record has its own result, and what can't be stored keeps nothing else from being stored."""

from __future__ import annotations

import pytest

MIB = 1024 * 1024
OUT_OF_RANGE = {"ErrorCode": -201326594, "ErrorMessage": "ShardIDOutOfRangeException"}
INVALID = {"ErrorCode": -201326592, "ErrorMessage": "InvalidArgumentException"}


def b64(size):
    """Base64 of ``size`` zeros; its last characters pad it."""
    return "AAAA" * (size // 3) + ("", "AA==", "AAA=")[size % 3]


@pytest.mark.parametrize(
    ("record", "error"),
    [
        ({"Data": "", "ShardId": 3}, OUT_OF_RANGE),
        ({"Data": "", "ShardId": -1}, OUT_OF_RANGE),
        ({"Data": "", "ShardId": 10**30}, OUT_OF_RANGE),
        ({"Data": b64(MIB + 1)}, INVALID),
        ({"Data": "", "ClientInfo": b64(17)}, INVALID),
        ({"Data": "", "PartitionKey": "k" * 257}, INVALID),
        ({"Data": "", "PartitionKey": "é" * 129}, INVALID),
    ],
)
def test_a_record_that_cannot_be_stored_leaves_the_others_alone(v3io, record, error):
    answer = v3io(
        "/c/s/", "PutRecords", {"Records": [{"Data": "YQ==", "ShardId": 1}, record, {"Data": "Yg==", "ShardId": 1}]}
    )
    before, refused, after = answer.body["Records"]
    assert (answer.status, answer.body["FailedRecordCount"], refused) == (200, 1, error)
    assert before["SequenceNumber"] < after["SequenceNumber"]
    assert [record["Data"] for record in v3io.page(v3io.location(shard=1), 1)["Records"]] == ["YQ==", "Yg=="]


def test_the_largest_values_are_stored_as_they_are(v3io):
    record = {"Data": b64(MIB), "ClientInfo": b64(16), "PartitionKey": "é" * 128, "ShardId": 0}
    assert v3io.put(record)[0]["ShardId"] == 0
    [found] = v3io.page(v3io.location())["Records"]
    assert {name: found[name] for name in ("Data", "ClientInfo", "PartitionKey")} == {
        name: record[name] for name in ("Data", "ClientInfo", "PartitionKey")
    }


@pytest.mark.parametrize(
    "body",
    [
        {"Records": []},
        {"Records": [{"Data": ""}] * 1001},
        {"Records": [{"PartitionKey": "k"}]},
        {"Records": [{"Data": None}]},
        {"Records": [{"Data": "not base64!"}]},
        {"Records": [{"Data": 1}]},
        {"Records": [{"Data": "", "ShardId": "0"}]},
        {"Records": "AAAA"},
        {},
        [],
    ],
)
def test_a_request_that_is_wrong_as_a_whole_stores_nothing(v3io, body):
    answer = v3io("/c/s/", "PutRecords", body)
    assert (answer.status, answer.body) == (400, INVALID)
    assert [v3io.page(v3io.location(shard=shard), shard)["Records"] for shard in range(3)] == [[], [], []]


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff", b"[" * 100_000, b'{"Records": [' + b"{}," * 300_001, b" " * 10_000_001]
)
def test_a_body_that_is_no_json_or_too_large_is_refused(v3io, raw):
    assert v3io("/c/s/", "PutRecords", raw=raw)[:2] == (400, INVALID)


def test_a_thousand_records_are_stored_in_order(v3io):
    results = v3io.put(*(b"%d" % number for number in range(1000)))
    numbers = [result["SequenceNumber"] for result in results]
    assert numbers == sorted(set(numbers))
    assert numbers != list(range(numbers[0], numbers[0] + 1000))
    assert [record["SequenceNumber"] for record in v3io.page(v3io.location())["Records"]] == numbers


def test_keys_of_nothing_but_commas_are_no_values(v3io):
    assert {"SequenceNumber", "ShardId"} == set().union(*v3io.put(*[{"Data": "", "PartitionKey": "," * 256}] * 1000))


def test_a_shard_takes_precedence_over_a_key(v3io):
    results = v3io.put(*({"Data": "", "PartitionKey": "same", "ShardId": shard} for shard in (2, 0, 1)))
    assert [result["ShardId"] for result in results] == [2, 0, 1]


def test_records_of_one_key_go_to_one_shard(v3io):
    results = v3io.put(*({"Data": "", "PartitionKey": f"k{number % 20}"} for number in range(100)))
    shards = [result["ShardId"] for result in results]
    assert shards == shards[:20] * 5
    assert set(shards) == {0, 1, 2}


def test_records_without_shard_and_key_go_to_the_shards_in_turn(v3io):
    results = v3io.put(*[{"Data": ""}] * 6)
    assert [result["ShardId"] for result in results] == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize("info", [None, "", "AA==", b64(16)])
def test_client_information_comes_back_as_it_was_put(v3io, info):
    v3io.put({"Data": "ZGF0YQ==", "ShardId": 0, "ClientInfo": info})
    [record] = v3io.page(v3io.location())["Records"]
    assert (record["Data"], record.get("ClientInfo")) == ("ZGF0YQ==", info)
