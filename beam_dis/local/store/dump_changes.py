"""Each kind of change of dump tasks, as a function on a draft; the rules are those of ``changes``.

Rule 1: a deleted task stays as DELETE until the server has removed its temporary files: no crash can leave any.
Rule 2: only the engine changes positions, and only in tasks that exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from beam_dis.local.store.catalogue import Draft
from beam_dis.local.store.dump_values import DumpPosition, DumpTask, task_named
from beam_dis.wire.dump_tasks import DELETE, PAUSED, RUNNING, START, STARTING, TRIM_HORIZON, OBSDestination
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import DUMP_TASK_QUOTA
from beam_dis.wire.streams import RUNNING as STREAM_RUNNING


def create_dump_task(
    draft: Draft, now_ms: int, stream_id: str, destination: OBSDestination, *, task_id: str
) -> DumpTask:
    """Create a task; refused with DIS.4301, 4205, 4355 or 4357. A strategy of LATEST is fixed by this commit."""
    stream = draft.stream(stream_id)
    if stream is None:
        raise Refusal(4301, stream_id)
    if stream.status != STREAM_RUNNING:
        raise Refusal(4205)
    existing = _existing(draft, stream_id)
    if any(task.name == destination.task_name for task in existing):
        raise Refusal(4355, destination.task_name)
    if len(existing) >= DUMP_TASK_QUOTA:
        raise Refusal(4357, DUMP_TASK_QUOTA)
    oldest = destination.consumer_strategy == TRIM_HORIZON
    task = DumpTask(
        task_id=task_id,
        stream_id=stream_id,
        name=destination.task_name,
        destination=destination,
        created_ms=now_ms,
        started_ms=now_ms,
        positions=tuple(
            DumpPosition(partition=partition.number, next=partition.earliest if oldest else partition.next)
            for partition in stream.partitions
        ),
    )
    draft.dump_tasks[task_id] = task
    return task


def update_dump_task(draft: Draft, _now_ms: int, stream_id: str, destination: OBSDestination) -> None:
    """Replace the destination of the task of that name, except its strategy; refused with DIS.4354."""
    task = _named(draft, stream_id, destination.task_name)
    kept = msgspec.structs.replace(destination, consumer_strategy=task.destination.consumer_strategy)
    _put(draft, task, destination=kept)


def delete_dump_task(draft: Draft, _now_ms: int, stream_id: str, name: str) -> None:
    """Delete a task; refused with DIS.4354."""
    mark_deleted(draft, [_named(draft, stream_id, name)])


def mark_deleted(draft: Draft, tasks: Iterable[DumpTask]) -> None:
    """Delete tasks, and leave to the engine what they have on disk."""
    for task in tasks:
        _put(draft, task, state=DELETE)


def act_on_dump_tasks(draft: Draft, now_ms: int, stream_id: str, names: Sequence[str], action: str) -> None:
    """Start or stop tasks; refused with DIS.4354 if one of them doesn't exist. One that is in that state stays as it is."""
    tasks = {task.task_id: task for task in (_named(draft, stream_id, name) for name in names)}
    for task in tasks.values():
        if action == START and task.state not in {STARTING, RUNNING}:
            _put(draft, task, state=STARTING, started_ms=now_ms)
        elif action != START:
            _put(draft, task, state=PAUSED)


def set_dump_state(draft: Draft, _now_ms: int, task_id: str, before: str, state: str) -> None:
    """Set the state of a task, unless it is no longer the one before."""
    task = draft.dump_task(task_id)
    if task is not None and task.state == before:
        _put(draft, task, state=state)


def set_dump_position(draft: Draft, _now_ms: int, task_id: str, position: DumpPosition) -> None:
    """Set the position of a task in a partition; refused with DIS.4354."""
    task = draft.dump_task(task_id)
    if task is None or not task.exists:
        raise Refusal(4354, task_id)
    draft.dump_tasks[task_id] = task.at(position)


def forget_dump_task(draft: Draft, _now_ms: int, task_id: str) -> None:
    """Remove what is left of a deleted task."""
    draft.dump_tasks[task_id] = None


def _existing(draft: Draft, stream_id: str) -> list[DumpTask]:
    return [task for task in draft.dump_tasks_of(stream_id) if task.exists]


def _named(draft: Draft, stream_id: str, name: str) -> DumpTask:
    return task_named(_existing(draft, stream_id), name)


def _put(draft: Draft, task: DumpTask, **changes: object) -> None:
    draft.dump_tasks[task.task_id] = msgspec.structs.replace(task, **changes)
