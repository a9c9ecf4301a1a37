"""Answers a call of get_records with an empty page, although the partition may have records there."""

from __future__ import annotations

from beam_dis.local.handlers.call import Call
from beam_dis.local.handlers.cursor_positions import cursor_position, new_cursor
from beam_dis.wire.records import GetRecordsQuery, GetRecordsResult


async def get_empty_page(call: Call, request: GetRecordsQuery) -> bytes:
    """A page without records, and a new cursor at the same position. A wrong cursor is refused as usual."""
    now = call.now_ms()
    position = cursor_position(call, request.partition_cursor, now)
    cursor = new_cursor(position.stream, position.partition.number, position.start, now)
    return call.encode(GetRecordsResult([], cursor))
