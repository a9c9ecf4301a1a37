"""Decides when tasks are flushed, and what becomes of them: one thread for all tasks of a server.

Rule 1: a task is looked at once a second, at once after it was changed, and before the clock is advanced.
Rule 2: a failure of a task is its own. It is logged once, until the task works again.
Rule 3: times are the server's, in seconds; only the pause between two looks is real time.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial

import msgspec

from beam_dis.local.dump.delivery import GivenUp, PartitionDelivery
from beam_dis.local.dump.object_store import NoObjectStore, ObjectStore
from beam_dis.local.dump.runs import most_bytes
from beam_dis.local.store import DumpTask, Partition, Store, StoreError, StoreUnavailable, Stream
from beam_dis.local.store.failures import ProblemLog
from beam_dis.wire.dump_tasks import DELETE, ERROR, RUNNING, STARTING
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import DEFAULT_DELIVER_SECONDS
from beam_dis.wire.streams import EXPIRED
from beam_dis.wire.timestamps import milliseconds

_log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0

_BUCKET = {"DIS.4306", "DIS.4310"}
_SCHEMA = "DIS.4360"


class DumpEngine:
    """The dump tasks of a store at work.

    Args:
        store: has the tasks and the records.
        objects: where objects go; None if the server has no buckets.
        clock: gives the time in epoch seconds.
    """

    def __init__(self, store: Store, objects: ObjectStore | None, clock: Callable[[], float]) -> None:
        self._store = store
        self._objects = objects or NoObjectStore()
        self._clock = clock
        self._working = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._flushed_ms: dict[str, int] = {}
        self._new_data: dict[tuple[str, int], _NewData] = {}
        self._problems: dict[str, ProblemLog] = {}
        self._cleaned: set[str] = set()
        self._thread = threading.Thread(target=self._work, name="dump tasks", daemon=True)

    def start(self) -> None:
        """Begin to look at the tasks."""
        self._thread.start()

    def close(self) -> None:
        """Give up what is under way, and end the thread."""
        self._closing = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def wake(self) -> None:
        """Look at the tasks now, because one has changed."""
        self._wake.set()

    def check_bucket(self, bucket: str) -> None:
        """Check that objects can be written to a bucket now. Blocking; refused with DIS.4306 or 4310."""
        try:
            self._objects.check_bucket(bucket)
        except OSError as error:
            raise Refusal(4310, error) from error

    def flush_due(self, now: float) -> None:
        """Do everything that is due at a time. Blocking; a time later than the clock's is one that it is advanced to."""
        with self._working:
            for task in self._store.dump_tasks():
                if self._closing:
                    return
                try:
                    self._look_at(task, milliseconds(now))
                except (GivenUp, Refusal):
                    continue  # it was stopped or deleted meanwhile
                except OSError as error:
                    self._problem_of(task).failed(f"dump task {task.name} can't be cleaned up: {error}")
                except StoreUnavailable as error:
                    _log.debug("dump task %s: %s", task.name, error)  # the store logs it itself, once
                except Exception:  # noqa: BLE001 - logged; the other tasks go on
                    _log.exception("dump task %s failed", task.name)

    def _work(self) -> None:
        while not self._closing:
            self._wake.clear()
            self.flush_due(self._clock())
            self._wake.wait(LOOK_SECONDS if self._store.dump_tasks() else None)

    def _look_at(self, task: DumpTask, now_ms: int) -> None:
        stream = self._store.stream_of(task)
        self._clean_up(task)
        if task.state == DELETE or stream is None:
            self._store.forget_dump_task(task).result()
            self._forget(task)
            return
        if task.state == STARTING:
            self._start_task(task)
            task = self._store.dump_task(task.task_id) or task
        if task.delivers:
            due = self._is_due(task, now_ms)
            partitions = [p for p in _copied(task, stream) if due or self._is_full(task, stream, p)]
            if due:
                self._flushed_ms[task.task_id] = now_ms
            if partitions:
                self._flush(task, stream, partitions, now_ms)

    def _clean_up(self, task: DumpTask) -> None:
        """Remove temporary files that a killed server or a deleted task has left; those of a committed run are needed."""
        if task.exists and task.task_id in self._cleaned:
            return
        needed = [one.temporary for position in task.positions if position.run for one in position.run.objects]
        self._objects.remove_temporary(task.task_id, needed if task.exists else ())
        self._cleaned.add(task.task_id)

    def _start_task(self, task: DumpTask) -> None:
        try:
            self._objects.check_bucket(task.destination.obs_bucket_path)
        except Refusal as refusal:
            self._stop_on(task, refusal)
            return
        except OSError as error:
            _log.debug("dump task %s: %s", task.name, error)  # its flushes fail and say so, or it has passed by then
        self._store.set_dump_state(task, RUNNING).result()

    def _is_due(self, task: DumpTask, now_ms: int) -> bool:
        """Whether an interval has ended since the last flush. A time of the future is one that the clock never came to."""
        interval = 1000 * (task.destination.deliver_time_interval or DEFAULT_DELIVER_SECONDS)
        flushed = [task.last_ms, self._flushed_ms.get(task.task_id, 0)]
        last = max([task.started_ms, *(time for time in flushed if time <= now_ms)])
        return now_ms >= task.started_ms + ((last - task.started_ms) // interval + 1) * interval

    def _is_full(self, task: DumpTask, stream: Stream, partition: Partition) -> bool:
        """Whether a partition has as much new data as the task asks for; after a failure the interval decides."""
        position = task.position(partition.number)
        if task.destination.deliver_size_interval is None or position.failing or position.next >= partition.next:
            return False
        key = (task.task_id, partition.number)
        new = self._new_data.get(key)
        if new is None or new.first != position.next:
            new = self._new_data[key] = _NewData(first=position.next, next=position.next, size=0)
        more = self._store.stored_bytes(stream, partition.number, new.next, partition.next)
        new.next, new.size = partition.next, new.size + more
        return new.size >= most_bytes(task.destination)

    def _flush(self, task: DumpTask, stream: Stream, partitions: list[Partition], now_ms: int) -> None:
        """Flush some partitions of a task; one that fails doesn't keep the others from being flushed."""
        failures: list[Exception] = []
        for partition in partitions:
            failure = self._copy(task, stream, partition, now_ms)
            if isinstance(failure, Refusal) and failure.code in _BUCKET:
                self._stop_on(task, failure)
                return
            if failure is not None:
                failures.append(failure)
                self._mark_failing(task, partition)
        if failures:
            self._problem_of(task).failed(
                f"dump task {task.name} of stream {stream.name} is ABNORMAL, and it is tried again at its next interval:"
                f" {failures[0]}"
            )
        else:
            self._problem_of(task).succeeded()

    def _copy(self, task: DumpTask, stream: Stream, partition: Partition, now_ms: int) -> Exception | None:
        """Copy one partition; returns why that failed, None if it didn't or if something of it is gone."""
        current = self._store.dump_task(task.task_id) or task
        check = partial(self._check_wanted, task)
        delivery = PartitionDelivery(self._store, self._objects, current, stream, now_ms, check)
        try:
            check()
            delivery.copy(partition)
        except (GivenUp, StoreUnavailable):
            raise
        except Refusal as refusal:
            return refusal if refusal.code in {*_BUCKET, _SCHEMA} else None
        except (OSError, StoreError) as error:
            return error
        except Exception as error:  # noqa: BLE001 - logged; the task is ABNORMAL
            _log.exception("dump task %s failed", task.name)
            return error
        return None

    def _check_wanted(self, task: DumpTask) -> None:
        current = self._store.dump_task(task.task_id)
        if self._closing or current is None or not current.delivers:
            raise GivenUp

    def _mark_failing(self, task: DumpTask, partition: Partition) -> None:
        current = self._store.dump_task(task.task_id)
        if current is not None and current.exists and not current.position(partition.number).failing:
            position = msgspec.structs.replace(current.position(partition.number), failing=True)
            self._store.set_dump_position(current, position).result()

    def _stop_on(self, task: DumpTask, refusal: Refusal) -> None:
        """The bucket is missing or refused: the task is in ERROR until it is started again."""
        current = self._store.dump_task(task.task_id) or task
        self._store.set_dump_state(current, ERROR).result()
        self._problem_of(task).failed(f"dump task {task.name} is in ERROR until it is started again: {refusal.message}")

    def _problem_of(self, task: DumpTask) -> ProblemLog:
        solved = f"dump task {task.name} writes objects again"
        return self._problems.setdefault(task.task_id, ProblemLog(_log, solved))

    def _forget(self, task: DumpTask) -> None:
        self._flushed_ms.pop(task.task_id, None)
        self._problems.pop(task.task_id, None)
        self._cleaned.discard(task.task_id)
        self._new_data = {key: new for key, new in self._new_data.items() if key[0] != task.task_id}


def _copied(task: DumpTask, stream: Stream) -> list[Partition]:
    """The partitions that a task copies: those that can be read, and expired ones that it hasn't ended with."""
    positions = ((partition, task.position(partition.number)) for partition in stream.partitions)
    return [p for p, position in positions if p.status != EXPIRED or position.failing or position.run is not None]


class _NewData:
    """The ``size`` in bytes of the records ``[first, next)`` of a partition, which a task has not copied yet."""

    __slots__ = ("first", "next", "size")

    def __init__(self, *, first: int, next: int, size: int) -> None:  # noqa: A002 - the name that the store has
        self.first = first
        self.next = next
        self.size = size
