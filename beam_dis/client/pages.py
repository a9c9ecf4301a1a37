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


class PutRecordResult(msgspec.Struct, gc=False):
    """The result of one record: its partition and sequence number, or an error code."""

    partition_id: str | None = None
    sequence_number: int | None = None
    error_code: str | None = None
    error_message: str | None = None


class PutResult(msgspec.Struct):
    """The results of a put, in the order of its records."""

    records: list[PutRecordResult]

    @property
    def failed_record_count(self) -> int:
        """How many records were refused: their results have an ``error_code``."""
        return sum(1 for record in self.records if record.error_code)


_PAGES = msgspec.json.Decoder(ReadPage, strict=False)
_PUTS = msgspec.json.Decoder(PutResult, strict=False)

M = TypeVar("M", ReadPage, PutResult)


def page_of(answer: Answer) -> ReadPage:
    """The page in an answer; TransportError where it is something else."""
    return _decoded(_PAGES, answer)


def put_of(answer: Answer, count: int) -> PutResult:
    """What became of ``count`` records; TransportError where the answer doesn't say so for each."""
    put = _decoded(_PUTS, answer)
    if len(put.records) != count or not all(_told(entry) for entry in put.records):
        raise not_understood(answer)
    return put


def _told(entry: PutRecordResult) -> bool:
    return bool(entry.error_code) or (entry.partition_id is not None and entry.sequence_number is not None)


def _decoded(decoder: msgspec.json.Decoder[M], answer: Answer) -> M:
    try:
        return decoder.decode(answer.response.body)
    except msgspec.MsgspecError:
        return message_of(decoder.type, answer)
