"""The order of each key, and which records are sent again: rules, and properties of whole bundles on a failing service."""

import itertools
import threading

import pytest
from fake_service import BROKEN, NO_PARTITION, REJECTED, THROTTLED, FakePartition, FakeService, Lost, Partly
from fake_time import FakeTime, in_memory_sender
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.errors import (
    PartitionExpiredError,
    ServerError,
    StreamNotRunningError,
    ThrottledError,
    TransportError,
)
from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, WriteLimits, Written
from beam_dis.write.batching import Batcher
from beam_dis.write.ordering import by_partition, indexes_to_resend, queue_of

OK = Written("shardId-0000000000", 0)
LIMITS = WriteLimits(request_records=5, request_bytes=100, record_bytes=100, partitions=2)
EXPIRED = NotWritten("DIS.4319", "Partition is expired.", retriable=False, no_partition=True)


@pytest.mark.parametrize(
    ("keys", "answers", "unordered", "ordered"),
    [
        #        . written   ! throttled   x refused for good
        ("aaaa", "....", [], []),
        ("aaaa", "!...", [0], [0, 1, 2, 3]),
        ("abab", "!...", [0], [0, 2]),
        ("abab", ".!..", [1], [1, 3]),
        ("aaaa", ".x..", [], []),
        ("aaaa", "!x..", [0], [0, 2, 3]),
        ("-a-a", "!...", [0], [0]),
        ("abab", "!!..", [0, 1], [0, 1, 2, 3]),
    ],
)
def test_records_sent_again_after_a_partial_failure(keys, answers, unordered, ordered):
    records = [PutRecord(b"x", None if key == "-" else key) for key in keys]
    meaning = {".": OK, "!": THROTTLED, "x": REJECTED}
    given = [meaning[answer] for answer in answers]
    assert [unordered, ordered] == [indexes_to_resend(records, given, ordered=flag) for flag in (False, True)]


def test_the_order_of_partitions_is_kept_whatever_the_keys():
    records = [PutRecord(b"x", str(number), partition_id=place) for number, place in enumerate("0101")]
    again = indexes_to_resend(records, [THROTTLED, OK, OK, OK], ordered=True, group=by_partition)
    assert again == [0, 2]


def test_a_key_always_has_the_same_queue():
    assert len({queue_of("AA", 4) for _ in range(10)}) == 1


def test_queues_are_numbered_from_zero():
    assert {queue_of(str(number), 4) for number in range(200)} == {0, 1, 2, 3}


class Scaled:
    """The stream has so many partitions from this request on."""

    def __init__(self, partitions):
        self.partitions = partitions

    def __repr__(self):
        return f"Scaled({self.partitions})"


def throttled(retry_after):
    error = ThrottledError("Too many requests.", status=429)
    error.retry_after = retry_after
    return error


def plans():
    """What happens to each request of a bundle, in turn."""
    refusals = st.sampled_from([THROTTLED, BROKEN, NO_PARTITION, EXPIRED])
    errors = st.sampled_from(
        [
            TransportError("connection refused", maybe_done=False),
            ServerError("System error.", code="DIS.5000", status=500),
            StreamNotRunningError("Stream is not running.", code="DIS.4205", status=400),
            PartitionExpiredError("Partition is expired.", code="DIS.4319", status=400),
        ]
    )
    partly = st.builds(Partly, st.integers(1, 31), refusals)
    waits = st.builds(throttled, st.floats(0.5, 30))
    return st.lists(
        st.one_of(st.none(), partly, st.just(Lost()), errors, waits, st.builds(Scaled, st.integers(1, 4))), max_size=40
    )


class WatchedService(FakeService):
    """A service that is scaled between requests, and notes what the sender knows: each request and its answers."""

    def __init__(self, plan, time):
        self.scalings = []
        super().__init__(0, 0, streams=["s"], partitions=2, limits=LIMITS, faults=self._faults(plan))
        self.time = time
        self.log = []
        self._noting = threading.Lock()

    def _faults(self, plan):
        for fault in plan:
            if isinstance(fault, Scaled):
                self._scale(fault.partitions)
            else:
                yield fault

    def _scale(self, count):
        partitions = self.first.partitions
        partitions += [FakePartition(number) for number in range(len(partitions), count)]
        for number, partition in enumerate(partitions):
            partition.writable = number < count

    def write(self, stream, records):
        began, answers = self.time.now, None
        try:
            answers = super().write(stream, records)
        except Exception as error:
            answers = error
            raise
        finally:
            with self._noting:
                self.log.append((began, list(records), answers))
        return answers


def write_keys(plan, keys, *, in_flight=4, ordered=True):
    """Write record n with the n-th key through a plan, and return the service."""
    time = FakeTime()
    service = WatchedService(plan, time)
    sender = in_memory_sender(service, time=time, ordered=ordered, in_flight=in_flight, deadline=1e6)
    batcher = Batcher(lambda _: LIMITS)
    for number, key in enumerate(keys):
        for batch in batcher.add("s", queue_of(key, sender.queues), PutRecord(b"%d" % number, key), number):
            sender.send(batch)
    for batch in batcher.close_all():
        sender.send(batch)
    sender.finish()
    sender.close()
    return service


def number_of(record):
    return int(record.data)


@given(plan=plans(), keys=st.lists(st.sampled_from("abcde"), max_size=60))
@settings(deadline=None, max_examples=150)
def test_a_key_is_in_order_and_complete_through_every_fault_and_scaling(plan, keys):
    """Of the last copies of each record."""
    service = write_keys(plan, keys)
    last = {number_of(record): at for at, record in enumerate(service.written())}
    assert last.keys() == set(range(len(keys)))
    for key in set(keys):
        places = [last[number] for number, other in enumerate(keys) if other == key]
        assert places == sorted(places)


@pytest.mark.parametrize("ordered", [False, True])
@given(plan=plans(), keys=st.lists(st.sampled_from(["a", "b", "c", None]), max_size=60))
@settings(deadline=None, max_examples=100)
def test_a_record_that_was_answered_is_sent_again_only_for_the_order_of_its_key(ordered, plan, keys):
    """With ordering, after an earlier record of its key that failed in the same request."""
    service = write_keys(plan, keys, ordered=ordered)
    done = set()
    for _, records, answers in service.log:
        assert done.isdisjoint(map(number_of, records))
        if isinstance(answers, Exception):
            continue
        failed = set()
        for record, answer in zip(records, answers, strict=True):
            if isinstance(answer, NotWritten):
                failed.add(record.partition_key if ordered else None)
            elif record.partition_key is None or record.partition_key not in failed:
                done.add(number_of(record))
    assert done == set(range(len(keys)))


@given(plan=plans(), keys=st.lists(st.sampled_from("abc"), max_size=40))
@settings(deadline=None, max_examples=100)
def test_no_request_is_sent_before_the_time_that_an_answer_asks_to_wait_for(plan, keys):
    """With one request at a time."""
    log = write_keys(plan, keys, in_flight=1).log
    for (at, _, answer), (next_at, _, _) in itertools.pairwise(log):
        if isinstance(answer, ThrottledError):
            assert next_at >= at + answer.retry_after
