"""One call of an operation as its handler sees it: the store, the clock, the project and the names in the path.

Rules:

1. A handler reads committed state from the catalogue, and awaits its changes until they are durable.
2. A handler that can't do what it is asked raises Refusal with the code that says why.
3. A handler knows nothing of HTTP.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

from beam_dis.local.budgets import AnswerBudget
from beam_dis.local.dump.engine import DumpEngine
from beam_dis.local.groups import ConsumerGroups, GroupStream
from beam_dis.local.handlers.policies import permits
from beam_dis.local.handlers.throughput import ThroughputLimits
from beam_dis.local.store import Partition, Store, StoredApp, Stream
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.messages import encode
from beam_dis.wire.ranges import partition_id, partition_number
from beam_dis.wire.streams import EXPIRED

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerContext:
    """The parts of a server that all calls share.

    Args:
        store: The durable log and its catalogue.
        clock: Gives the time in epoch seconds.
        round_robin: Gives 0, 1, 2 … call by call; spreads records without a key over the partitions.
        readers: The threads for blocking reads.
        timer: Gives seconds that never go back, to measure how long requests take.
        dumps: The dump tasks at work.
        limits: The limits of throughput; None if only sizes are limited.
        answers: The room for answers.

    ``groups`` are the consumer groups.
    """

    store: Store
    clock: Callable[[], float]
    round_robin: Callable[[], int]
    readers: Executor
    dumps: DumpEngine
    timer: Callable[[], float] = time.perf_counter
    limits: ThroughputLimits | None = None
    answers: AnswerBudget = field(default_factory=AnswerBudget)
    groups: ConsumerGroups = field(init=False)

    def __post_init__(self) -> None:
        """Make the consumer groups, which nobody gives."""
        object.__setattr__(self, "groups", ConsumerGroups(self.clock, self._readable_partitions))

    def _readable_partitions(self, project: str, streams: Sequence[GroupStream]) -> dict[str, list[int]]:
        """The numbers of the partitions of streams that can be read, by the name of the stream."""
        found = {
            name: self.store.stream_by_id(stream_id) if stream_id else self.store.stream(project, name)
            for name, stream_id in streams
        }
        return {
            name: [partition.number for partition in stream.partitions if partition.status != EXPIRED]
            for name, stream in found.items()
            if stream is not None
        }


class Caller(NamedTuple):
    """Who sent a request: the name of its keys, ``account.user`` in policies, and its project, which is that of the path."""

    name: str
    project: str


@dataclass(frozen=True, slots=True)
class Call:
    """One request to one operation.

    Args:
        context: What all calls share.
        names: The decoded names in the path.
        caller: Who sent it; None if there are no keys.
        encode: Encodes the answer, for a handler that does so itself.
    """

    context: ServerContext
    names: Mapping[str, str]
    caller: Caller | None = None
    encode: Callable[[Any], bytes] = encode

    @property
    def store(self) -> Store:
        """The durable log and its catalogue."""
        return self.context.store

    @property
    def dumps(self) -> DumpEngine:
        """The dump tasks at work."""
        return self.context.dumps

    @property
    def project(self) -> str:
        """The project that the path names."""
        return self.names["project_id"]

    def now_ms(self) -> int:
        """The service's clock in milliseconds."""
        return int(self.context.clock() * 1000)

    def stream(self, name: str | None, stream_id: str | None = None, action: str | None = None) -> Stream:
        """The stream of that name, or of that id if there is no such name; the name may be an id too.

        Args:
            name: The name, or an id.
            stream_id: The id.
            action: What is done with the stream, if it may also be one of another project whose policy allows that.

        Raises:
            Refusal: DIS.4301, if there is no such stream; 4116, if it belongs to another project and isn't shared.
        """
        wanted = stream_id or name or ""
        found = self.store.stream(self.project, name or "", wanted)
        if found is None and action is not None:
            found = self._shared(wanted, action)
        if found is None:
            raise Refusal(4301, name or wanted, self.project)
        return found

    def _shared(self, stream_id: str, action: str) -> Stream | None:
        """The stream of another project; None if there is none of that id."""
        found = self.store.stream_by_id(stream_id)
        if found is not None and self.caller is not None and not permits(found.policies, self.caller.name, action):
            raise Refusal(4116, f"{self.caller.name} may not {action} of stream {stream_id}")
        return found

    def app(self, name: str) -> StoredApp:
        """The app of that name.

        Raises:
            Refusal: DIS.4332, if there is no such app.
        """
        found = self.store.app(self.project, name)
        if found is None:
            raise Refusal(4332)
        return found

    async def blocking(self, work: Callable[..., T], *args: object) -> T:
        """Run blocking reads in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.context.readers, work, *args)


async def durable(change: Future[T]) -> T:
    """Wait until a change is committed and on disk; returns its result."""
    return await asyncio.wrap_future(change)


def partition_of(stream: Stream, text: str) -> Partition:
    """The partition that ``text`` names.

    Raises:
        Refusal: DIS.4201, if ``text`` isn't the id of a partition; DIS.4302, if the stream has no such partition.
    """
    number = partition_number(text)
    if number >= len(stream.partitions):
        raise Refusal(4302, partition_id(number))
    return stream.partitions[number]


def readable_partition(stream: Stream, text: str) -> Partition:
    """The partition that ``text`` names, if it can still be read.

    Raises:
        Refusal: As by :func:`partition_of`, and DIS.4319 if the partition has expired.
    """
    partition = partition_of(stream, text)
    if partition.status == EXPIRED:
        raise Refusal(4319, stream.name, stream.project, partition_id(partition.number))
    return partition


def listing_limit(value: int | None, allowed: range, default: int, name: str) -> int:
    """The limit of a listing, ``default`` if the request has none.

    Raises:
        Refusal: DIS.4200, if the limit isn't in ``allowed``.
    """
    number = default if value is None else value
    if number not in allowed:
        raise Refusal(4200, f"{name} {number} is not within {allowed.start} to {allowed.stop - 1}")
    return number
