"""The page of all streams, and the page of one: its partitions, its rates over time, its most frequent keys."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from beam_dis.local.console.paging import slice_of
from beam_dis.local.console.parts import Parts
from beam_dis.local.console.queries import query_of
from beam_dis.local.console.rendering import page
from beam_dis.local.console.usage_rates import RatePeriod, Rates, rate_period, rates_of
from beam_dis.local.store import Partition, Stream, Usage
from beam_dis.wire.streams import EXPIRED

SAMPLED_PARTITIONS = 8
SAMPLED_RECORDS = 2_000
_SAMPLED_BYTES = 1024 * 1024
_SHOWN_KEYS = 15
CHART_HOURS = (1, 6, 24, 168)
_MOST_POINTS = 720


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRow:
    """One stream on the page of all. ``left_ms`` is the time after which its oldest record expires, None without records."""

    stream: Stream
    records: int
    rates: Rates
    lag: int | None
    slowest: str
    left_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionRow:
    """One partition on the page of its stream."""

    partition: Partition
    rates: Rates
    share: float


def all_streams(parts: Parts, request: Request) -> Response:
    """The streams, by name, with what happens to them."""
    fields = query_of(request)
    wanted = fields.text("filter")
    streams = [s for s in parts.store.streams() if wanted.lower() in s.name.lower() or wanted == s.project]
    found = slice_of(len(streams), fields)
    shown = streams[found.start : found.end]
    lags = _largest_lags(parts)
    period = rate_period(parts.clock())
    rows = [_stream_row(parts, stream, lags, period) for stream in shown]
    projects = len({stream.project for stream in streams}) > 1
    return page(
        "streams.html", here="streams", rows=rows, found=found, wanted=wanted, several_projects=projects, period=period
    )


def one_stream(parts: Parts, request: Request) -> Response:
    """One stream: what it is, and a page of its partitions."""
    fields = query_of(request)
    stream = parts.stream(request.path_params["stream_id"])
    found = slice_of(len(stream.partitions), fields)
    period = rate_period(parts.clock())
    usage = parts.store.usage_by_partition(stream, period.first, period.last)
    total = sum(partition.put_bytes for partition in stream.partitions)
    rows = [
        PartitionRow(
            partition=partition,
            rates=rates_of([usage.get(partition.number, Usage())], period),
            share=partition.put_bytes / total if total else 0.0,
        )
        for partition in stream.partitions[found.start : found.end]
    ]
    oldest = parts.store.oldest_ms(stream)
    return page(
        "stream.html",
        here="streams",
        stream=stream,
        rows=rows,
        found=found,
        records=_records(stream),
        rates=rates_of(list(usage.values()), period),
        left_ms=None if oldest is None else oldest + stream.retention_ms - parts.now_ms,
        apps=_apps_of(parts, stream),
        hours=fields.whole("hours", 1, least=1, most=168),
        chart_hours=CHART_HOURS,
        notice=parts.notices.take(fields.text("notice") or None),
    )


def rates_over_time(parts: Parts, request: Request) -> Response:
    """The rates of each minute of the last hours, as columns of numbers for the chart."""
    hours = query_of(request).whole("hours", 1, least=1, most=168)
    stream = parts.stream(request.path_params["stream_id"])
    last = int(parts.clock() // 60) - 1  # the last whole minute
    first = last - hours * 60 + 1
    usage = parts.store.usage_by_minute(stream, None, first, last)
    step = max(1, -(-(last - first + 1) // _MOST_POINTS))
    points = [
        (minute, rates_of([usage.get(m, Usage()) for m in range(minute, minute + step)], RatePeriod(0, 0, step * 60)))
        for minute in range(first, last + 1, step)
    ]
    return JSONResponse(
        {
            "times": [minute * 60 for minute, _ in points],
            "put_records": [round(rates.put_records, 3) for _, rates in points],
            "get_records": [round(rates.get_records, 3) for _, rates in points],
            "put_bytes": [round(rates.put_bytes, 1) for _, rates in points],
            "get_bytes": [round(rates.get_bytes, 1) for _, rates in points],
        }
    )


def frequent_keys(parts: Parts, request: Request) -> Response:
    """The most frequent keys of a sample of the newest records."""
    stream = parts.stream(request.path_params["stream_id"])
    readable = [p for p in stream.partitions if p.status != EXPIRED and p.earliest < p.next]
    sampled = sorted(readable, key=lambda partition: -partition.last_ms)[:SAMPLED_PARTITIONS]
    counts: Counter[str | None] = Counter()
    for partition in sampled:
        share = SAMPLED_RECORDS // len(sampled)
        start = max(partition.earliest, partition.next - share)
        for run in parts.store.read(stream, partition.number, start, _SAMPLED_BYTES, share):
            counts.update(run.keys)
    return page(
        "keys.html",
        stream=stream,
        keys=counts.most_common(_SHOWN_KEYS),
        total=counts.total(),
        partitions=len(sampled),
        readable=len(readable),
    )


def _stream_row(parts: Parts, stream: Stream, lags: dict[str, tuple[int, str]], period: RatePeriod) -> StreamRow:
    usage = parts.store.usage_by_minute(stream, None, period.first, period.last)
    oldest = parts.store.oldest_ms(stream)
    lag = lags.get(stream.stream_id)
    return StreamRow(
        stream=stream,
        records=_records(stream),
        rates=rates_of(list(usage.values()), period),
        lag=None if lag is None else lag[0],
        slowest="" if lag is None else lag[1],
        left_ms=None if oldest is None else oldest + stream.retention_ms - parts.now_ms,
    )


def _records(stream: Stream) -> int:
    return sum(partition.next - partition.earliest for partition in stream.partitions)


def _largest_lags(parts: Parts) -> dict[str, tuple[int, str]]:
    """The largest lag of any app in each stream, by its id, and the app's name."""
    found: dict[str, tuple[int, str]] = {}
    for (_, app, stream_id), behind in parts.lags.now().items():
        if stream_id not in found or behind > found[stream_id][0]:
            found[stream_id] = (behind, app)
    return found


def _apps_of(parts: Parts, stream: Stream) -> list[tuple[str, str, int]]:
    """The apps that have checkpoints in a stream: id, name and lag; the slowest first."""
    lags = {key[:2]: lag for key, lag in parts.lags.now().items() if key[2] == stream.stream_id}
    apps = [
        (app.app_id, app.name, lags[app.project, app.name])
        for app in parts.store.apps()
        if (app.project, app.name) in lags
    ]
    return sorted(apps, key=lambda app: -app[2])[:20]
