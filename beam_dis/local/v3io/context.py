"""What the functions of a local V3IO share: the store, the clock and the room for answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TypeVar

from beam_dis.local.budgets import AnswerBudget
from beam_dis.local.folder_service import project_of
from beam_dis.local.store import Partition, Store, Stream
from beam_dis.local.v3io.refusals import V3IORefusal
from beam_dis.v3io.messages import NOT_FOUND, SHARD_OUT_OF_RANGE

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class V3IOContext:
    """The parts of a server that all requests share.

    Args:
        store: The durable log and its catalogue.
        clock: Gives the time in epoch seconds.
        round_robin: Gives 0, 1, 2 …; spreads records without shard and key over the shards.
        readers: The threads for blocking reads.
        answers: The room for answers.
    """

    store: Store
    clock: Callable[[], float]
    round_robin: Callable[[], int]
    readers: Executor
    answers: AnswerBudget = field(default_factory=AnswerBudget)

    def stream(self, container: str, path: str) -> Stream:
        """The stream at a path; refused with ResourceNotFoundException if there is none."""
        found = self.store.stream(project_of(container), path)
        if found is None:
            raise V3IORefusal(NOT_FOUND, f"there is no stream {path!r} in container {container!r}: create it")
        return found

    async def blocking(self, work: Callable[..., T], *args: object) -> T:
        """Run blocking reads in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.readers, work, *args)


def shard_of(stream: Stream, number: int) -> Partition:
    """A shard of a stream; refused with ShardIDOutOfRangeException if there is none of that number."""
    found = stream.partition(number)
    if found is None:
        last = len(stream.partitions) - 1
        raise V3IORefusal(SHARD_OUT_OF_RANGE, f"stream {stream.name!r} has no shard {number}: it has 0 to {last}")
    return found
