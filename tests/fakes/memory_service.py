"""A stream service in memory whose requests fail as planned, and a clock that never waits."""

import itertools
import random
import threading
from typing import NamedTuple
from weakref import WeakValueDictionary

from beam_dis.errors import StreamNotFoundError, TransportError
from beam_dis.stream_service import NotWritten, PartitionDescription, StreamListing, WriteLimits, Written
from beam_dis.wire.ranges import partition_id
from beam_dis.write.sender import Sender

THROTTLED = NotWritten("DIS.4303", "Exceeded traffic control limit.", retriable=True, throttled=True)
BROKEN = NotWritten("DIS.5250", "Record could not be stored.", retriable=True)
REJECTED = NotWritten("DIS.4302", "Partition does not exist.", retriable=False)


class Partly(NamedTuple):
    """A request that succeeds in part: record n isn't written if bit n of ``mask`` is set."""

    mask: int
    refusal: NotWritten = THROTTLED


class Lost(NamedTuple):
    """A request that is carried out, but its answer is lost."""


class MemoryService:
    """Keeps a list of records per stream.

    ``faults`` are for the first requests, one each: None, Partly, Lost or an exception. Later requests succeed, except that a
    record is refused for good if ``reject`` returns True for it.
    """

    def __init__(self, faults=(), *, limits=None, reject=lambda record: False, streams=("s",)):
        self.faults = iter(faults)
        self.limits = limits or WriteLimits(1000, 1024 * 1024, 1024 * 1024)
        self.reject = reject
        self.logs = {stream: [] for stream in streams}
        self.requests = []
        self.described = []
        self._lock = threading.Lock()

    def describe(self, stream):
        self.described.append(stream)
        if stream not in self.logs:
            raise StreamNotFoundError(f"no stream {stream!r}", code="DIS.4301", status=400)
        partition = PartitionDescription(partition_id(0), 0, len(self.logs[stream]))
        return StreamListing(stream, "id", "BLOB", None, ",", (partition,), self.limits, 0)

    def write(self, stream, records):
        with self._lock:
            return self._answer(stream, records)

    def _answer(self, stream, records):
        self.requests.append((stream, list(records)))
        fault = next(self.faults, None)
        if isinstance(fault, Exception):
            raise fault
        mask, refusal = fault if isinstance(fault, Partly) else (0, THROTTLED)
        answers = [
            refusal if mask >> index & 1 else self._append(stream, record) for index, record in enumerate(records)
        ]
        if isinstance(fault, Lost):
            raise TransportError("the connection was cut")
        return answers

    def _append(self, stream, record):
        if self.reject(record):
            return REJECTED
        log = self.logs[stream]
        log.append(record)
        return Written(partition_id(0), len(log) - 1)


class FakeTime:
    """A clock that advances only by sleeping, without waiting."""

    def __init__(self):
        self.now = 0.0
        self.slept = []
        self._lock = threading.Lock()

    def clock(self):
        return self.now

    def sleep(self, seconds):
        with self._lock:
            self.now += seconds
            self.slept.append(seconds)


def in_memory_sender(service, *, time=None, **settings):
    """A Sender that doesn't really sleep."""
    time = time or FakeTime()
    return Sender(service.write, clock=time.clock, sleep=time.sleep, random=random.Random(0).random, **settings)


NUMBERS = itertools.count()
SERVICES = WeakValueDictionary()


class ServiceOf:
    """Gives one service for every connection. It pickles as a number, because a pipeline must not copy a fake."""

    def __init__(self, service):
        self.number = next(NUMBERS)
        self.service = SERVICES[self.number] = service

    def __reduce__(self):
        return service_of, (self.number,)

    def __call__(self, connection):
        return self.service


def service_of(number):
    """The ServiceOf of a service of this process, by its number."""
    return ServiceOf(SERVICES[number])
