"""V3IO behind the interface: positions that are any number, in shards whose numbers have gaps."""

import json

import pytest

from beam_dis.client.transport import Response
from beam_dis.errors import (
    AnswerTooLargeError,
    ConfigurationError,
    EncodeError,
    OutOfRangeError,
    PartitionNotFoundError,
    StreamNotFoundError,
    ThrottledError,
    TransportError,
)
from beam_dis.record import PutRecord
from beam_dis.request_counts import RequestCounts
from beam_dis.stream_service import (
    PAGE_MEMORY_BYTES,
    NotWritten,
    PartitionDescription,
    ReadPosition,
    Written,
)
from beam_dis.v3io.service import REQUEST_BYTES, V3IOService

P0, P1 = "shardId-0000000000", "shardId-0000000001"
MIB = 2**20
HOUR = 3600


@pytest.fixture
def service(client):
    return V3IOService(client.connection, client=client)


def at(number, partition=P0):
    return ReadPosition("a/b", "c/a/b", partition, number)


def numbers(page):
    return [record.sequence_number for record in page.records]


def fill(shard, *found, **fields):
    for number in found:
        shard.add(number, **fields)


# describe


def test_a_listing_has_the_first_number_and_the_one_after_the_last(service, v3io):
    fill(v3io.shard, 7, 9, 40)
    assert service.describe("a/b").partitions == (PartitionDescription(P0, 7, 41),)


def test_a_shard_of_one_record_is_listed(service, v3io):
    fill(v3io.shard, 7)
    assert service.describe("a/b").partitions == (PartitionDescription(P0, 7, 8),)


def test_an_empty_shard_has_no_numbers(service):
    assert service.describe("a/b").partitions == (PartitionDescription(P0, 0, 0, is_exact=False),)


def test_shards_that_appear_are_listed(service, client, v3io):
    assert len(service.describe("a/b").partitions) == 1
    client.update_stream("a/b", shard_count=3)
    v3io.streams["a/b"][2].add(5)
    assert [(p.partition_id, p.earliest, p.next) for p in service.describe("a/b").partitions] == [
        (P0, 0, 0),
        (P1, 0, 0),
        ("shardId-0000000002", 5, 6),
    ]


def test_a_listing_says_what_the_stream_is_and_takes(service):
    listing = service.describe("a/b")
    assert (listing.name, listing.stream_id, listing.data_type) == ("a/b", "c/a/b", "BLOB")
    assert (listing.data_schema, listing.retention_ms) == (None, 24 * HOUR * 1000)
    assert listing.limits[:3] == (1000, 6_000_000, MIB)
    assert listing.limits.partition_records > 10**9


def test_the_largest_put_stays_below_the_limit_of_its_body(service, v3io):
    key, info = "\U0001f600" * 64, bytes(16)
    size = REQUEST_BYTES // 1000
    service.write("a/b", [PutRecord(bytes(size), key, partition_id=0, client_info=info)] * 1000)
    assert len(v3io.sent[-1].body) < 10_000_000


def test_a_listing_of_an_idle_shard_costs_one_request_more_than_the_description(service, v3io):
    fill(v3io.shard, 7, 9, 40)
    service.describe("a/b")
    v3io.sent.clear()
    assert service.describe("a/b").partition(P0).next == 41
    assert v3io.functions == ["DescribeStream", "GetRecords"]


def test_a_listing_of_a_busy_shard_finds_its_new_end(service, v3io):
    fill(v3io.shard, 7, 9, 40)
    service.describe("a/b")
    fill(v3io.shard, 41, 50)
    assert service.describe("a/b").partition(P0) == PartitionDescription(P0, 7, 51)


def test_a_listing_after_expiry_has_the_new_first_number(service, v3io):
    fill(v3io.shard, 7, 9, 40)
    service.describe("a/b")
    v3io.shard.expired = 2
    assert service.describe("a/b").partition(P0) == PartitionDescription(P0, 40, 41)
    v3io.shard.expired = 3
    assert service.describe("a/b").partition(P0) == PartitionDescription(P0, 0, 0, is_exact=False)


def test_a_listing_of_a_stream_that_was_recreated_has_its_new_end(service, v3io):
    """The first number and the count of records are as before, and the last number is not."""
    fill(v3io.shard, 7, 9, 40)
    service.describe("a/b")
    v3io.shard.records.clear()
    v3io.generation += 1
    fill(v3io.shard, 7, 8, 20)
    assert service.describe("a/b").partition(P0) == PartitionDescription(P0, 7, 21)


def test_records_of_one_millisecond_are_all_listed(service, v3io):
    fill(v3io.shard, *range(10, 50_000, 10), arrival=1_767_225_600 * 10**9)
    assert service.describe("a/b").partition(P0) == PartitionDescription(P0, 10, 49_991)


def test_a_listing_ends_while_others_write(service, v3io):
    fill(v3io.shard, *range(1, 100), arrival=1_767_225_600 * 10**9)
    answer = v3io.send

    def send(request):
        fill(v3io.shard, *range(v3io.shard.records[-1][0] + 1, v3io.shard.records[-1][0] + 2001))
        return answer(request)

    v3io.send = send
    partition = service.describe("a/b").partition(P0)
    assert len(v3io.sent) < 20
    assert partition.next >= 100


def test_arrival_times_that_go_back_do_not_hide_the_end(service, v3io):
    for number, second in ((1, 100), (2, 5), (3, 50), (4, 7)):
        v3io.shard.add(number, arrival=second * 10**9)
    assert service.describe("a/b").partition(P0) == PartitionDescription(P0, 1, 5)


def test_requests_of_a_listing_are_counted_for_its_caller(service, client, v3io):
    client.update_stream("a/b", shard_count=5)
    counts = RequestCounts()
    with counts.counting():
        service.describe("a/b")
    assert sum(len(millis) for millis in counts.take().millis.values()) == 1 + 5 * 2


def test_a_stream_that_is_not_there_cannot_be_described(service):
    with pytest.raises(StreamNotFoundError):
        service.describe("a/missing")


# locate


def test_a_time_is_located(service, v3io):
    v3io.shard.add(7, arrival=1000 * 10**9)
    v3io.shard.add(9, arrival=2000 * 10**9)
    located = [service.locate("a/b", P0, ms) for ms in (0, 1_000_000, 1_000_001, 2_000_000, 2_000_001)]
    assert located == [7, 7, 9, 9, 10]


def test_a_record_that_arrives_while_the_end_is_found_is_located(service, v3io):
    v3io.shard.add(7, arrival=1000 * 10**9)
    answer = v3io.send

    def send(request):
        if json.loads(request.body).get("Type") == "EARLIEST":
            v3io.shard.add(20, arrival=5000 * 10**9)
        return answer(request)

    v3io.send = send
    assert service.locate("a/b", P0, 3_000_000) == 20


# read: consecutive pages


def test_pages_follow_each_other_without_looking_positions_up(service, v3io):
    fill(v3io.shard, *range(10, 3000, 10))
    position, found = at(0), []
    while (page := service.read(position, 100)).records:
        found += numbers(page)
        position = position.after(page.records)
    assert found == list(range(10, 3000, 10))
    assert v3io.functions.count("Seek") < 3


def test_after_an_empty_page_new_records_are_read_at_the_same_position(service, v3io):
    fill(v3io.shard, 7)
    assert numbers(service.read(at(8), MIB)) == []
    fill(v3io.shard, 30)
    v3io.sent.clear()
    assert numbers(service.read(at(8), MIB)) == [30]
    assert v3io.functions == ["GetRecords"]


def test_a_record_keeps_its_key_and_information_and_has_its_arrival_in_ms(service, v3io):
    v3io.shard.add(7, b"data", arrival=1_000_000_001_999_999, key="k", info=b"i")
    (record,) = service.read(at(0), MIB).records
    assert (record.data, record.partition_key, record.client_info) == (b"data", "k", b"i")
    assert record.timestamp == 1_000_000_001


def test_a_page_is_full_if_more_records_follow(service, v3io):
    fill(v3io.shard, *range(1, 102))
    first = service.read(at(0), MIB)
    assert (len(first.records), first.full, first.data_bytes) == (100, True, 100)
    assert not service.read(at(101), MIB).full


def test_a_page_is_as_of_the_services_clock(service, v3io):
    v3io.time.sleep(HOUR)
    assert service.read(at(0), MIB).as_of == (1_767_225_600 + HOUR) * 1000


def test_what_exceeds_the_bytes_of_a_page_comes_with_the_next_one(service, v3io):
    fill(v3io.shard, 7, 20, 33, data=bytes(600))
    first = service.read(at(0), 1000)
    assert numbers(first) == [7]
    assert first.full
    second = service.read(at(8), 1000)
    assert numbers(second) == [20]
    assert service.read(at(21), 1000).data_bytes == 600


def test_a_record_larger_than_the_page_may_be_is_read_nevertheless(service, v3io):
    fill(v3io.shard, 7, 20, data=bytes(600))
    assert numbers(service.read(at(0), 1)) == [7]


def test_a_page_takes_no_more_memory_than_it_may(service, v3io):
    fill(v3io.shard, *range(1, 60_000))
    service.read(at(0), 4 * MIB)
    page = service.read(at(101), 4 * MIB)
    assert len(page.records) * 241 <= PAGE_MEMORY_BYTES
    assert len(page.records) >= 9_000


def test_fewer_records_are_requested_after_an_answer_that_is_too_large(service, v3io):
    fill(v3io.shard, *range(1, 200))
    v3io.answers = [None, AnswerTooLargeError("too large"), AnswerTooLargeError("too large")]
    assert numbers(service.read(at(0), MIB)) == [1]
    limits = [json.loads(request.body).get("Limit") for request in v3io.sent]
    assert limits == [None, 100, 8, 1]


def test_a_throttled_read_is_raised_and_nothing_is_lost(service, v3io):
    fill(v3io.shard, 7, 20)
    service.read(at(21), MIB)
    fill(v3io.shard, 30)
    v3io.answers = [Response(429, {}, b"")]
    with pytest.raises(ThrottledError):
        service.read(at(21), MIB)
    v3io.sent.clear()
    assert numbers(service.read(at(21), MIB)) == [30]
    assert v3io.functions == ["GetRecords"]


# read: looking positions up


@pytest.mark.parametrize("accepts_next", [False, True])
@pytest.mark.parametrize(("number", "found"), [(0, 7), (7, 7), (8, 20), (9, 20), (20, 20), (21, 33), (33, 33)])
def test_any_number_within_the_shard_is_a_position(number, found, accepts_next, service, v3io):
    v3io.accepts_next = accepts_next
    fill(v3io.shard, 7, 20, 33)
    assert numbers(service.read(at(number), MIB))[0] == found


@pytest.mark.parametrize("accepts_next", [False, True])
def test_the_number_after_the_last_record_is_the_end(accepts_next, service, v3io):
    v3io.accepts_next = accepts_next
    fill(v3io.shard, 7, 20)
    page = service.read(at(21), MIB)
    assert (page.records, page.full) == ([], False)


def test_a_number_in_a_gap_is_found_by_time_in_a_long_shard(service, v3io):
    fill(v3io.shard, *range(10, 1_000_000, 10))
    assert numbers(service.read(at(654_325), 10))[0] == 654_330
    assert len(v3io.sent) < 60
    assert v3io.functions.count("GetRecords") < 30


def test_a_number_in_a_gap_is_found_among_records_of_one_time(service, v3io):
    fill(v3io.shard, *range(10, 50_000, 10), arrival=1_767_225_600 * 10**9)
    assert numbers(service.read(at(43_215), 10))[0] == 43_220


def test_a_location_that_is_refused_is_looked_up_again(service, v3io):
    fill(v3io.shard, 7, 20)
    service.read(at(8), 1)
    v3io.generation += 1
    fill(v3io.shard, 33)
    page = service.read(at(21), MIB)
    assert (numbers(page), page.reopened) == ([33], 1)


def test_numbers_whose_records_expired_are_out_of_range(service, v3io):
    fill(v3io.shard, 7, 20, 33)
    v3io.shard.expired = 2
    with pytest.raises(OutOfRangeError, match=r"number 8 is not within 33 to 34.*expired") as raised:
        service.read(at(8), MIB)
    assert (raised.value.earliest, raised.value.next, raised.value.code[:5]) == (33, 34, "V3IO.")


def test_records_that_expire_behind_a_kept_location_are_out_of_range(service, v3io):
    fill(v3io.shard, 7, 20, 33, 40)
    service.read(at(0), 1)
    v3io.shard.expired = 3
    with pytest.raises(OutOfRangeError):
        service.read(at(8), MIB)


@pytest.mark.parametrize("accepts_next", [False, True])
@pytest.mark.parametrize("number", [22, 23, 1000])
def test_a_number_that_the_shard_never_had_is_out_of_range(number, accepts_next, service, v3io):
    v3io.accepts_next = accepts_next
    fill(v3io.shard, 7, 20)
    with pytest.raises(OutOfRangeError, match="deleted and created again") as raised:
        service.read(at(number), MIB)
    assert (raised.value.earliest, raised.value.next) == (7, 21)


def test_an_empty_shard_has_an_empty_page_at_any_number(service, caplog):
    page = service.read(at(30), MIB)
    assert (page.records, page.full) == ([], False)
    assert "nothing shows whether records from number 30 on have expired unread" in caplog.text


def test_an_empty_page_at_a_number_is_warned_about_once(service, caplog):
    for _ in range(3):
        assert service.read(at(30), MIB).records == []
    assert caplog.text.count("nothing shows whether records") == 1


def test_lower_numbers_in_a_shard_that_was_empty_are_out_of_range(service, v3io):
    """The stream was deleted and created again: its numbers have started over."""
    assert service.read(at(30), MIB).records == []
    fill(v3io.shard, 1, 2)
    with pytest.raises(OutOfRangeError):
        service.read(at(30), MIB)


def test_nothing_is_lost_if_no_record_was_there_a_short_time_ago(service, v3io):
    """All records have expired, and so has the location; then new ones arrive."""
    fill(v3io.shard, 7, 20)
    service.read(at(21), MIB)
    v3io.time.sleep(HOUR)
    v3io.shard.expired = 2
    v3io.generation += 1
    v3io.shard.add(40, arrival=int(v3io.time.now()) * 10**9)
    assert numbers(service.read(at(21), MIB)) == [40]


def test_records_may_be_lost_if_that_is_longer_ago_than_the_retention(service, v3io):
    fill(v3io.shard, 7, 20)
    service.read(at(21), MIB)
    v3io.time.sleep(25 * HOUR)
    v3io.shard.expired = 2
    v3io.generation += 1
    v3io.shard.add(40, arrival=int(v3io.time.now()) * 10**9)
    with pytest.raises(OutOfRangeError):
        service.read(at(21), MIB)


def test_an_answer_with_lower_numbers_is_not_one_to_the_request(service, client, v3io):
    fill(v3io.shard, 7, 20)
    service.read(at(21), MIB)
    page = {"NextLocation": "0-9", "MSecBehindLatest": 0, "RecordsBehindLatest": 0}
    record = {"SequenceNumber": 7, "ArrivalTimeSec": 1, "ArrivalTimeNSec": 0, "Data": ""}
    v3io.answers = [v3io.ok({**page, "Records": [record]})] * 500
    with pytest.raises(TransportError, match="records from number 21 on were asked for"):
        service.read(at(21), MIB)


def test_a_shard_that_the_stream_does_not_have_cannot_be_read(service):
    with pytest.raises(PartitionNotFoundError):
        service.read(at(0, P1), MIB)
    with pytest.raises(PartitionNotFoundError):
        service.read(at(5, P1), MIB)


def test_a_stream_that_is_not_there_cannot_be_read(service, v3io):
    v3io.streams.clear()
    for number in (0, 5):
        with pytest.raises(StreamNotFoundError):
            service.read(at(number), MIB)


# write


def test_results_are_in_the_order_of_the_records(service):
    results = service.write(
        "a/b",
        [PutRecord(b"a", "k"), PutRecord(b"b", partition_id=7), PutRecord(b"c", partition_id=P0, client_info=b"i")],
    )
    assert results[0] == Written(P0, 5)
    assert results[2] == Written(P0, 8)
    assert isinstance(results[1], NotWritten)
    assert (results[1].code, results[1].retriable, results[1].no_partition) == (
        "V3IO.ShardIDOutOfRangeException",
        False,
        True,
    )


@pytest.mark.parametrize(
    ("error", "retriable", "code"),
    [
        ({"ErrorCode": -201326592, "ErrorMessage": "InvalidArgumentException"}, False, "V3IO.InvalidArgumentException"),
        ({"ErrorCode": -1, "ErrorMessage": "Operation not permitted"}, False, "V3IO.Operation not permitted"),
        ({"ErrorCode": -5, "ErrorMessage": "Input/output error"}, True, "V3IO.OtherError"),
        ({"ErrorCode": -11}, True, "V3IO.OtherError"),
    ],
)
def test_a_refused_record_says_why_and_whether_it_may_be_sent_again(error, retriable, code, service, v3io):
    v3io.answers = [v3io.ok({"FailedRecordCount": 1, "Records": [error]})]
    (result,) = service.write("a/b", [PutRecord(b"x")])
    assert (result.retriable, result.code) == (retriable, code)
    assert str(error["ErrorCode"]) in result.message


def test_a_put_whose_answer_is_lost_is_raised_and_not_repeated(service, v3io):
    v3io.answers = [TransportError("cut", maybe_done=True)]
    with pytest.raises(TransportError) as raised:
        service.write("a/b", [PutRecord(b"x")])
    assert raised.value.maybe_done
    assert len(v3io.sent) == 1


@pytest.mark.parametrize("answer", [(429, b""), (503, b'{"ErrorCode": -11, "ErrorMessage": "Busy"}')])
def test_a_throttled_put_is_raised_and_not_repeated(answer, service, v3io):
    v3io.answers = [Response(answer[0], {}, answer[1])]
    with pytest.raises(ThrottledError):
        service.write("a/b", [PutRecord(b"x")])
    assert len(v3io.sent) == 1


# what V3IO lacks


def test_an_explicit_hash_key_is_refused_by_name(service, v3io):
    with pytest.raises(EncodeError, match="explicit_hash_key=7"):
        service.write("a/b", [PutRecord(b"x", explicit_hash_key=7)])
    assert v3io.sent == []


@pytest.mark.parametrize(
    "call",
    [
        lambda service: service.ensure_app("app"),
        lambda service: service.committed("app", "a/b", P0),
        lambda service: service.commit("app", "a/b", P0, 7),
    ],
)
def test_apps_are_refused_by_name(call, service, v3io):
    with pytest.raises(ConfigurationError, match=r"app='app': .*no apps"):
        call(service)
    assert v3io.sent == []
