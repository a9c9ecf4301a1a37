"""The live tail: the records that arrive, a step at a time.

Rules:

1. A page asks again a second after each answer, with the numbers up to which it has seen each partition. The server keeps nothing.
2. A step reads at most :data:`MOST_RECORDS` records. If more have arrived, the older ones are left out, and the page says how many.
"""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from beam_dis.local.console.parts import ConsoleError, Parts
from beam_dis.local.console.queries import Fields, query_of
from beam_dis.local.console.record_values import DECODED, VIEWS, RecordValues
from beam_dis.local.console.record_window import FoundRecord, read_records
from beam_dis.local.console.records import LIST_CHARS, RecordRow, filter_of, partition_of, row_of
from beam_dis.local.console.rendering import page
from beam_dis.local.store import Partition, Stream
from beam_dis.wire.streams import EXPIRED

MOST_PARTITIONS = 64
MOST_RECORDS = 200
_BYTES = 1024 * 1024
_BEFORE = 10
"""The records of each partition that are there when a tail begins."""

_POSITIONS = re.compile(r"[0-9]{1,10}:[0-9]{1,19}(,[0-9]{1,10}:[0-9]{1,19}){0,63}|")

Positions = dict[int, int]
"""The number of a partition, and the number of the record to read next there."""


def live_tail(parts: Parts, request: Request) -> Response:
    """The page of a tail, which begins with a few of the newest records."""
    fields = query_of(request)
    stream = parts.stream(request.path_params["stream_id"])
    readable = [partition for partition in stream.partitions if partition.status != EXPIRED]
    if fields.text("partition"):
        readable = [partition_of(stream, fields.whole("partition", 0))]
    followed = readable[:MOST_PARTITIONS]
    positions = {p.number: max(p.earliest, p.next - _BEFORE) for p in followed}
    step = _step(parts, stream, positions, fields)
    return page(
        "tail.html",
        here="streams",
        partition=fields.text("partition"),
        views=VIEWS,
        followed=len(followed),
        left_out=len(readable) - len(followed),
        **step,
    )


def next_records(parts: Parts, request: Request) -> Response:
    """What has arrived since the last step of a tail."""
    fields = query_of(request)
    stream = parts.stream(request.path_params["stream_id"])
    text = fields.text("positions")
    if not _POSITIONS.fullmatch(text):
        raise ConsoleError(400, "positions is not such as 0:17,1:4.")
    pairs = [pair.split(":") for pair in text.split(",") if pair]
    return page("tail_records.html", **_step(parts, stream, {int(n): int(start) for n, start in pairs}, fields))


def _step(parts: Parts, stream: Stream, positions: Positions, fields: Fields) -> dict[str, Any]:
    view = fields.choice("view", VIEWS, DECODED)
    values = RecordValues(stream)
    wanted = filter_of(fields.text("filter"), values, view)
    found: list[tuple[int, FoundRecord]] = []
    following = dict(positions)
    skipped = 0
    waiting = [p for p in stream.partitions if p.status != EXPIRED and positions.get(p.number, p.next) < p.next]
    for partition in waiting:
        records, left_out = _newest(parts, stream, partition, positions[partition.number], len(waiting))
        found += [(partition.number, record) for record in records if wanted(record)]
        following[partition.number] = records[-1].number + 1 if records else partition.next
        skipped += left_out
    found.sort(key=lambda pair: (pair[1].timestamp_ms, pair[1].number), reverse=True)
    rows: list[tuple[int, RecordRow]] = [(number, row_of(record, values, view, LIST_CHARS)) for number, record in found]
    return {
        "stream": stream,
        "rows": rows,
        "read": len(rows),
        "skipped": skipped,
        "positions": ",".join(f"{number}:{start}" for number, start in following.items()),
        "view": view,
        "wanted": fields.text("filter"),
        "now_ms": parts.now_ms,
    }


def _newest(
    parts: Parts, stream: Stream, partition: Partition, start: int, sharing: int
) -> tuple[list[FoundRecord], int]:
    """The newest records from ``start`` on that a step may read of one partition, and how many it leaves out."""
    most = max(1, MOST_RECORDS // sharing)
    first = max(start, partition.earliest, partition.next - most)
    return read_records(parts.store, stream, partition, first, most, max(1, _BYTES // sharing)), first - start
