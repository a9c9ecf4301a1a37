"""The functions of records: put, seek, get.

Rules:

1. A put is answered once its records are committed and on disk, with the number or the error of each record, in their order.
2. A record goes to its shard; without one, to the shard of its partition key; without that, to the shards in turn.
3. A page holds at least one record if there is one at its location.
"""

from __future__ import annotations

from typing import NamedTuple

from beam_dis.local.budgets import RECORD_BYTES
from beam_dis.local.handlers.call import durable
from beam_dis.local.store import Partition, StoredRecords, Stream
from beam_dis.local.v3io import client_info, positions
from beam_dis.local.v3io.context import V3IOContext, shard_of
from beam_dis.local.v3io.refusals import V3IORefusal
from beam_dis.local.v3io.targets import Target, shard_path, stream_path
from beam_dis.v3io import messages as wire
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.messages import encode
from beam_dis.wire.ranges import hash_of

MAX_PAGE_RECORDS = 10_000
"""The most records of a page, even if a request asks for more (ours: only the size is documented)."""

_TIME_EXPIRED = "DIS.4300"
_LARGEST_STORED = wire.MAX_RECORD_BYTES + client_info.MOST_BYTES


class _Shard(NamedTuple):
    """A shard of a stream, as it is now."""

    stream: Stream
    partition: Partition


async def put_records(context: V3IOContext, target: Target, request: wire.PutRecords) -> wire.PutResults:
    """Store records; returns the result of each, in order."""
    records = request.records
    if not 1 <= len(records) <= wire.MAX_REQUEST_RECORDS:
        raise V3IORefusal(
            wire.INVALID_ARGUMENT, f"{len(records)} records are not within 1 to {wire.MAX_REQUEST_RECORDS}"
        )
    stream = context.stream(target.container, stream_path(target, request.stream_name))
    count = len(stream.partitions)
    problems = [_problem(record, count) for record in records]
    good = [record for record, problem in zip(records, problems, strict=True) if not problem]
    shards = [_shard_for(record, count, context) for record in good]
    numbers: list[int | None] = []
    if good:
        datas = [client_info.pack(record.data, record.client_info) for record in good]
        numbers = await durable(context.store.append(stream, shards, [record.partition_key for record in good], datas))
    stored = iter(zip(shards, numbers, strict=True))
    results = [_error(problem) if problem else _stored(*next(stored)) for problem in problems]
    return wire.PutResults(sum(result.error_code is not None for result in results), results)


async def seek(context: V3IOContext, target: Target, request: wire.Seek) -> wire.FoundLocation:
    """The location that a request asks for."""
    find = _SEEKS.get(request.type)
    if find is None:
        raise V3IORefusal(wire.INVALID_ARGUMENT, f"Type {request.type!r} is none of {', '.join(wire.SEEK_TYPES)}")
    shard = _shard(context, target, request.stream_name, request.shard_id)
    number = await find(context, shard, request)
    return wire.FoundLocation(positions.encode_location(shard.stream.stream_id, shard.partition.number, number))


async def get_records(context: V3IOContext, target: Target, request: wire.GetRecords) -> wire.RecordPage | bytes:
    """The records at a location, which may be none, and the location after them; a page with records is encoded already."""
    limit = wire.DEFAULT_LIMIT if request.limit is None else request.limit
    if limit < 1:
        raise V3IORefusal(wire.INVALID_ARGUMENT, f"Limit {limit} is below 1")
    stream, partition = shard = _shard(context, target, request.stream_name, request.shard_id)
    start = positions.decode_location(stream.stream_id, partition.number, request.location)
    if start is None or not partition.earliest <= start <= partition.next:
        raise V3IORefusal(wire.ILLEGAL_LOCATION, "the location is none of this shard, or its records have expired")
    if start == partition.next:
        return _page(shard, start, [])
    limit = min(limit, MAX_PAGE_RECORDS)
    with context.answers.page(wire.MAX_BODY_BYTES + limit * RECORD_BYTES) as room:
        return await context.blocking(_read, context, shard, start, min(room, wire.MAX_BODY_BYTES), limit)


def _shard(context: V3IOContext, target: Target, stream_name: str | None, shard_id: int | None) -> _Shard:
    path, number = shard_path(target, stream_name, shard_id)
    stream = context.stream(target.container, path)
    return _Shard(stream, shard_of(stream, number))


def _problem(record: wire.NewRecord, count: int) -> str:
    """The error of a record that can't be stored; "" if it can."""
    if record.shard_id is not None and not 0 <= record.shard_id < count:
        return wire.SHARD_OUT_OF_RANGE
    fits = (
        len(record.data) <= wire.MAX_RECORD_BYTES
        and len(record.client_info or b"") <= wire.MAX_CLIENT_INFO_BYTES
        and len((record.partition_key or "").encode("utf-8", "surrogatepass")) <= wire.MAX_PARTITION_KEY_BYTES
    )
    return "" if fits else wire.INVALID_ARGUMENT


def _shard_for(record: wire.NewRecord, count: int, context: V3IOContext) -> int:
    if record.shard_id is not None:
        return record.shard_id
    return (context.round_robin() if record.partition_key is None else hash_of(record.partition_key)) % count


def _stored(shard: int, number: int | None) -> wire.RecordResult:
    if number is None:
        return _error(wire.SHARD_OUT_OF_RANGE)
    return wire.RecordResult(sequence_number=positions.sequence_number(number), shard_id=shard)


def _error(name: str) -> wire.RecordResult:
    return wire.RecordResult(error_code=wire.ERRORS[name].number, error_message=name)


async def _earliest(_context: V3IOContext, shard: _Shard, _request: wire.Seek) -> int:
    return shard.partition.earliest


async def _latest(_context: V3IOContext, shard: _Shard, _request: wire.Seek) -> int:
    return shard.partition.next


async def _at_time(context: V3IOContext, shard: _Shard, request: wire.Seek) -> int:
    """The first record at or after a time; records have whole milliseconds."""
    seconds, nanoseconds = request.timestamp_sec, request.timestamp_nsec
    if seconds is None or nanoseconds is None or not 0 <= nanoseconds < 1_000_000_000:
        raise V3IORefusal(
            wire.INVALID_ARGUMENT, "TIME needs TimestampSec and TimestampNSec, which is within 0 to 999999999"
        )
    first_ms = seconds * 1000 - (-nanoseconds // 1_000_000)
    try:
        return await context.blocking(context.store.locate, shard.stream, shard.partition.number, first_ms)
    except Refusal as refusal:
        if refusal.code != _TIME_EXPIRED:
            raise
    return _now(context, shard).partition.earliest


async def _at_sequence(_context: V3IOContext, shard: _Shard, request: wire.Seek) -> int:
    wanted = request.starting_sequence_number
    if wanted is None:
        raise V3IORefusal(wire.INVALID_ARGUMENT, "SEQUENCE needs StartingSequenceNumber")
    earliest, end = shard.partition.earliest, shard.partition.next
    number = positions.number_of(wanted)
    if number is not None and earliest <= number < end:
        return number
    number = positions.number_after(wanted)
    if number is not None and earliest <= number <= end:
        return number
    raise V3IORefusal(wire.INVALID_ARGUMENT, f"shard {shard.partition.number} has no record {wanted}")


_SEEKS = {wire.EARLIEST: _earliest, wire.LATEST: _latest, wire.TIME: _at_time, wire.SEQUENCE: _at_sequence}


def _read(context: V3IOContext, shard: _Shard, start: int, room: int, limit: int) -> bytes:
    """A page of the records from a number on; at least one, however little room there is. Runs in a thread of its own."""
    stream, number = shard.stream, shard.partition.number
    runs = context.store.read(stream, number, start, room, min(limit, max(1, room // RECORD_BYTES)))
    runs = runs or context.store.read(stream, number, start, _LARGEST_STORED, 1)
    return encode(_page(_now(context, shard), start, runs))


def _now(context: V3IOContext, shard: _Shard) -> _Shard:
    """The shard as it is now; refused if the stream was deleted."""
    stream = context.store.stream_by_id(shard.stream.stream_id)
    if stream is None:
        raise V3IORefusal(wire.NOT_FOUND, f"stream {shard.stream.name!r} was deleted")
    return _Shard(stream, shard_of(stream, shard.partition.number))


def _page(shard: _Shard, start: int, runs: list[StoredRecords]) -> wire.RecordPage:
    """The answer with these records; ``shard`` is as it was after they were read."""
    records = [
        _found(run, index, key, stored)
        for run in runs
        for index, (key, stored) in enumerate(zip(run.keys, run.datas, strict=True))
    ]
    end, partition = start + len(records), shard.partition
    behind = max(0, partition.next - end)
    newest_ms = partition.last_ms if behind and runs else 0
    return wire.RecordPage(
        next_location=positions.encode_location(shard.stream.stream_id, partition.number, end),
        msec_behind_latest=newest_ms - runs[-1].timestamp_ms if newest_ms else 0,
        records_behind_latest=behind,
        records=records,
    )


def _found(run: StoredRecords, index: int, key: str | None, stored: bytes) -> wire.ShardRecord:
    seconds, milliseconds = divmod(run.timestamp_ms, 1000)
    content = client_info.unpack(stored)
    return wire.ShardRecord(
        sequence_number=positions.sequence_number(run.first + index),
        arrival_time_sec=seconds,
        arrival_time_nsec=milliseconds * 1_000_000,
        data=content.data,
        partition_key=key,
        client_info=content.client_info,
    )
