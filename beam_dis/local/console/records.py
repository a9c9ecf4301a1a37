"""The pages of records: a part of a partition, one record, and the same as files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from beam_dis.errors import DecodeError
from beam_dis.local.console.parts import ConsoleError, Parts
from beam_dis.local.console.queries import Fields, query_of
from beam_dis.local.console.record_values import DECODED, HEX, RAW, VIEWS, RecordValues, plain_json
from beam_dis.local.console.record_window import (
    MOST_BYTES,
    FoundRecord,
    Wanted,
    Window,
    number_at,
    read_records,
    time_ms,
    window_after,
    window_before,
)
from beam_dis.local.console.rendering import page
from beam_dis.local.console.visible import clipped
from beam_dis.local.store import Partition, Stream
from beam_dis.wire.ranges import partition_id
from beam_dis.wire.streams import EXPIRED

COUNTS = (20, 50, 100, 200)
PLACES = ("end", "start", "time", "number", "before")
LIST_CHARS = 600
LIST_LINES = 12
RECORD_CHARS = 200_000
_LIST_BYTES = 4 * LIST_CHARS
"""Enough bytes for the characters that a listing shows of a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRow:
    """One record as a page shows it; ``more`` is the number of characters that aren't shown."""

    record: FoundRecord
    text: str
    more: int
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordQuery:
    """What a page of records asks for, with the texts of its form."""

    stream: Stream
    partition: Partition
    place: str
    at: str
    count: int
    view: str
    wanted: str

    def address(self, place: str | None = None, at: str | int | None = None) -> dict[str, Any]:
        """The query of this page, or of another place in the partition."""
        return {
            "partition": self.partition.number,
            "from": place or self.place,
            "at": self.at if place is None else at,
            "count": self.count,
            "view": self.view,
            "filter": self.wanted,
        }


def some_records(parts: Parts, request: Request) -> Response:
    """A part of one partition."""
    asked = _record_query(parts, request)
    values = RecordValues(asked.stream)
    window = _window(parts, asked, values)
    earliest, following = asked.partition.earliest, asked.partition.next
    return page(
        "records.html",
        here="streams",
        stream=asked.stream,
        asked=asked,
        rows=[row_of(record, values, asked.view, LIST_CHARS) for record in window.records],
        window=window,
        older=asked.address("before", window.start) if window.start > earliest else None,
        newer=asked.address("number", window.end) if window.end < following else None,
        values=values,
        views=VIEWS,
        counts=COUNTS,
    )


def export(parts: Parts, request: Request) -> Response:
    """The records of the same page as lines of JSON, with their whole data."""
    asked = _record_query(parts, request)
    values = RecordValues(asked.stream)
    window = _window(parts, asked, values)
    lines = [_exported(asked.stream, asked.partition.number, record, values, asked.view) for record in window.records]
    name = f"{asked.stream.name}-{asked.partition.number}-{window.start}.jsonl"
    # half a surrogate becomes its escape in JSON
    content = "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")
    return _file(content, name, "application/x-ndjson")


def one_record(parts: Parts, request: Request) -> Response:
    """One record in one of the views, and what can be done with it."""
    fields = query_of(request)
    stream, partition, record = record_of(parts, request)
    view = fields.choice("view", VIEWS, DECODED)
    values = RecordValues(stream)
    return page(
        "record.html",
        here="streams",
        stream=stream,
        partition=partition,
        row=row_of(record, values, view, RECORD_CHARS, lines=True),
        view=view,
        views=VIEWS,
        notice=parts.notices.take(fields.text("notice") or None),
    )


def record_data(parts: Parts, request: Request) -> Response:
    """The data of one record as a file."""
    stream, partition, record = record_of(parts, request)
    name = f"{stream.name}-{partition.number}-{record.number}.bin"
    return _file(record.data, name, "application/octet-stream")


def record_of(parts: Parts, request: Request) -> tuple[Stream, Partition, FoundRecord]:
    """The record that an address names; ConsoleError 404 if there is none."""
    stream = parts.stream(request.path_params["stream_id"])
    fields = Fields(request.path_params)
    partition = partition_of(stream, fields.whole("partition", 0))
    number = fields.whole("number", 0)
    if not partition.earliest <= number < partition.next:
        raise ConsoleError(
            404,
            f"{partition_id(partition.number)} has no record {number}: it has {partition.earliest} to {partition.next - 1}."
            if partition.earliest < partition.next
            else f"{partition_id(partition.number)} has no records.",
        )
    found = read_records(parts.store, stream, partition, number, 1, MOST_BYTES)
    if not found:
        raise ConsoleError(404, f"Record {number} is gone.")
    return stream, partition, found[0]


def partition_of(stream: Stream, number: int) -> Partition:
    """The partition of that number, if it can be read; ConsoleError 404 otherwise."""
    partition = stream.partition(number)
    if partition is None or partition.status == EXPIRED:
        why = "has expired" if partition is not None else f"is not one of 0 to {len(stream.partitions) - 1}"
        raise ConsoleError(404, f"Partition {number} of this stream {why}.")
    return partition


def row_of(record: FoundRecord, values: RecordValues, view: str, most: int, *, lines: bool = False) -> RecordRow:
    """A record as a page shows it. Of a text or digits only the part that is shown is made."""
    data = record.data if view == DECODED else record.data[: max(_LIST_BYTES, 4 * most) if view == RAW else most // 3]
    shown = values.shown(data, view, lines=lines)
    text, more = clipped(shown.text, most, None if lines else LIST_LINES)
    if len(data) < len(record.data):
        more = max(more, len(record.data) - len(data))
    return RecordRow(record=record, text=text, more=more, problem=shown.problem)


def filter_of(wanted: str, values: RecordValues, view: str) -> Wanted:
    """A function that says whether a key or the data in a view contain a text, in any case of letters."""
    if not wanted:
        return lambda _record: True
    small = wanted.lower()

    def contains(record: FoundRecord) -> bool:
        if record.key is not None and small in record.key.lower():
            return True
        text = record.data.hex() if view == HEX else values.shown(record.data, view).text
        return (small.replace(" ", "") if view == HEX else small) in text.lower()

    return contains


def _record_query(parts: Parts, request: Request) -> RecordQuery:
    fields = query_of(request)
    stream = parts.stream(request.path_params["stream_id"])
    return RecordQuery(
        stream=stream,
        partition=partition_of(stream, fields.whole("partition", _first_readable(stream))),
        place=fields.choice("from", PLACES, "end"),
        at=fields.text("at"),
        count=fields.whole("count", COUNTS[1], least=1, most=COUNTS[-1]),
        view=fields.choice("view", VIEWS, DECODED),
        wanted=fields.text("filter"),
    )


def _first_readable(stream: Stream) -> int:
    return next((partition.number for partition in stream.partitions if partition.status != EXPIRED), 0)


def _window(parts: Parts, asked: RecordQuery, values: RecordValues) -> Window:
    wanted = filter_of(asked.wanted, values, asked.view)
    store, stream, partition = parts.store, asked.stream, asked.partition
    if asked.place == "end":
        return window_before(store, stream, partition, partition.next, asked.count, wanted)
    if asked.place == "before":
        return window_before(store, stream, partition, _number(asked.at), asked.count, wanted)
    if asked.place == "time":
        start = number_at(store, stream, partition, time_ms(asked.at))
    else:
        start = partition.earliest if asked.place == "start" else _number(asked.at)
    return window_after(store, stream, partition, start, asked.count, wanted)


def _number(text: str) -> int:
    return Fields({"The number": text}).whole("The number", 0)


def _exported(stream: Stream, partition: int, record: FoundRecord, values: RecordValues, view: str) -> str:
    known: dict[str, Any] = {
        "stream": stream.name,
        "partition_id": partition_id(partition),
        "sequence_number": record.number,
        "timestamp": record.timestamp_ms,
        "partition_key": record.key,
    }
    if view == HEX:
        known["hex"] = record.data.hex()
    elif view == RAW:
        known["text"] = record.data.decode("utf-8", "backslashreplace")
    else:
        try:
            line = plain_json(known | {"value": values.decoded(record.data)})
        except (DecodeError, ValueError, RecursionError):
            known["hex"] = record.data.hex()
        else:
            values.spend(len(line))
            return line
    return plain_json(known)


def _file(content: bytes, name: str, media_type: str) -> Response:
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)
    return Response(content, media_type=media_type, headers={"content-disposition": f'attachment; filename="{safe}"'})
