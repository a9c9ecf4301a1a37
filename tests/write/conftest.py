"""A stream service in memory, whose every request may go wrong as a script says."""

import itertools
import random
import threading
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from beam_dis.errors import StreamNotFoundError, TransportError
from beam_dis.stream_service import NotWritten, PartitionDescription, StreamListing, WriteLimits, Written
from beam_dis.wire.ranges import partition_id
from beam_dis.write.sender import Sender

THROTTLED = NotWritten("DIS.4303", "Exceeded traffic control limit.", retriable=True, throttled=True)
BROKEN = NotWritten("DIS.5250", "Record could not be stored.", retriable=True)
REJECTED = NotWritten("DIS.4302", "Partition does not exist.", retriable=False)


class Partly(NamedTuple):
    """A request of which only some records are written: place n is refused where bit n is set."""

    mask: int
    refusal: NotWritten = THROTTLED


class Lost(NamedTuple):
    """A request that is carried out and whose answer is lost."""


class MemoryService:
    """Appends to one list a stream; ``faults`` meet the requests one by one, then all go well.

    A fault is None, Partly, Lost or an exception; ``reject`` says which records are refused for good.
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
            refusal if mask >> place & 1 else self._append(stream, record) for place, record in enumerate(records)
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


class Time:
    """A clock that only sleeping moves."""

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
    """A Sender that never really sleeps."""
    time = time or Time()
    return Sender(service.write, clock=time.clock, sleep=time.sleep, random=random.Random(0).random, **settings)


class ServiceOf:
    """Gives one service for every connection. It pickles as a number, since a fake that is copied shows nothing."""

    _numbers = itertools.count()
    _services = {}

    def __init__(self, service):
        self.number = next(self._numbers)
        self._services[self.number] = service

    def __getstate__(self):
        return {"number": self.number}

    def __call__(self, connection):
        return self._services[self.number]


@pytest.fixture
def service_of():
    """What PutRecordsFn takes to get at a service: ``service_of(service)``."""
    return ServiceOf


@pytest.fixture
def write_through(service_of):
    """Makes a transform write through a service of the test, and returns it: ``write_through(service, transform)``."""

    def replace(service, transform):
        transform._service_of = service_of(service)
        return transform

    return replace


@pytest.fixture(scope="session")
def memory():
    """The classes of this file, for tests that can't import it."""
    return SimpleNamespace(
        Service=MemoryService,
        Partly=Partly,
        Lost=Lost,
        Time=Time,
        sender=in_memory_sender,
        THROTTLED=THROTTLED,
        BROKEN=BROKEN,
        REJECTED=REJECTED,
    )
