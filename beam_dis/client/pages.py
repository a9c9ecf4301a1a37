"""Pages of records and results of puts, decoded as fast as msgspec goes.

Law: the wire's messages, read leniently: a record without a key may lack the field [§5.4.2], and sequence numbers, text on
the wire, come out as ints, which msgspec makes while it parses. A page without its cursor, or a result that doesn't match
what was put, is no answer of DIS.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from beam_dis.client.answers import Answer, message_of, not_understood
from beam_dis.stream_service import PageRecord


class ReadPage(msgspec.Struct):
    """Records in sequence order, and the cursor behind them."""

    records: list[PageRecord]
    next_partition_cursor: str


class PutEntry(msgspec.Struct, gc=False):
    """What became of a record: a place, or a code."""

    partition_id: str | None = None
    sequence_number: int | None = None
    error_code: str | None = None
    error_message: str | None = None


class PutAnswer(msgspec.Struct):
    """What became of the records of a put, in their order."""

    records: list[PutEntry]


_PAGES = msgspec.json.Decoder(ReadPage, strict=False)
_PUTS = msgspec.json.Decoder(PutAnswer, strict=False)

M = TypeVar("M", ReadPage, PutAnswer)


def page_of(answer: Answer) -> ReadPage:
    """The page in an answer; TransportError where it is something else."""
    return _decoded(_PAGES, answer)


def put_of(answer: Answer, count: int) -> PutAnswer:
    """What became of ``count`` records; TransportError where the answer doesn't say so for each."""
    put = _decoded(_PUTS, answer)
    if len(put.records) != count or not all(_told(entry) for entry in put.records):
        raise not_understood(answer)
    return put


def _told(entry: PutEntry) -> bool:
    return bool(entry.error_code) or (entry.partition_id is not None and entry.sequence_number is not None)


def _decoded(decoder: msgspec.json.Decoder[M], answer: Answer) -> M:
    try:
        return decoder.decode(answer.response.body)
    except msgspec.MsgspecError:
        return message_of(decoder.type, answer)
