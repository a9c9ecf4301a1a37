"""The adapter of ``StreamService``: what it sends, returns and raises."""

import pytest

from beam_dis import errors
from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, PageRecord, PartitionDescription, ReadPosition, WriteLimits, Written
from beam_dis.wire.cursors import CursorToken, IteratorParam, encode_cursor
from beam_dis.wire.limits import MAX_RECORD_BYTES

P0, P1 = "shardId-0000000000", "shardId-0000000001"
ID = "8QM3Nt9YTLowtUVYJhO"
NOW_MS = 1_767_225_600_000


def stream(**fields):
    partitions = [
        {"partition_id": P1, "status": "DELETED", "sequence_number_range": "[3 : 9]"},
        {"partition_id": P0, "status": "ACTIVE", "sequence_number_range": "[0 : 5]"},
    ]
    return {"stream_name": "s", "stream_id": "i", "data_type": "CSV", "partitions": partitions, **fields}


def page(*numbers, cursor="next"):
    records = [
        {"partition_key": None, "sequence_number": str(n), "data": "AP8=", "timestamp": NOW_MS + n} for n in numbers
    ]
    return {"records": records, "next_partition_cursor": cursor}


def cursor_at(number):
    return encode_cursor(CursorToken(IteratorParam("s", P0, "AT_TIMESTAMP", str(number)), NOW_MS))


def test_describe_has_every_partition_by_number(connect, ok):
    service = connect(lambda _: ok(stream(data_schema="", csv_properties={"delimiter": ";"}))).service
    description = service.describe("s")
    assert description.partitions == (PartitionDescription(P0, 0, 5), PartitionDescription(P1, 3, 9, writable=False))
    assert (description.data_schema, description.delimiter, description.as_of) == (None, ";", NOW_MS)


@pytest.mark.parametrize("printed", [None, "[null : null]", "creating"])
def test_an_expired_partition_is_empty_and_unreadable(printed, connect, ok):
    partitions = [{"partition_id": P0, "status": "EXPIRED", "sequence_number_range": printed}]
    description = connect(lambda _: ok(stream(partitions=partitions))).service.describe("s")
    assert description.partitions == (PartitionDescription(P0, 0, 0, writable=False, readable=False),)


@pytest.mark.parametrize(("kind", "mib", "records"), [("COMMON", 1, 1000), ("ADVANCED", 5, 2000), ("", 1, 1000)])
def test_the_limits_are_those_of_the_streams_type(kind, mib, records, connect, ok):
    description = connect(lambda _: ok(stream(stream_type=kind))).service.describe("s")
    assert description.limits == WriteLimits(1000, mib * 1024 * 1024, 1024 * 1024, records, mib * 1024 * 1024)


def test_the_limits_count_the_partitions_that_can_be_written_to(connect, ok):
    partitions = [
        {"partition_id": f"shardId-000000000{number}", "status": status}
        for number, status in enumerate(["ACTIVE", "ACTIVE", "DELETED", "EXPIRED"])
    ]
    assert connect(lambda _: ok(stream(partitions=partitions))).service.describe("s").limits.partitions == 2


def test_the_error_for_an_unknown_stream_lists_the_existing_ones(connect, ok, refused):
    rig = connect([refused(4301, "Stream does not exist."), ok({"stream_names": ["a", "b"], "has_more_streams": True})])
    with pytest.raises(errors.StreamNotFoundError, match=r"'s'.*streams in project p1: a, b, …"):
        rig.service.describe("s")


def test_an_unknown_stream_is_an_error_even_if_streams_cannot_be_listed(connect, refused):
    rig = connect([refused(4301, "Stream does not exist."), refused(4116, status=403)])
    with pytest.raises(errors.StreamNotFoundError, match="does not exist"):
        rig.service.describe("s")


def test_a_shared_streams_id_is_looked_up_once(connect, ok, refused):
    def answer(request):
        if "cursors" in request.target:
            return ok({"partition_cursor": cursor_at(17)})
        return ok(stream()) if f"stream_id={ID}" in request.target else refused(4301)

    rig = connect(answer)
    service = rig.service
    service.locate(ID, P0, 4)
    assert service.locate(ID, P0, 5) == 17
    assert len(rig.transport.sent) == 4
    assert rig.sent[1].startswith(f"/v2/p1/cursors?stream-name=s&stream-id={ID}&partition-id={P0}")


def test_text_like_an_id_is_a_name_if_there_is_a_stream_of_that_name(connect, ok):
    rig = connect([ok(stream(stream_name=ID)), ok({"partition_cursor": cursor_at(17)})])
    assert rig.service.locate(ID, P0, 4) == 17
    assert "stream-id" not in rig.sent[1]


def read_at(service, number):
    return service.read(ReadPosition("s", "id", P0, number), MAX_RECORD_BYTES)


def test_read_returns_records_with_ints_and_the_time_of_the_request(connect, ok):
    rig = connect([ok(stream(stream_id="id")), ok({"partition_cursor": "c"}), ok(page(3, 4), seconds=0.5), ok(page())])
    service = rig.service
    first = read_at(service, 3)
    assert first.records == [PageRecord(n, b"\x00\xff", NOW_MS + n) for n in (3, 4)]
    assert first.as_of == NOW_MS - 500
    assert read_at(service, 5).records == []
    assert rig.sent[1].startswith("/v2/p1/records?partition-cursor=next")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (4319, errors.PartitionExpiredError),
        (4303, errors.ThrottledError),
    ],
)
def test_read_raises_at_once_if_the_source_has_to_decide(code, kind, connect, ok, refused):
    rig = connect([ok(stream(stream_id="id")), ok({"partition_cursor": "c"}), refused(code)])
    with pytest.raises(kind, match=f"stream 's', partition {P0}"):
        read_at(rig.service, 3)
    assert rig.time.slept == []


def test_reading_an_expired_number_raises_the_range_of_the_partition(connect, ok, refused):
    rig = connect(
        [ok(stream(stream_id="id")), refused(4224, "Sequence_number out of range. [1][ should be within ][3][ ][9]")]
    )
    with pytest.raises(errors.OutOfRangeError) as error:
        read_at(rig.service, 1)
    assert (error.value.earliest, error.value.next) == (3, 9)


def test_locate_takes_the_number_from_the_cursor(connect, ok):
    rig = connect([ok({"partition_cursor": cursor_at(17)})])
    assert rig.service.locate("s", P0, 5) == 17
    assert rig.sent[1].endswith("cursor-type=AT_TIMESTAMP&timestamp=5")


def test_locate_before_the_oldest_record_is_the_oldest(connect, ok, refused):
    expired = refused(4300, "Request error. [timestamp is expired, timestamp should be larger than 7]")
    partitions = [{"partition_id": P1, "status": "ACTIVE", "sequence_number_range": "[3 : 9]"}]
    rig = connect([expired, ok(stream(partitions=partitions))])
    assert rig.service.locate("s", P1, 5) == 3
    assert rig.sent[1] == f"/v2/p1/streams/s?start_partitionId={P0}&limit_partitions=1"


def test_locate_in_a_partition_that_is_not_listed_is_an_error(connect, ok, refused):
    expired = refused(4300, "Request error. [timestamp is expired, timestamp should be larger than 7]")
    with pytest.raises(errors.PartitionNotFoundError, match=f"'s' has no partition {P1}"):
        connect([expired, ok(stream(partitions=[]))]).service.locate("s", P1, 5)


def test_locate_refuses_a_cursor_without_a_sequence_number(connect, ok):
    with pytest.raises(errors.TransportError, match="contain a sequence number"):
        connect([ok({"partition_cursor": "opaque"})]).service.locate("s", P0, 5)


def test_write_returns_one_result_per_record(connect, ok):
    entries = [
        {"partition_id": P0, "sequence_number": "7", "error_code": None},
        {"error_code": "DIS.4303", "error_message": "slow"},
        {"error_code": "DIS.5250"},
        {"error_code": "DIS.4302", "error_message": "closed"},
    ]
    rig = connect([ok({"failed_record_count": 3, "records": entries})])
    assert rig.service.write("s", [PutRecord(b"x")] * 4) == [
        Written(P0, 7),
        NotWritten("DIS.4303", "slow", retriable=True, throttled=True),
        NotWritten("DIS.5250", "Record could not be stored.", retriable=True),
        NotWritten("DIS.4302", "closed", retriable=False, no_partition=True),
    ]


def test_write_sends_routing_and_data(connect, ok):
    rig = connect([ok({"records": [{"partition_id": P0, "sequence_number": "0"}]})])
    rig.service.write("s", [PutRecord(b"\xff", "k", "9", P0, 5)])
    record = {"data": "/w==", "partition_key": "k", "explicit_hash_key": "9", "partition_id": P0, "timestamp": 5}
    assert rig.sent == ("POST", "/v2/p1/records", {"stream_name": "s", "records": [record]})


def test_an_empty_record_is_not_sent_and_the_others_are(connect, ok):
    rig = connect([ok({"records": [{"partition_id": P0, "sequence_number": "0"}]})])
    empty, written = rig.service.write("s", [PutRecord(b""), PutRecord(b"x")])
    assert (empty.code, empty.retriable, written) == ("DIS.4200", False, Written(P0, 0))
    assert len(rig.sent[2]["records"]) == 1


def test_nothing_to_write_sends_nothing(connect, ok):
    rig = connect(lambda _: ok())
    assert rig.service.write("s", []) == []
    assert [result.code for result in rig.service.write("s", [PutRecord(b"")])] == ["DIS.4200"]
    assert rig.transport.sent == []


@pytest.mark.parametrize("count", [0, 2])
def test_an_answer_with_a_wrong_number_of_results_is_an_error(count, connect, ok):
    rig = connect([ok({"records": [{"partition_id": P0, "sequence_number": "0"}] * count})])
    with pytest.raises(errors.TransportError, match="not an answer of DIS"):
        rig.service.write("s", [PutRecord(b"x")])


@pytest.mark.parametrize("lost", [errors.TransportError("cut"), None])
def test_a_lost_or_throttled_put_is_raised_at_once(lost, connect, refused):
    rig = connect([lost or refused(4303)])
    with pytest.raises(errors.DISError):
        rig.service.write("s", [PutRecord(b"x")])
    assert rig.time.slept == []


def test_a_missing_app_is_created(connect, ok, refused):
    rig = connect([refused(4332), ok(status=201)])
    rig.service.ensure_app("a")
    assert rig.sent == ("POST", "/v2/p1/apps", {"app_name": "a"})


def test_ensure_app_succeeds_if_another_worker_creates_the_app_first(connect, refused):
    assert connect([refused(4332), refused(4330)]).service.ensure_app("a") is None


def test_an_existing_app_is_left_unchanged(connect, ok):
    rig = connect([ok({"app_name": "a"})])
    rig.service.ensure_app("a")
    assert len(rig.transport.sent) == 1


@pytest.mark.parametrize(
    ("sent", "number"), [({"sequence_number": "8"}, 8), ({"sequence_number": "-1"}, None), ({}, None)]
)
def test_committed_is_the_next_number_or_none(sent, number, connect, ok):
    assert connect([ok(sent)]).service.committed("a", "s", P0) == number


def test_committed_is_none_if_the_app_never_committed(connect, refused):
    assert connect([refused(4375)]).service.committed("a", "s", P0) is None


def test_commit_sends_the_next_number(connect, ok):
    rig = connect([ok(status=201)])
    rig.service.commit("a", "s", P0, 8)
    assert rig.sent[2]["sequence_number"] == "8"
