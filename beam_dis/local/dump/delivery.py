"""Copies one partition of a task: makes a run, commits it, publishes its objects, moves the position; again until the end.

Rule 1: a run that is under way is finished first. It is the only one of its partition.
Rule 2: what is committed tells at each moment which files are temporary and which are objects, so each step can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf

import msgspec

from beam_dis.local.dump.object_store import ObjectStore
from beam_dis.local.dump.runs import RunRange, make_run, most_bytes
from beam_dis.local.store import DumpPosition, DumpRun, DumpTask, Partition, Store, Stream
from beam_dis.wire.error_codes import Refusal

_EXPIRED = "DIS.4226"


class GivenUp(Exception):  # noqa: N818 - an event, not an error
    """The task was stopped or deleted meanwhile, or the server stops."""


class PartitionDelivery:
    """Copies one partition of a task up to a number.

    Args:
        store: has the records and the positions.
        objects: where objects go.
        task: the task.
        stream: its stream as it is now.
        flushed_ms: the time of the flush.
        check: called before each page and each run; raises GivenUp.
    """

    def __init__(
        self,
        store: Store,
        objects: ObjectStore,
        task: DumpTask,
        stream: Stream,
        flushed_ms: int,
        check: Callable[[], None],
    ) -> None:
        self._store = store
        self._objects = objects
        self._task = task
        self._stream = stream
        self._flushed_ms = flushed_ms
        self._check = check

    def copy(self, partition: Partition) -> None:
        """Copy the records that a partition has now.

        Raises:
            GivenUp: The task is to be left as it is.
            Refusal: DIS.4306 or 4310 for the bucket, 4360 for the schema; 4301, 4302, 4319 or 4354 for what no longer exists.
            OSError: A file can't be written.
            StoreError: The records can't be read, or the position can't be stored.
        """
        position = self._task.position(partition.number)
        if position.run is not None:
            position = self._finish(position, position.run)
        while position.next < partition.next:
            self._check()
            self._objects.check_bucket(self._task.destination.obs_bucket_path)
            run = self._made(position, partition)
            if run is not None:
                position = self._moved(position, run=run)
                position = self._finish(position, run)
        if position.failing:
            self._moved(position, failing=False)

    def _made(self, position: DumpPosition, partition: Partition) -> DumpRun | None:
        """The next run, on disk; None if its records have expired while they were read, so that it begins later."""
        current = self._store.stream_of(self._task)
        now = partition if current is None else current.partitions[partition.number]
        first = max(position.next, now.earliest)
        wanted = RunRange(
            number=partition.number,
            first=first,
            next=max(first, partition.next),
            flushed_ms=self._flushed_ms,
            most_bytes=most_bytes(self._task.destination),
        )
        try:
            run = self._make(wanted)
        except Refusal as refusal:
            if refusal.code != _EXPIRED:
                raise
            return None
        return msgspec.structs.replace(run, discarded=run.discarded + first - position.next)

    def _make(self, wanted: RunRange, run: DumpRun | None = None) -> DumpRun:
        destination = self._task.destination if run is None else run.destination
        return make_run(self._store, self._objects, self._task, self._stream, wanted, destination, self._check)

    def _finish(self, position: DumpPosition, run: DumpRun) -> DumpPosition:
        """Publish the objects of a run and move the position past it."""
        lost = [one for one in run.objects if not self._publish(one.temporary, one.key)]
        if lost and not self._made_again(position.partition, run):
            run = msgspec.structs.replace(run, discarded=run.next - position.next)
        return self._moved(
            position,
            next=run.next,
            discarded=position.discarded + run.discarded,
            last_ms=run.flushed_ms,
            failing=False,
            run=None,
        )

    def _publish(self, temporary: str, key: str) -> bool:
        return self._objects.publish(temporary, key) or self._objects.has(key)

    def _made_again(self, number: int, run: DumpRun) -> bool:
        """Make the objects of a run again, because somebody removed its files; False if its records have expired."""
        wanted = RunRange(
            number=number,
            first=run.first,
            next=run.next,
            flushed_ms=run.flushed_ms,
            most_bytes=inf,
            most_folders=inf,
        )
        try:
            again = self._make(wanted, run)
        except Refusal as refusal:
            if refusal.code != _EXPIRED:
                raise
            return False
        published = [self._publish(one.temporary, one.key) for one in again.objects]
        return all(published)

    def _moved(self, position: DumpPosition, **changes: object) -> DumpPosition:
        moved = msgspec.structs.replace(position, **changes)
        self._store.set_dump_position(self._task, moved).result()
        return moved
