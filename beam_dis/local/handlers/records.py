"""Records: put, get, cursors [§5.4].

Law: a put is answered once its records are committed and on disk, each at its place or with its code, in their order.
A cursor holds a number resolved when it was issued, five minutes long; a page never skips a number.
"""

from __future__ import annotations

from collections.abc import Sequence

from beam_dis.local.handlers.call import Call, ServerContext, durable, readable_partition
from beam_dis.local.handlers.cursor_positions import CursorPosition, fresh_cursor, resolve, standing
from beam_dis.local.handlers.routing import Routed, Routes, closed
from beam_dis.local.store import Stream
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import DEFAULT_FETCH_BYTES, MAX_REQUEST_BYTES, MIB
from beam_dis.wire.messages import encode
from beam_dis.wire.ranges import partition_id, partition_number
from beam_dis.wire.records import (
    CURSOR_TYPES,
    GetCursorQuery,
    GetCursorResult,
    GetRecordsQuery,
    GetRecordsResult,
    PutRecordsRequest,
    PutRecordsRequestEntry,
    PutRecordsResult,
    PutRecordsResultEntry,
    ReadRecord,
)

MAX_FETCH_BYTES = 10 * MIB
"""More than this isn't put into one page, however much is asked for (ours: no limit is documented)."""

MAX_RECORDS = 10_000
"""More than this aren't taken in one request (ours: no limit is documented, and no client sends more) [SDK Agent]."""


async def put_records(call: Call, request: PutRecordsRequest) -> PutRecordsResult:
    """Store records; what became of each, in order."""
    records = request.records
    if not records:
        raise Refusal(4202)
    if len(records) > MAX_RECORDS:
        raise Refusal(4200, f"{len(records)} records are more than the {MAX_RECORDS} of a request", status=413)
    size = _size(records)
    if not (request.stream_name or request.stream_id):
        raise Refusal(4200, "stream_name is missing")
    stream = call.stream(request.stream_name, request.stream_id)
    if size > MAX_REQUEST_BYTES[stream.stream_type]:
        limit = MAX_REQUEST_BYTES[stream.stream_type]
        raise Refusal(4200, f"the records hold {size} bytes, more than the {limit} of a request", status=413)
    routed = Routes(stream, call.context.spread).route(records)
    if call.context.limits is not None:
        routed = call.context.limits.admit(stream, routed)
    if not routed.datas:
        return _put_result(stream, routed, [])
    numbers = await durable(call.store.append(stream, routed.partitions, routed.keys, routed.datas))
    return _put_result(stream, routed, numbers)


async def get_records(call: Call, request: GetRecordsQuery) -> bytes:
    """A page of records at a cursor, perhaps empty, and the cursor behind it."""
    limit = DEFAULT_FETCH_BYTES if request.max_fetch_bytes is None else request.max_fetch_bytes
    if limit <= 0:
        raise Refusal(4200, f"max_fetch_bytes {limit} is not above 0")
    if request.limit is not None and request.limit not in range(1, 10_001):
        raise Refusal(4200, f"limit {request.limit} is not within 1 to 10000")
    now = call.now_ms()
    place = standing(call, request.partition_cursor, now)
    if call.context.limits is not None:
        call.context.limits.check_read(place.stream, place.partition.number)
    if place.start == place.partition.next:
        return encode(GetRecordsResult([], fresh_cursor(place.stream, place.partition.number, place.start, now)))
    with call.context.answers.page(min(limit, MAX_FETCH_BYTES)) as size:
        return await call.blocking(_page, call.context, place, size, now)


async def get_cursor(call: Call, request: GetCursorQuery) -> GetCursorResult:
    """A cursor at the position that the request describes."""
    kind = request.cursor_type or CURSOR_TYPES[0]
    if kind not in CURSOR_TYPES:
        raise Refusal(4215, kind)
    partition_number(request.partition_id)
    if not (request.stream_name or request.stream_id):
        raise Refusal(4200, "stream-name is missing")
    position = resolve(kind, request.starting_sequence_number, request.timestamp)
    stream = call.stream(request.stream_name, request.stream_id)
    partition = readable_partition(stream, request.partition_id)
    start = await position(call, stream, partition)
    return GetCursorResult(fresh_cursor(stream, partition.number, start, call.now_ms(), kind))


def _size(records: Sequence[PutRecordsRequestEntry]) -> int:
    try:
        return sum([len(record.data) for record in records])  # type: ignore[arg-type,misc]
    except TypeError:
        position = next(index for index, record in enumerate(records) if record.data is None)
        raise Refusal(4200, f"records[{position}] has no data") from None


def _put_result(stream: Stream, routed: Routed, numbers: Sequence[int | None]) -> PutRecordsResult:
    names = {partition.number: partition_id(partition.number) for partition in stream.partitions}
    results = [
        _refused(closed(stream, partition)) if number is None else PutRecordsResultEntry(names[partition], str(number))
        for partition, number in zip(routed.partitions, numbers, strict=True)
    ]
    for position, refusal in sorted(routed.refusals.items()):
        results.insert(position, _refused(refusal))
    return PutRecordsResult(len(routed.refusals) + numbers.count(None), results)


def _refused(refusal: Refusal) -> PutRecordsResultEntry:
    return PutRecordsResultEntry(error_code=refusal.code, error_message=refusal.message)


def _page(context: ServerContext, place: CursorPosition, max_bytes: int, now: int) -> bytes:
    stream, number, start = place.stream, place.partition.number, place.start
    runs = context.store.read(stream, number, start, max_bytes)
    if context.limits is not None:
        context.limits.count_read(stream, number, sum(len(data) for run in runs for data in run.datas))
    if runs and runs[0].first != start:
        raise Refusal(4226)
    records = [
        ReadRecord(key, str(sequence), data, run.timestamp_ms)
        for run in runs
        for sequence, key, data in zip(range(run.first, run.first + len(run.datas)), run.keys, run.datas, strict=True)
    ]
    return encode(GetRecordsResult(records, fresh_cursor(stream, number, start + len(records), now)))
