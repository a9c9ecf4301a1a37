"""What a handler may use: the store, the clock, the project and the names of the path.

Law: one operation is one function ``(call, request) -> answer`` in ``handlers/<group>.py``, named as its route. A handler
reads committed state from the catalogue, awaits changes until they are durable, and raises Refusal with the code that
fits. It never sees HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import TypeVar

from beam_dis.local.budgets import AnswerBudget
from beam_dis.local.handlers.throughput import ThroughputLimits
from beam_dis.local.store import Partition, Store, StoredApp, Stream
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.ranges import partition_id, partition_number
from beam_dis.wire.streams import EXPIRED

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ServerContext:
    """What all calls share. ``clock`` gives epoch seconds; ``spread`` counts on, for records that name no place.

    ``limits`` are those of throughput; None where only sizes are limited. ``answers`` is the room for them.
    """

    store: Store
    clock: Callable[[], float]
    spread: Callable[[], int]
    readers: Executor
    limits: ThroughputLimits | None = None
    answers: AnswerBudget = field(default_factory=AnswerBudget)


@dataclass(frozen=True, slots=True)
class Call:
    """One request to one operation: ``names`` are the names in its path, decoded."""

    context: ServerContext
    names: Mapping[str, str]

    @property
    def store(self) -> Store:
        """The durable log and its catalogue."""
        return self.context.store

    @property
    def project(self) -> str:
        """The project that the path names."""
        return self.names["project_id"]

    def now_ms(self) -> int:
        """The service's clock in milliseconds."""
        return int(self.context.clock() * 1000)

    def stream(self, name: str | None, stream_id: str | None = None) -> Stream:
        """The stream of that name, else of that id; refused with DIS.4301."""
        found = self.store.stream(self.project, name or "", stream_id or "")
        if found is None:
            raise Refusal(4301, name or stream_id or "", self.project)
        return found

    def app(self, name: str) -> StoredApp:
        """The app of that name; refused with DIS.4332."""
        found = self.store.app(self.project, name)
        if found is None:
            raise Refusal(4332)
        return found

    async def blocking(self, work: Callable[..., T], *args: object) -> T:
        """Run blocking reads in the readers' threads."""
        return await asyncio.get_running_loop().run_in_executor(self.context.readers, work, *args)


async def durable(change: Future[T]) -> T:
    """What a change came to, once it is committed and on disk."""
    return await asyncio.wrap_future(change)


def partition_of(stream: Stream, text: str) -> Partition:
    """The partition of a stream; refused with DIS.4201 where it isn't an id, DIS.4302 where there is none."""
    number = partition_number(text)
    if number >= len(stream.partitions):
        raise Refusal(4302, partition_id(number))
    return stream.partitions[number]


def readable_partition(stream: Stream, text: str) -> Partition:
    """The partition, if it can still be read; refused with DIS.4319 once it has expired."""
    partition = partition_of(stream, text)
    if partition.status == EXPIRED:
        raise Refusal(4319, stream.name, stream.project, partition_id(partition.number))
    return partition


def within(value: int | None, allowed: range, default: int, name: str) -> int:
    """A limit of a listing, ``default`` where it is absent; refused with DIS.4200 outside ``allowed``."""
    number = default if value is None else value
    if number not in allowed:
        raise Refusal(4200, f"{name} {number} is not within {allowed.start} to {allowed.stop - 1}")
    return number
