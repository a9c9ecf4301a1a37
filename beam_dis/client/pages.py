"""The pages that reads return and the results of puts, decoded as fast as msgspec can.

Rules:

1. Sequence numbers, which are text on the wire, become ints while msgspec parses; a record without a key may lack the field
   [§5.4.2].
2. A page without its cursor, or a result that doesn't match the records that were put, counts as no answer.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from beam_dis.client.answers import GoodAnswer, message_of, unreadable
from beam_dis.stream_service import PageRecord


class ReadPage(msgspec.Struct):
    """Records in sequence order, and the cursor after them."""

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


def page_of(answer: GoodAnswer) -> ReadPage:
    """Read an answer as a page. Raises TransportError for any other body."""
    return _decoded(_PAGES, answer)


def put_of(answer: GoodAnswer, count: int) -> PutResult:
    """Read an answer as the results of ``count`` records. Raises TransportError unless each has one."""
    put = _decoded(_PUTS, answer)
    if len(put.records) != count or not all(
        result.error_code or (result.partition_id is not None and result.sequence_number is not None)
        for result in put.records
    ):
        raise unreadable(answer)
    return put


def _decoded(decoder: msgspec.json.Decoder[M], answer: GoodAnswer) -> M:
    try:
        return decoder.decode(answer.response.body)
    except msgspec.MsgspecError:
        return message_of(decoder.type, answer)
