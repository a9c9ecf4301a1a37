"""Turns the position that a client asks for into a cursor, and a cursor back into a position.

Rules:

1. The sequence number of a cursor is found when the cursor is issued, and doesn't change.
2. A cursor is for one stream. If that is deleted and a stream of the same name is created, the cursor is refused.
3. A cursor is within [earliest, next] of its partition; at ``next`` there is no record yet. [vendor's page dis_06_0017]
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from beam_dis.local.handlers.call import Call, readable_partition
from beam_dis.local.store import Partition, Stream
from beam_dis.wire.cursors import CursorToken, IteratorParam, decode_cursor, encode_cursor
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import CURSOR_SECONDS
from beam_dis.wire.ranges import partition_id
from beam_dis.wire.streams import GET_RECORDS

FindStart = Callable[[Call, Stream, Partition], Awaitable[int]]
"""Finds the sequence number at which a cursor starts in a partition."""

_NUMBER = re.compile("-?[0-9]{1,19}")


class CursorPosition(NamedTuple):
    """The position of a cursor: ``start`` is the number that it reads next."""

    stream: Stream
    partition: Partition
    start: int


def cursor_position(call: Call, cursor: str, now_ms: int) -> CursorPosition:
    """The position of a cursor.

    Raises:
        Refusal: DIS.4217, 4225, 4226, 4301, 4302 or 4319.
    """
    token = decode_cursor(cursor)
    if now_ms - token.generate_timestamp > CURSOR_SECONDS * 1000:
        raise Refusal(4225, cursor)
    param = token.get_iterator_param
    stream = _stream(call, param)
    partition = readable_partition(stream, param.partition_id)
    start = int(param.starting_sequence_number)
    if start < partition.earliest:
        raise Refusal(4226)
    if start > partition.next:
        raise Refusal(4217, cursor)
    return CursorPosition(stream, partition, start)


def _stream(call: Call, param: IteratorParam) -> Stream:
    """The stream of a cursor: the id decides, because a stream that another project shares may have the name of an own one."""
    if not param.stream_id:
        return call.stream(param.stream_name, action=GET_RECORDS)
    try:
        return call.stream(None, param.stream_id, GET_RECORDS)
    except Refusal as refusal:
        if refusal.code == "DIS.4301":
            raise Refusal(4301, param.stream_name, call.project) from None
        raise


def new_cursor(stream: Stream, number: int, start: int, now_ms: int, kind: str = "AT_SEQUENCE_NUMBER") -> str:
    """A cursor at ``start``, issued at ``now_ms``."""
    param = IteratorParam(stream.name, partition_id(number), kind, str(start), stream.stream_id)
    return encode_cursor(CursorToken(param, now_ms))


def start_finder(kind: str, number: str | None, timestamp: int | None) -> FindStart:
    """The function that finds the start of a new cursor of type ``kind``.

    Raises:
        Refusal: DIS.4216 or 4200, if the parameter of the type is missing.
    """
    if kind == "TRIM_HORIZON":
        return _earliest
    if kind == "LATEST":
        return _next
    if kind == "AT_TIMESTAMP":
        return _at_timestamp(timestamp)
    return _at_number(_parsed(number), 1 if kind == "AFTER_SEQUENCE_NUMBER" else 0)


async def _earliest(_call: Call, _stream: Stream, partition: Partition) -> int:
    return partition.earliest


async def _next(_call: Call, _stream: Stream, partition: Partition) -> int:
    return partition.next


def _at_timestamp(timestamp: int | None) -> FindStart:
    if timestamp is None:
        raise Refusal(4200, "timestamp is missing")

    async def find(call: Call, stream: Stream, partition: Partition) -> int:
        return await call.blocking(call.store.locate, stream, partition.number, timestamp)

    return find


def _at_number(number: int, offset: int) -> FindStart:
    async def find(_call: Call, _stream: Stream, partition: Partition) -> int:
        if not partition.earliest <= number + offset <= partition.next:
            raise Refusal(4224, number, " should be within ", partition.earliest, " ", partition.next)
        return number + offset

    return find


def _parsed(text: str | None) -> int:
    if text is None or _NUMBER.fullmatch(text) is None:
        raise Refusal(4216, text or "starting-sequence-number is missing")
    return int(text)
