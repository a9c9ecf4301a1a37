"""The page of all apps, and the page of one: how far it is behind in each partition, and resets of its checkpoints."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from beam_dis.local.console.lags import Trend, records_behind
from beam_dis.local.console.paging import slice_of
from beam_dis.local.console.parts import ConsoleError, Parts
from beam_dis.local.console.queries import Fields, query_of
from beam_dis.local.console.record_window import number_at, time_ms
from beam_dis.local.console.rendering import page
from beam_dis.local.console.settings import ROOT
from beam_dis.local.handlers.call import durable
from beam_dis.local.store import Partition, StoredApp, StoredCheckpoint, Stream
from beam_dis.wire.ranges import MAX_SEQUENCE_NUMBER
from beam_dis.wire.streams import EXPIRED

TARGETS = {
    "earliest": "the oldest record",
    "latest": "after the newest record",
    "time": "a time",
    "number": "a number",
    "delete": "no checkpoint",
}
_NAMED = 20
"""The partitions that a notice names."""
_STEADY = 0.05
"""Records for each second below which a lag counts as steady."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRow:
    """One app in one stream; without checkpoints it has no stream. ``left`` is the time until it has caught up, in seconds."""

    app: StoredApp
    stream: Stream | None = None
    behind: int = 0
    trend: Trend | None = None
    direction: str = ""
    left: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointRow:
    """One checkpoint. ``left_ms`` is the time until the next record to read expires; None if there is none."""

    stream: Stream
    partition: Partition
    checkpoint: StoredCheckpoint
    behind: int
    left_ms: int | None


def all_apps(parts: Parts, request: Request) -> Response:
    """The apps, those that are furthest behind first."""
    fields = query_of(request)
    lags = parts.lags.now()
    by_key = {(app.project, app.name): app for app in parts.store.apps()}
    used = {key[:2] for key in lags}
    keys = sorted(lags, key=lambda key: (-lags[key], key))
    idle = [app for key, app in by_key.items() if key not in used]
    found = slice_of(len(keys) + len(idle), fields)
    rows = [
        _row(parts, by_key[key[:2]], key[2], lags[key]) for key in keys[found.start : found.end] if key[:2] in by_key
    ]
    rows += [AppRow(app=app) for app in idle[max(0, found.start - len(keys)) : max(0, found.end - len(keys))]]
    return page("apps.html", here="apps", rows=rows, found=found)


def one_app(parts: Parts, request: Request) -> Response:
    """One app: its checkpoints, a page at a time."""
    fields = query_of(request)
    app = parts.app(request.path_params["app_id"])
    checkpoints = sorted(parts.store.checkpoints(app.project, app).items())
    streams = {stream_id: parts.store.stream_by_id(stream_id) for stream_id in {key[0] for key, _ in checkpoints}}
    found = slice_of(len(checkpoints), fields)
    rows = []
    for (stream_id, number), checkpoint in checkpoints[found.start : found.end]:
        stream = streams[stream_id]
        partition = None if stream is None else stream.partition(number)
        if stream is not None and partition is not None:
            rows.append(_checkpoint_row(parts, stream, partition, checkpoint))
    lags = {key[2]: lag for key, lag in parts.lags.now().items() if key[:2] == (app.project, app.name)}
    return page(
        "app.html",
        here="apps",
        app=app,
        rows=rows,
        found=found,
        behind=sum(lags.values()),
        streams=[stream.name for stream in streams.values() if stream is not None],
        targets=TARGETS,
        notice=parts.notices.take(fields.text("notice") or None),
    )


def lag_over_time(parts: Parts, request: Request) -> Response:
    """The lag of an app over the last hour, as columns of numbers for the chart."""
    app = parts.app(request.path_params["app_id"])
    totals: dict[float, int] = {}
    for key in [key for key in parts.lags.now() if key[:2] == (app.project, app.name)]:
        for time, behind in parts.lags.series(key):
            totals[time] = totals.get(time, 0) + behind
    return JSONResponse(
        {"times": [round(time, 1) for time in sorted(totals)], "behind": [totals[time] for time in sorted(totals)]}
    )


async def reset_checkpoint(parts: Parts, request: Request, fields: Fields) -> Response:
    """Set or delete the checkpoints of an app in a stream, in one partition or in all that can be read."""
    app = parts.app(request.path_params["app_id"])
    name = fields.text("stream")
    stream = parts.store.stream(app.project, name, name)
    if stream is None:
        raise ConsoleError(404, f"Project {app.project} has no stream {name[:100]!r}.")
    partitions = _partitions(stream, fields)
    target = fields.choice("to", TARGETS, "earliest")
    if target == "delete":
        one = partitions[0].number if fields.text("partition") else None
        changes = [parts.store.delete_checkpoints(app.project, app, stream, one)]
    else:
        numbers = await asyncio.to_thread(_positions, parts, stream, partitions, target, fields)
        changes = [
            parts.store.commit_checkpoint(app.project, app, stream, partition.number, number)
            for partition, number in zip(partitions, numbers, strict=True)
        ]
    for change in changes:
        await durable(change)
    where = ", ".join(str(partition.number) for partition in partitions[:_NAMED])
    more = f" and {len(partitions) - _NAMED} more" if len(partitions) > _NAMED else ""
    text = f"{app.name} in {stream.name}, partitions {where}{more}: {TARGETS[target]}."
    return RedirectResponse(f"{ROOT}/apps/{app.app_id}?notice={parts.notices.add(text)}", 303)


def _partitions(stream: Stream, fields: Fields) -> list[Partition]:
    if not fields.text("partition"):
        return [partition for partition in stream.partitions if partition.status != EXPIRED]
    partition = stream.partition(fields.whole("partition", 0))
    if partition is None or partition.status == EXPIRED:
        raise ConsoleError(404, f"{stream.name} has no partition {fields.text('partition')[:20]} that can be read.")
    return [partition]


def _positions(parts: Parts, stream: Stream, partitions: list[Partition], target: str, fields: Fields) -> list[int]:
    if target == "earliest":
        return [partition.earliest for partition in partitions]
    if target == "latest":
        return [partition.next for partition in partitions]
    if target == "number":
        return [fields.whole("at", -1, most=MAX_SEQUENCE_NUMBER) if fields.text("at") else _nothing()] * len(partitions)
    milliseconds = time_ms(fields.text("at"))
    return [number_at(parts.store, stream, partition, milliseconds) for partition in partitions]


def _nothing() -> int:
    raise ConsoleError(400, "Give the number of the record that is to be read next.")


def _row(parts: Parts, app: StoredApp, stream_id: str, behind: int) -> AppRow:
    trend = parts.lags.trend((app.project, app.name, stream_id))
    change = 0.0 if trend is None else trend.per_second
    return AppRow(
        app=app,
        stream=parts.store.stream_by_id(stream_id),
        behind=behind,
        trend=trend,
        direction="growing" if change > _STEADY else "shrinking" if change < -_STEADY else "steady",
        left=behind / -change if change < -_STEADY and behind else None,
    )


def _checkpoint_row(parts: Parts, stream: Stream, partition: Partition, checkpoint: StoredCheckpoint) -> CheckpointRow:
    behind = records_behind(partition, checkpoint)
    following = max(checkpoint.sequence_number, partition.earliest)
    arrived = parts.store.arrival_ms(stream, partition.number, following) if behind else None
    return CheckpointRow(
        stream=stream,
        partition=partition,
        checkpoint=checkpoint,
        behind=behind,
        left_ms=None if arrived is None else arrived + stream.retention_ms - parts.now_ms,
    )
