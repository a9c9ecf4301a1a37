"""The page of dump tasks: their states, how far they are, and the buttons that start and stop them."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from beam_dis.local.console.paging import slice_of
from beam_dis.local.console.parts import ConsoleError, Parts
from beam_dis.local.console.queries import Fields, query_of
from beam_dis.local.console.rendering import page
from beam_dis.local.console.settings import ROOT
from beam_dis.local.handlers.call import durable
from beam_dis.local.store import DumpTask, Stream
from beam_dis.wire.dump_tasks import ACTIONS, ERROR, PAUSED, START, STOP


@dataclass(frozen=True, slots=True, kw_only=True)
class DumpTaskRow:
    """One task. ``waiting`` are the records that aren't in an object yet, ``action`` is what can be done about it."""

    task: DumpTask
    stream: Stream
    waiting: int
    discarded: int
    failing: int
    action: str


def all_dump_tasks(parts: Parts, request: Request) -> Response:
    """The tasks of all streams, by name."""
    fields = query_of(request)
    tasks = [task for task in parts.store.dump_tasks() if task.exists]
    found = slice_of(len(tasks), fields)
    rows = [_row(task, stream) for task in tasks[found.start : found.end] if (stream := parts.store.stream_of(task))]
    notice = parts.notices.take(fields.text("notice") or None)
    return page("dump_tasks.html", here="dump tasks", rows=rows, found=found, notice=notice)


async def act(parts: Parts, request: Request, fields: Fields) -> Response:
    """Start or stop a task."""
    task = parts.store.dump_task(request.path_params["task_id"])
    stream = None if task is None else parts.store.stream_of(task)
    if task is None or stream is None:
        raise ConsoleError(404, "There is no such dump task. It may have been deleted.")
    action = fields.choice("action", ACTIONS, "")
    await durable(parts.store.act_on_dump_tasks(stream, [task.task_id], action))
    parts.context.dumps.wake()
    text = f"{task.name} is {'started' if action == START else 'stopped'}."
    return RedirectResponse(f"{ROOT}/dump-tasks?notice={parts.notices.add(text)}", 303)


def _row(task: DumpTask, stream: Stream) -> DumpTaskRow:
    positions = {position.partition: position for position in task.positions}
    waiting = sum(
        partition.next
        - max(partition.earliest, positions[partition.number].next if partition.number in positions else 0)
        for partition in stream.partitions
    )
    return DumpTaskRow(
        task=task,
        stream=stream,
        waiting=max(0, waiting),
        discarded=sum(position.discarded for position in task.positions),
        failing=sum(position.failing for position in task.positions),
        action=START if task.state in {PAUSED, ERROR} else STOP,
    )
