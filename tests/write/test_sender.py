import threading
from contextlib import nullcontext

import pytest
from fake_service import BROKEN, NO_PARTITION, THROTTLED, FakeService, Lost, Partly
from fake_time import FakeTime, in_memory_sender
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.errors import (
    AuthenticationError,
    InvalidRequestError,
    PartitionNotFoundError,
    ServerError,
    StreamNotFoundError,
    StreamNotRunningError,
    ThrottledError,
    TransportError,
    WriteError,
)
from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, WriteLimits, Written
from beam_dis.write.batching import Batch, Batcher
from beam_dis.write.ordering import queue_of
from beam_dis.write.pace import StreamPace

LIMITS = WriteLimits(request_records=5, request_bytes=100, record_bytes=100)
REFUSED_CONNECTION = TransportError("connection refused", maybe_done=False)
FAILED = ServerError("System error.", code="DIS.5000", status=500)
NOT_RUNNING = StreamNotRunningError("Stream is not running.", code="DIS.4205", status=400)
SCALING = PartitionNotFoundError("Partition does not exist.", code="DIS.4302", status=400)
EXPIRED = NotWritten("DIS.4319", "Partition is expired.", retriable=False, no_partition=True)
TOO_MUCH = ThrottledError("Exceeded traffic control limit.", code="DIS.4303", status=400)


def write_all(sender, keys):
    """Write record n with the n-th key, wait, and return the deliveries."""
    batcher, deliveries = Batcher(lambda _: LIMITS), []
    for number, key in enumerate(keys):
        for batch in batcher.add("s", queue_of(key, sender.queues), PutRecord(b"%d" % number, key), number):
            deliveries += sender.send(batch)
    for batch in batcher.close_all():
        deliveries += sender.send(batch)
    return deliveries + sender.finish()


def write_placed(sender, place):
    """Write two records with the same place, and return their delivery."""
    batcher = Batcher(lambda _: LIMITS)
    for data in (b"0", b"1"):
        batcher.add("s", 0, PutRecord(data, **place), None)
    sender.send(batcher.close_all()[0])
    (delivery,) = sender.finish()
    return delivery


def write_some(sender, count, then=lambda: None):
    """Send records 0, 1, 2 … in batches of five, without waiting for the last."""
    batcher = Batcher(lambda _: LIMITS)
    for number in range(count):
        for batch in batcher.add("s", 0, PutRecord(b"%d" % number), None):
            sender.send(batch)
            then()


def last_copies(log):
    """The numbers in a log by key, in the order of their last copies."""
    last = {int(record.data): (index, record.partition_key) for index, record in enumerate(log)}
    numbers = sorted(last, key=last.get)
    return {key: [n for n in numbers if last[n][1] == key] for _, key in last.values()}


def faults():
    refusals = st.sampled_from([THROTTLED, BROKEN, NO_PARTITION, EXPIRED])
    return st.one_of(
        st.none(),
        st.builds(Partly, st.integers(0, 31), refusals),
        st.just(Lost()),
        st.sampled_from([REFUSED_CONNECTION, FAILED, TOO_MUCH, NOT_RUNNING, SCALING]),
    )


@pytest.mark.parametrize("ordered", [False, True])
@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_every_record_is_written_at_least_once_through_passing_failures(ordered, data):
    keys = data.draw(st.lists(st.sampled_from(["a", "b", "c", None]), max_size=40))
    service = FakeService.empty(data.draw(st.lists(faults(), max_size=30)), limits=LIMITS)
    sender = in_memory_sender(service, ordered=ordered, deadline=1e6)
    deliveries = write_all(sender, keys)
    sender.close()
    assert set(range(len(keys))) == {int(record.data) for record in service.written("s")}
    assert sorted(origin for each in deliveries for origin in each.batch.origins) == list(range(len(keys)))
    for each in deliveries:  # every answer names a copy of that very record
        for record, answer in zip(each.batch.records, each.answers, strict=True):
            assert service.written("s")[answer.sequence_number] is record


@given(data=st.data())
@settings(deadline=None, max_examples=100)
def test_with_ordering_the_last_copies_of_a_key_are_in_the_order_of_the_bundle(data):
    keys = data.draw(st.lists(st.sampled_from("abc"), max_size=40))
    service = FakeService.empty(data.draw(st.lists(faults(), max_size=30)), limits=LIMITS)
    sender = in_memory_sender(service, ordered=True, deadline=1e6)
    write_all(sender, keys)
    sender.close()
    assert {key: [n for n, k in enumerate(keys) if k == key] for key in set(keys)} == last_copies(service.written("s"))


def test_without_ordering_only_what_failed_is_sent_again():
    service = FakeService.empty([Partly(0b10100)])
    deliveries = write_all(in_memory_sender(service), "aaaaa")
    assert [[int(r.data) for r in records] for _, records in service.requests] == [[0, 1, 2, 3, 4], [2, 4]]
    assert [(each.requests, each.resent) for each in deliveries] == [(2, {"DIS.4303": 2})]


def test_after_a_lost_answer_the_request_is_sent_again():
    service = FakeService.empty([Lost()])
    write_all(in_memory_sender(service), "ab")
    assert [int(record.data) for record in service.written("s")] == [0, 1, 0, 1]


def test_a_record_that_is_refused_for_good_is_not_sent_again():
    service = FakeService.empty(reject=lambda record: record.data == b"1")
    (delivery,) = write_all(in_memory_sender(service), "aaa")
    assert [Written, NotWritten, Written] == [type(answer) for answer in delivery.answers]
    assert len(service.requests) == 1


@pytest.mark.parametrize("error", [InvalidRequestError, PartitionNotFoundError])
def test_a_request_refused_for_one_record_is_divided_until_it_is_alone(error):
    service = FakeService.empty()
    write = service.write

    def refusing(stream, records):
        if any(record.data == b"3" for record in records):
            raise error("Invalid request.", code="DIS.4200", status=400)
        return write(stream, records)

    service.write = refusing
    (delivery,) = write_all(in_memory_sender(service), "aaaaa")
    assert [int(record.data) for record in service.written("s")] == [0, 1, 2, 4]
    refused = delivery.answers[3]
    assert (type(refused), refused.code, refused.retriable) == (NotWritten, "DIS.4200", False)


@pytest.mark.parametrize(("error", "code"), [(AuthenticationError, "DIS.4100"), (StreamNotFoundError, "DIS.4301")])
def test_an_error_that_is_no_records_fault_is_raised(error, code):
    service = FakeService.empty([error("no", code=code, status=400)])
    with pytest.raises(error, match="no"):
        write_all(in_memory_sender(service), "a")


def refusing(service, error, count):
    """Make a service refuse so many requests after the next one."""
    service.faults = iter([None, *[error] * count])


REFUSALS = [
    AuthenticationError("no", code="DIS.4100", status=441),
    StreamNotFoundError("no", code="DIS.4301", status=400),
]


@pytest.mark.parametrize("error", [*REFUSALS, StreamNotRunningError("no", code="DIS.4205", status=400)])
def test_a_refusal_that_passes_is_waited_out_if_the_stream_has_taken_records(error):
    service = FakeService.empty()
    sender = in_memory_sender(service)
    refusing(service, error, 3)
    write_all(sender, "a")
    write_all(sender, "bb")
    assert [record.partition_key for record in service.written("s")] == ["a", "b", "b"]


@pytest.mark.parametrize("error", REFUSALS)
def test_a_refusal_is_believed_after_a_minute_without_a_break(error):
    time, service = FakeTime(), FakeService.empty()
    sender = in_memory_sender(service, time=time)
    refusing(service, error, 1000)
    write_all(sender, "a")
    with pytest.raises(type(error), match="no"):
        write_all(sender, "b")
    assert 50 < time.now <= 60


def test_a_stream_that_is_being_created_is_waited_for():
    service = FakeService.empty([StreamNotRunningError("not yet", code="DIS.4205", status=400)] * 5)
    write_all(in_memory_sender(service), "a")
    assert len(service.written("s")) == 1


@pytest.mark.parametrize("refusal", [NO_PARTITION, EXPIRED])
@pytest.mark.parametrize("place", [{}, {"partition_key": "k"}, {"explicit_hash_key": "7"}])
def test_a_missing_partition_of_a_key_is_waited_for_while_the_stream_is_scaled(refusal, place):
    service = FakeService.empty([Partly(0b11, refusal)] * 3)
    delivery = write_placed(in_memory_sender(service), place)
    assert [type(answer) for answer in delivery.answers] == [Written, Written]


@pytest.mark.parametrize("refusal", [NO_PARTITION, EXPIRED])
def test_a_missing_partition_of_a_key_is_believed_after_a_minute(refusal):
    """Other records of the request are written meanwhile, and don't prolong it."""
    time, service = FakeTime(), FakeService.empty([Partly(0b1, refusal)] * 1000)
    delivery = write_placed(in_memory_sender(service, time=time), {"partition_key": "k"})
    assert [refusal, Written] == [delivery.answers[0], type(delivery.answers[1])]
    assert 60 < time.now < 120


@pytest.mark.parametrize("refusal", [NO_PARTITION, EXPIRED])
def test_a_missing_partition_that_a_record_names_is_final(refusal):
    service = FakeService.empty([Partly(0b1, refusal)])
    delivery = write_placed(in_memory_sender(service), {"partition_id": 0})
    assert [refusal, Written] == [delivery.answers[0], type(delivery.answers[1])]
    assert len(service.requests) == 1


def test_an_answer_that_asks_to_wait_is_obeyed():
    for error in (ThrottledError("no", status=429), ServerError("no", status=503)):
        error.retry_after = 40.0
        time = FakeTime()
        service = FakeService.empty([error])
        write_all(in_memory_sender(service, time=time), "a")
        assert (time.now, len(service.written("s"))) == (40.0, 1)


def test_retries_end_at_the_deadline_with_the_last_answer():
    time = FakeTime()
    service = FakeService.empty([Partly(0b01)] * 1000)
    with pytest.raises(WriteError, match=r"1 of 2 records were not written within 120 s .*: DIS.4303 Exceeded traffic"):
        write_all(in_memory_sender(service, time=time), "ab")
    assert 100 < time.now <= 120


def test_the_final_error_names_a_refusal_before_requests_without_an_answer():
    """One request is refused in part and one as a whole. Then the connection is refused until the deadline."""
    service = FakeService.empty([Partly(0b11), TOO_MUCH, *[REFUSED_CONNECTION] * 1000])
    with pytest.raises(
        WriteError,
        match=r"and \d+ requests, 2 of them refused, the last with DIS.4303.*; the last answer: .*connection refused",
    ):
        write_all(in_memory_sender(service), "ab")


def taking_one_record(time, every):
    """A write that takes one record in so many seconds, and throttles the others."""
    taken = iter(range(10_000))
    free_at = [0.0]

    def write(stream, records):
        answers = [THROTTLED] * len(records)
        if time.now >= free_at[0]:
            free_at[0] = time.now + every
            answers[0] = Written("shardId-0000000000", next(taken))
        return answers

    return type("Service", (), {"write": staticmethod(write)})


@pytest.mark.parametrize(("every", "deadline"), [(1, 30), (100, 120)])
def test_a_batch_that_makes_progress_is_not_given_up(every, deadline):
    """It takes more than three times the deadline, or nearly three hours."""
    time, batcher = FakeTime(), Batcher(lambda _: LIMITS._replace(request_records=400))
    sender = in_memory_sender(taking_one_record(time, every), time=time, deadline=deadline)
    for number in range(99):
        batcher.add("s", 0, PutRecord(b"x"), number)
    sender.send(*batcher.close_all())
    (delivery,) = sender.finish()
    assert {answer.sequence_number for answer in delivery.answers} == set(range(99))
    assert time.now >= 98 * every


def test_a_batch_waits_as_long_as_others_make_progress():
    """The pace of a stream is shared by all senders of a process, and so is the progress."""
    time, batcher = FakeTime(), Batcher(lambda _: LIMITS)
    pace = StreamPace(clock=time.clock)
    other = Batch("s", 0, LIMITS)
    other.records.append(PutRecord(b"y"))
    pace.learn(other, [0], [THROTTLED])

    def others_write(seconds):
        FakeTime.sleep(time, seconds)
        if time.now < 500:
            pace.learn(other, [0], [Written("shardId-0000000000", 0)])

    time.sleep = others_write
    sender = in_memory_sender(FakeService.empty([Partly(1)] * 10_000), time=time, pace_of=lambda _: pace)
    batcher.add("s", 0, PutRecord(b"x"), 0)
    sender.send(*batcher.close_all())
    with pytest.raises(WriteError, match="within 120 s"):
        sender.finish()
    assert time.now > 600


def test_pauses_grow_until_there_is_progress():
    time = FakeTime()
    sender = in_memory_sender(FakeService.empty([REFUSED_CONNECTION] * 12), time=time)
    write_all(sender, "a")
    assert len(time.slept) == 12
    assert max(time.slept[:3]) <= 0.2 < max(time.slept[3:]) <= 5.0


def test_throttling_is_counted_and_other_failures_are_not():
    throttled = in_memory_sender(FakeService.empty([TOO_MUCH] * 12))
    failing = in_memory_sender(FakeService.empty([FAILED] * 12))
    for sender in (throttled, failing):
        write_all(sender, "a")
    assert throttled.throttled_seconds.take() > 0
    assert failing.throttled_seconds.take() == 0


def test_several_requests_are_in_flight_at_once():
    service = FakeService.empty()
    write, meet = service.write, threading.Barrier(4, timeout=10)

    def together(stream, records):
        meet.wait()
        return write(stream, records)

    service.write = together
    write_all(in_memory_sender(service), "a" * 20)
    assert len(service.written("s")) == 20


def test_with_ordering_one_request_of_a_queue_is_in_flight():
    service = FakeService.empty()
    write, busy = service.write, {}

    def alone(stream, records):
        (key,) = {record.partition_key for record in records}
        assert busy.setdefault(key, threading.Lock()).acquire(blocking=False)
        try:
            return write(stream, records)
        finally:
            busy[key].release()

    service.write = alone
    write_all(in_memory_sender(service, ordered=True), "a" * 100)
    assert list(range(100)) == [int(record.data) for record in service.written("s")]


def one_fails_while_one_is_slow(started, ending, returned, ended):
    """A write that fails for record 0; any other ends half a second after ``ending``, or on ``returned``."""

    def write(stream, records):
        if records[0].data == b"0":
            assert started.wait(10)
            raise AuthenticationError("no", status=441)
        started.set()
        assert ending.wait(10)
        returned.wait(0.5)  # time for an error, or a return, that doesn't wait for this request
        ended.set()
        return [Written("shardId-0000000000", 0)] * len(records)

    return type("Service", (), {"write": staticmethod(write)})


@pytest.mark.parametrize("end", ["finish", "abandon"])
def test_no_request_is_in_flight_once_a_bundle_has_ended(end):
    """Otherwise a late request could overtake its own repetition in the next bundle."""
    started, ending, returned, ended = (threading.Event() for _ in range(4))
    sender = in_memory_sender(one_fails_while_one_is_slow(started, ending, returned, ended), in_flight=2)
    write_some(sender, 10)
    assert started.wait(10)
    ending.set()
    with pytest.raises(AuthenticationError) if end == "finish" else nullcontext():
        getattr(sender, end)()
    in_flight = not ended.is_set()
    returned.set()
    assert not in_flight


def test_the_first_failure_stops_the_batches_that_wait():
    service = FakeService.empty([AuthenticationError("no", status=441)])
    with pytest.raises(AuthenticationError):
        write_all(in_memory_sender(service, in_flight=1, ordered=True), "a" * 100)
    assert len(service.requests) == 1


def test_a_sender_can_be_used_again_after_a_failure():
    service = FakeService.empty([AuthenticationError("no", status=441)])
    sender = in_memory_sender(service)
    with pytest.raises(AuthenticationError):
        write_all(sender, "ab")
    write_all(sender, "ab")
    assert [int(record.data) for record in service.written("s")] == [0, 1]


def test_after_a_failure_no_waiting_batch_is_sent():
    service, second_waits = FakeService.empty(), threading.Event()

    def failing(stream, records):
        service.requests.append(records)
        assert second_waits.wait(10)
        raise StreamNotFoundError("gone", code="DIS.4301", status=400)

    service.write = failing
    sender = in_memory_sender(service, in_flight=1)
    write_some(sender, 10)
    second_waits.set()
    with pytest.raises(StreamNotFoundError, match="gone"):
        sender.finish()
    assert len(service.requests) == 1


def test_as_many_batches_wait_as_requests_are_in_flight():
    service, release, unfinished = FakeService.empty(), threading.Event(), []
    write = service.write
    service.write = lambda stream, records: release.wait(10) and write(stream, records)
    sender = in_memory_sender(service, in_flight=1)
    threading.Timer(0.05, release.set).start()  # time for a sender without a bound to queue all eight batches
    write_some(sender, 40, lambda: unfinished.append(sender.unfinished))
    sender.close()
    assert max(unfinished) == 2
