"""What the store keeps about dump tasks: the task, how far it is in each partition, and the run that is under way.

Rule 1: a value is a frozen snapshot of committed state; later commits make new values.
Rule 2: a destination is the wire's own message with every default filled in; nobody changes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from beam_dis.wire.dump_tasks import ABNORMAL, DELETE, RUNNING, STARTING, OBSDestination
from beam_dis.wire.error_codes import Refusal


class DumpObject(NamedTuple):
    """One object of a run: its key in the object store, and the name of the temporary file that becomes it."""

    key: str
    temporary: str


class DumpRun(msgspec.Struct, frozen=True, kw_only=True):
    """The records ``[first, next)`` of one partition, whose objects are on disk under temporary names.

    ``destination`` and ``flushed_ms``, the time of the flush, are those that the objects were made with. ``discarded`` counts the
    records before ``next`` that are in no object.
    """

    first: int
    next: int
    flushed_ms: int
    discarded: int
    destination: OBSDestination
    objects: tuple[DumpObject, ...]


class DumpPosition(msgspec.Struct, frozen=True, kw_only=True):
    """How far a task is in one partition: ``next`` is the number of the next record to copy.

    ``last_ms`` is the time of the last flush, 0 before the first. ``failing`` says that the last attempt failed, and ``run``
    is under way.
    """

    partition: int
    next: int = 0
    discarded: int = 0
    last_ms: int = 0
    failing: bool = False
    run: DumpRun | None = None


class DumpTask(msgspec.Struct, frozen=True, kw_only=True):
    """One dump task; ``started_ms`` is when it was started the last time, which its intervals are counted from."""

    task_id: str
    stream_id: str
    name: str
    destination: OBSDestination
    created_ms: int
    started_ms: int
    state: str = STARTING
    positions: tuple[DumpPosition, ...] = ()

    @property
    def last_ms(self) -> int:
        """The time of the last flush of any partition; that of its creation before the first."""
        return max([self.created_ms, *(position.last_ms for position in self.positions)])

    @property
    def delivers(self) -> bool:
        """Whether it copies records."""
        return self.state in {RUNNING, ABNORMAL}

    @property
    def exists(self) -> bool:
        """Whether it is more than what is left of a deleted task."""
        return self.state != DELETE

    def position(self, number: int) -> DumpPosition:
        """The position in a partition; a partition that is younger than the task is copied from its first record on."""
        return next((p for p in self.positions if p.partition == number), DumpPosition(partition=number))

    def at(self, position: DumpPosition) -> DumpTask:
        """The task with another position in a partition; its state follows from the positions while it delivers."""
        others = [p for p in self.positions if p.partition != position.partition]
        positions = tuple(sorted([*others, position], key=lambda p: p.partition))
        failing = any(p.failing for p in positions)
        state = (ABNORMAL if failing else RUNNING) if self.delivers else self.state
        return msgspec.structs.replace(self, positions=positions, state=state)


def task_named(tasks: Sequence[DumpTask], name: str) -> DumpTask:
    """The task of that name, else of that id, because some clients never learn the names. Refused with DIS.4354."""
    found = [task for task in tasks if task.name == name] or [task for task in tasks if task.task_id == name]
    if not found:
        raise Refusal(4354, name)
    return found[0]
