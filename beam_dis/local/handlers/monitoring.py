"""The handlers of monitoring: what happened to a stream or a partition, minute by minute [§5.6].

Rules:

1. Each minute that the period touches has a point, also if nothing happened in it; there are none from before the stream was
   created, nor from the future (ours).
2. What is reported is stored first, so that it is the same after a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from beam_dis.local.handlers.call import Call, durable, partition_of
from beam_dis.local.store import Stream, Usage
from beam_dis.wire import monitoring as wire
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import MAX_METRICS_SECONDS
from beam_dis.wire.ranges import partition_number

_LAST_SECOND = 9_999_999_999
"""The largest time of ten digits; one of milliseconds has more [T5-128]."""

_VALUES: dict[str, Callable[[Usage], int]] = {
    "total_put_bytes": lambda usage: usage.put_bytes,
    "total_get_bytes": lambda usage: usage.get_bytes,
    "total_put_records": lambda usage: usage.put_records,
    "total_get_records": lambda usage: usage.get_records,
    "total_put_req_latency": lambda usage: _mean_milliseconds(usage.put_us, usage.puts),
    "total_get_req_latency": lambda usage: _mean_milliseconds(usage.get_us, usage.gets),
    "total_put_req_suc": lambda usage: usage.puts,
    "total_get_req_suc": lambda usage: usage.gets,
    "traffic_control_put": lambda usage: usage.throttled_puts,
    "traffic_control_get": lambda usage: usage.throttled_gets,
}
"""The value of each label without what it is about."""


class _Period(NamedTuple):
    """A period in seconds since 1970, both ends included."""

    start: int
    end: int


async def stream_metrics(call: Call, request: wire.MetricsQuery) -> wire.MetricsResult:
    """What happened to a stream in each minute of a period."""
    labels, period = _checked_labels(request, wire.STREAM_LABELS), _checked_period(request)
    return await _metrics(call, call.stream(call.names["stream_name"]), None, labels, period)


async def partition_metrics(call: Call, request: wire.MetricsQuery) -> wire.MetricsResult:
    """What happened to a partition in each minute of a period."""
    labels, period = _checked_labels(request, wire.PARTITION_LABELS), _checked_period(request)
    partition_number(call.names["partition_id"])
    stream = call.stream(call.names["stream_name"])
    partition = partition_of(stream, call.names["partition_id"])
    return await _metrics(call, stream, partition.number, labels, period)


async def _metrics(
    call: Call, stream: Stream, number: int | None, labels: Sequence[str], period: _Period
) -> wire.MetricsResult:
    await durable(call.store.store_usage())
    first = max(period.start, stream.created_ms // 1000) // 60
    last = min(period.end, call.now_ms() // 1000) // 60
    usage: dict[int, Usage] = {}
    if first <= last:
        usage = await call.blocking(call.store.usage_by_minute, stream, number, first, last)
    series = [_series(label, usage, range(first, last + 1)) for label in labels]
    return wire.MetricsResult(series[0], series)


def _series(label: str, usage: dict[int, Usage], minutes: range) -> wire.MetricSeries:
    value = _VALUES[label.removesuffix("_per_stream").removesuffix("_per_partition")]
    nothing = Usage()
    points = [wire.DataPoint(minute * 60, value(usage.get(minute, nothing))) for minute in minutes]
    return wire.MetricSeries(points, label)


def _checked_labels(request: wire.MetricsQuery, known: Sequence[str]) -> list[str]:
    labels = [label.strip() for label in (request.label_list or request.label or "").split(",")]
    for label in labels:
        if label not in known:
            raise Refusal(4209, label or "label or label_list is missing")
    return list(dict.fromkeys(labels))


def _checked_period(request: wire.MetricsQuery) -> _Period:
    period = _Period(_second(request.start_time, "start_time"), _second(request.end_time, "end_time"))
    if period.end < period.start:
        raise Refusal(4203, f"end_time {period.end} is before start_time {period.start}")
    if period.end - period.start > MAX_METRICS_SECONDS:
        raise Refusal(4204)
    return period


def _second(text: str | None, name: str) -> int:
    if text is None:
        raise Refusal(4203, f"{name} is missing")
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_LAST_SECOND))):
        raise Refusal(4203, f"{name} {text[:64]!r} is not a time in seconds since 1970")
    return int(text)


def _mean_milliseconds(microseconds: int, count: int) -> int:
    return round(microseconds / count / 1000) if count else 0
