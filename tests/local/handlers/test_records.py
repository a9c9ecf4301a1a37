"""The operations of records over HTTP: routing, refusals, pages and cursors."""

from __future__ import annotations

import base64
import time

import pytest

from beam_dis.wire.cursors import CursorToken, IteratorParam, decode_cursor, encode_cursor
from beam_dis.wire.ranges import hash_of

pytestmark = pytest.mark.integration

MIB = 1024 * 1024


def record(data: bytes = b"hi", **more: str) -> dict[str, str]:
    return {"data": base64.b64encode(data).decode(), **more}


def data_of(answer) -> list[bytes]:
    return [base64.b64decode(entry["data"]) for entry in answer.body["records"]]


def test_records_are_numbered_from_zero_in_their_order(api):
    api.stream()
    answer = api.put(record(partition_key="a"), record(partition_key="b"))
    results = [{"partition_id": "shardId-0000000000", "sequence_number": number} for number in ("0", "1")]
    assert answer == (200, "", {"failed_record_count": 0, "records": results})


def test_a_page_has_the_records_and_the_cursor_after_them(api):
    api.stream()
    api.put(record(b"\x00\xff", partition_key="käse"), record(b"plain"))
    body = api.page(api.cursor()).body
    first, second = body["records"]
    assert [first[name] for name in ("partition_key", "sequence_number", "timestamp_type")] == [
        "käse",
        "0",
        "CreateTime",
    ]
    assert (second["partition_key"], base64.b64decode(first["data"])) == (None, b"\x00\xff")
    assert abs(first["timestamp"] - time.time() * 1000) < 60_000
    assert api.page(body["next_partition_cursor"]).body["records"] == []


def test_a_cursor_for_a_stream_and_a_partition_alone_is_at_the_oldest_record(api):
    api.stream()
    api.put(record(b"first"))
    cursor = api("GET", "/cursors", **{"stream-name": "s", "partition-id": "0"}).body["partition_cursor"]
    assert data_of(api.page(cursor)) == [b"first"]


def test_keys_go_to_the_partition_of_their_hash(api):
    api.stream(partitions=4)
    keys = ["0", "1", "k1", "k2", "key", "用户"]
    results = api.put(*(record(partition_key=key) for key in keys)).body["records"]
    share = (2**63 - 1) // 4
    expected = [f"shardId-{min(hash_of(key) // share, 3):010d}" for key in keys]
    assert [result["partition_id"] for result in results] == expected


@pytest.mark.parametrize(
    ("fields", "number"),
    [
        ({"partition_id": "2", "explicit_hash_key": "0", "partition_key": "k"}, 2),
        ({"partition_id": "shardId-0000000001"}, 1),
        ({"explicit_hash_key": str(2**63 - 1), "partition_key": "k"}, 2),
        ({"explicit_hash_key": "0", "partition_id": ""}, 0),
    ],
)
def test_a_partition_id_counts_before_a_hash_key_before_a_partition_key(api, fields, number):
    api.stream(partitions=3)
    [result] = api.put(record(**fields)).body["records"]
    assert result["partition_id"] == f"shardId-{number:010d}"


def test_records_that_name_no_partition_are_spread_over_all(api):
    api.stream(partitions=3)
    results = api.put(*[record()] * 6).body["records"]
    assert len({result["partition_id"] for result in results}) == 3


REFUSED_RECORDS = [
    ("empty data", {"data": ""}, "DIS.4200"),
    ("misnamed partition", record(partition_id="shard"), "DIS.4201"),
    ("unknown partition", record(partition_id="9"), "DIS.4302"),
    ("deleted partition", record(partition_id="1"), "DIS.4302"),
    ("empty partition key", record(partition_key=""), "DIS.4200"),
    ("empty partition key beside a hash key", record(partition_key="", explicit_hash_key="0"), "DIS.4200"),
    ("empty hash key", record(explicit_hash_key=""), "DIS.4200"),
    ("empty hash key beside a key", record(explicit_hash_key="", partition_key="k"), "DIS.4200"),
    ("hash key not a number", record(explicit_hash_key="x"), "DIS.4200"),
    ("negative hash key", record(explicit_hash_key="-1"), "DIS.4200"),
    ("huge hash key", record(explicit_hash_key=str(2**63)), "DIS.4200"),
]


@pytest.mark.parametrize(("name", "wrong", "code"), REFUSED_RECORDS, ids=[row[0] for row in REFUSED_RECORDS])
def test_a_refused_record_takes_no_number_and_stops_no_other(api, name, wrong, code):
    api.stream(partitions=2)
    api("PUT", "/streams/s", {"target_partition_count": 1})
    body = api.put(record(), wrong, record()).body
    first, refused, last = body["records"]
    assert (first["sequence_number"], last["sequence_number"], body["failed_record_count"]) == ("0", "1", 1)
    assert (refused["error_code"], sorted(refused)) == (code, ["error_code", "error_message"])


def test_a_record_over_a_mebibyte_is_refused_alone(api):
    api.stream(stream_type="ADVANCED")
    body = api.put(record(b"x" * (MIB + 1)), record(b"x" * MIB)).body
    assert [entry.get("error_code") for entry in body["records"]] == ["DIS.4200", None]


@pytest.mark.parametrize(("kind", "limit"), [("COMMON", MIB), ("ADVANCED", 5 * MIB)])
def test_a_request_may_have_as_much_data_as_the_type_of_its_stream_allows(api, kind, limit):
    api.stream(stream_type=kind)
    fits = [record(b"x" * (MIB // 2))] * (limit // (MIB // 2))
    assert api.put(*fits).status == 200
    assert api.put(*fits, record(b"x"))[:2] == (413, "DIS.4200")


def test_the_id_of_a_stream_counts_if_its_name_is_unknown(api):
    api.stream("s")
    stream_id = api("GET", "/streams/s").body["stream_id"]
    body = {"stream_name": "other", "stream_id": stream_id, "records": [record()]}
    assert api("POST", "/records", body).status == 200


def test_nulls_and_unknown_fields_are_ignored(api):
    api.stream()
    entry = {**record(), "partition_key": None, "explicit_hash_key": None, "partition_id": "", "timestamp": 5, "x": [1]}
    body = {"stream_name": "s", "stream_id": "", "records": [entry], "unknown": {}}
    assert api("POST", "/records/", body).body["failed_record_count"] == 0


@pytest.mark.parametrize(
    ("kind", "more", "start"),
    [
        ("TRIM_HORIZON", {}, 0),
        ("LATEST", {}, 3),
        ("AT_SEQUENCE_NUMBER", {"starting-sequence-number": "1"}, 1),
        ("AT_SEQUENCE_NUMBER", {"starting-sequence-number": "3"}, 3),
        ("AFTER_SEQUENCE_NUMBER", {"starting-sequence-number": "-1"}, 0),
        ("AFTER_SEQUENCE_NUMBER", {"starting-sequence-number": "2"}, 3),
        ("AT_TIMESTAMP", {"timestamp": "9999999999999"}, 3),
    ],
)
def test_a_cursor_is_resolved_to_a_number_when_it_is_issued(api, kind, more, start):
    api.stream()
    api.put(*[record()] * 3)
    cursor = api.cursor(0, kind, **more)
    api.put(record())
    assert decode_cursor(cursor).get_iterator_param.starting_sequence_number == str(start)
    assert [entry["sequence_number"] for entry in api.page(cursor).body["records"]] == [str(n) for n in range(start, 4)]


@pytest.mark.parametrize(
    ("kind", "number"), [("AT_SEQUENCE_NUMBER", "-1"), ("AFTER_SEQUENCE_NUMBER", "-2"), ("AFTER_SEQUENCE_NUMBER", "1")]
)
def test_a_cursor_outside_the_range_is_refused(api, kind, number):
    api.stream()
    api.put(record())
    query = {"stream-name": "s", "partition-id": "0", "cursor-type": kind, "starting-sequence-number": number}
    assert api("GET", "/cursors", **query).code == "DIS.4224"


def test_a_cursor_at_the_time_of_a_record_starts_at_that_record(api):
    api.stream()
    api.put(record(b"a"))
    stamp = api.page(api.cursor()).body["records"][0]["timestamp"]
    assert data_of(api.page(api.cursor(0, "AT_TIMESTAMP", timestamp=stamp))) == [b"a"]


def test_a_page_has_no_more_data_than_was_asked_for(api):
    api.stream()
    api.put(*[record(b"x" * 100)] * 5)
    pages, cursor = [], api.cursor()
    for _ in range(3):
        body = api.page(cursor, max_fetch_bytes=250).body
        pages.append(len(body["records"]))
        cursor = body["next_partition_cursor"]
    assert pages == [2, 2, 1]


def test_a_record_larger_than_was_asked_for_gives_an_empty_page(api):
    api.stream()
    api.put(record(b"x" * 100))
    answer = api.page(api.cursor(), max_fetch_bytes=99)
    assert (answer.status, answer.body["records"]) == (200, [])


@pytest.mark.parametrize("wrong", [{"max_fetch_bytes": 0}, {"max_fetch_bytes": -1}, {"limit": 0}, {"limit": 10_001}])
def test_a_page_size_below_one_is_refused(api, wrong):
    api.stream()
    assert api.page(api.cursor(), **wrong).code == "DIS.4200"


def test_a_cursor_is_valid_for_five_minutes(api):
    api.stream()
    token = decode_cursor(api.cursor())
    older = encode_cursor(CursorToken(token.get_iterator_param, token.generate_timestamp - 301_000))
    younger = encode_cursor(CursorToken(token.get_iterator_param, token.generate_timestamp - 290_000))
    assert (api.page(older).code, api.page(younger).status) == ("DIS.4225", 200)


def test_a_cursor_after_the_end_of_its_partition_is_refused_as_invalid(api):
    api.stream()
    param = IteratorParam("s", "shardId-0000000000", "AT_SEQUENCE_NUMBER", "7")
    assert api.page(encode_cursor(CursorToken(param, int(time.time() * 1000)))).code == "DIS.4217"


def test_a_deleted_partition_can_still_be_read(api):
    api.stream(partitions=2)
    api.put(record(b"left", partition_id="1"))
    api("PUT", "/streams/s", {"target_partition_count": 1})
    assert data_of(api.page(api.cursor(1))) == [b"left"]


def test_a_cursor_may_have_padding_and_a_trailing_ampersand(api):
    api.stream()
    url = f"{api.root}/records/?partition-cursor={api.cursor()}==&limit=10&"
    assert api("GET", url).body["records"] == []


def test_a_page_of_tiny_records_is_bounded_in_records_and_bytes(api):
    """Ten thousand records of one byte take more than a mebibyte as they are sent."""
    api.stream()
    for _ in range(3):
        assert api.put(*[record(b"x", partition_id="0")] * 9_000).status == 200
    cursor, numbers = api.cursor(), []
    while len(numbers) < 27_000:
        answer = api.http.get(f"{api.root}/records", params={"partition-cursor": cursor, "max_fetch_bytes": 10 * MIB})
        assert len(answer.content) < 1.5 * MIB
        page = answer.json()
        assert 0 < len(page["records"]) <= 10_000
        numbers += [int(entry["sequence_number"]) for entry in page["records"]]
        cursor = page["next_partition_cursor"]
    assert numbers == list(range(27_000))


def test_a_page_of_records_with_long_keys_is_bounded(api):
    api.stream()
    for _ in range(6):
        assert api.put(*[record(b"x", partition_id="0", partition_key="k" * 10_000)] * 1000).status == 200
    answer = api.http.get(f"{api.root}/records", params={"partition-cursor": api.cursor(), "max_fetch_bytes": 2 * MIB})
    assert 0 < len(answer.content) < 4 * MIB


def test_a_small_page_of_tiny_records_still_has_all_that_was_asked_for(api):
    api.stream()
    api.put(*[record(b"x", partition_id="0")] * 2000)
    assert len(api.page(api.cursor(), max_fetch_bytes=1500).body["records"]) == 1500
