"""The handlers of records: put, get, cursors [§5.4].

Rules:

1. A put is answered once its records are committed and on disk. The answer has the sequence number or the error code of each
   record, in their order.
2. A cursor is valid for five minutes.
3. A page has no gaps: its records and those of the next page have consecutive numbers.
"""

from __future__ import annotations

from collections.abc import Sequence

from beam_dis.local.budgets import RECORD_BYTES
from beam_dis.local.handlers.call import Call, durable, readable_partition
from beam_dis.local.handlers.cursor_positions import CursorPosition, cursor_position, new_cursor, start_finder
from beam_dis.local.handlers.metering import THROTTLED, check_read, count_page, count_put
from beam_dis.local.handlers.routing import Routed, Routes, not_writable
from beam_dis.local.store import Stream
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import DEFAULT_FETCH_BYTES, MAX_REQUEST_BYTES, MIB
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
from beam_dis.wire.streams import GET_RECORDS, PUT_RECORDS

MAX_FETCH_BYTES = 10 * MIB
"""The largest page, even if a request asks for more (ours: no limit is documented)."""

MAX_RECORDS = 10_000
"""The most records of one put or page (ours: no limit is documented, and no client sends or asks for more) [SDK Agent, T5-72]."""


async def put_records(call: Call, request: PutRecordsRequest) -> PutRecordsResult:
    """Store records; returns the result of each, in order."""
    started = call.context.timer()
    records = request.records
    if not records:
        raise Refusal(4202)
    if len(records) > MAX_RECORDS:
        raise Refusal(4200, f"{len(records)} records are more than the {MAX_RECORDS} of a request", status=413)
    size = _size(records)
    if not (request.stream_name or request.stream_id):
        raise Refusal(4200, "stream_name is missing")
    stream = call.stream(request.stream_name, request.stream_id, PUT_RECORDS)
    if size > MAX_REQUEST_BYTES[stream.stream_type]:
        limit = MAX_REQUEST_BYTES[stream.stream_type]
        raise Refusal(4200, f"the records have {size} bytes, more than the {limit} of a request", status=413)
    routed = Routes(stream, call.context.round_robin).route(records)
    if call.context.limits is not None:
        routed = call.context.limits.admit(stream, routed)
    numbers: list[int | None] = []
    if routed.datas:
        numbers = await durable(call.store.append(stream, routed.partitions, routed.keys, routed.datas))
    result = _put_result(stream, routed, numbers)
    throttled = bool(routed.refusals) and any(refusal.code == THROTTLED for refusal in routed.refusals.values())
    count_put(call, stream, started, stored=result.failed_record_count < len(records), throttled=throttled)
    return result


async def get_records(call: Call, request: GetRecordsQuery) -> bytes:
    """A page of records at a cursor, which may be empty, and the cursor after it."""
    limit = DEFAULT_FETCH_BYTES if request.max_fetch_bytes is None else request.max_fetch_bytes
    if limit <= 0:
        raise Refusal(4200, f"max_fetch_bytes {limit} is not above 0")
    if request.limit is not None and request.limit not in range(1, 10_001):
        raise Refusal(4200, f"limit {request.limit} is not within 1 to 10000")
    started, now = call.context.timer(), call.now_ms()
    position = cursor_position(call, request.partition_cursor, now)
    check_read(call, position.stream, position.partition.number)
    if position.start == position.partition.next:
        count_page(call.context, position.stream, position.partition.number, started, 0, 0)
        cursor = new_cursor(position.stream, position.partition.number, position.start, now)
        return call.encode(GetRecordsResult([], cursor))
    wanted = min(limit, MAX_FETCH_BYTES)
    with call.context.answers.page(max(wanted, MAX_RECORDS * RECORD_BYTES)) as room:
        most = min(MAX_RECORDS, room // RECORD_BYTES)
        return await call.blocking(_page, call, position, min(wanted, room), most, now, started)


async def get_cursor(call: Call, request: GetCursorQuery) -> GetCursorResult:
    """A new cursor at the position that the request asks for."""
    kind = request.cursor_type or CURSOR_TYPES[0]
    if kind not in CURSOR_TYPES:
        raise Refusal(4215, kind)
    partition_number(request.partition_id)
    if not (request.stream_name or request.stream_id):
        raise Refusal(4200, "stream-name is missing")
    if request.cursor_type is None and request.starting_sequence_number is None:
        kind = "TRIM_HORIZON"  # the service gives a cursor for a stream and a partition alone [SDK]
    find_start = start_finder(kind, request.starting_sequence_number, request.timestamp)
    stream = call.stream(request.stream_name, request.stream_id, GET_RECORDS)
    partition = readable_partition(stream, request.partition_id)
    start = await find_start(call, stream, partition)
    return GetCursorResult(new_cursor(stream, partition.number, start, call.now_ms(), kind))


def _size(records: Sequence[PutRecordsRequestEntry]) -> int:
    try:
        return sum([len(record.data) for record in records])  # type: ignore[arg-type,misc]
    except TypeError:
        index = next(index for index, record in enumerate(records) if record.data is None)
        raise Refusal(4200, f"records[{index}] has no data") from None


def _put_result(stream: Stream, routed: Routed, numbers: Sequence[int | None]) -> PutRecordsResult:
    names = {partition.number: partition_id(partition.number) for partition in stream.partitions}
    results = [
        _error_entry(not_writable(stream, partition))
        if number is None
        else PutRecordsResultEntry(names[partition], str(number))
        for partition, number in zip(routed.partitions, numbers, strict=True)
    ]
    for index, refusal in sorted(routed.refusals.items()):
        results.insert(index, _error_entry(refusal))
    return PutRecordsResult(len(routed.refusals) + numbers.count(None), results)


def _error_entry(refusal: Refusal) -> PutRecordsResultEntry:
    return PutRecordsResultEntry(error_code=refusal.code, error_message=refusal.message)


def _page(call: Call, position: CursorPosition, max_bytes: int, max_records: int, now: int, started: float) -> bytes:
    stream, number, start = position.stream, position.partition.number, position.start
    runs = call.store.read(stream, number, start, max_bytes, max_records)
    size = sum([sum(map(len, run.datas)) for run in runs])
    if call.context.limits is not None:
        call.context.limits.count_read(stream, number, size)
    if runs and runs[0].first != start:
        raise Refusal(4226)
    records = [
        ReadRecord(key, str(sequence), data, run.timestamp_ms)
        for run in runs
        for sequence, key, data in zip(range(run.first, run.first + len(run.datas)), run.keys, run.datas, strict=True)
    ]
    page = call.encode(GetRecordsResult(records, new_cursor(stream, number, start + len(records), now)))
    count_page(call.context, stream, number, started, len(records), size)
    return page
