"""The pages that reads return and the results of puts, decoded as fast as msgspec can.

Rules:

1. Sequence numbers, which are text on the wire, become ints while msgspec parses; a record without a key may lack the field
   [§5.4.2].
2. A page without its cursor, or a result that doesn't match the records that were put, counts as no answer.
3. So does a page or a cursor of another partition, or a page before the place that was asked for. What a page contains shows
   that: the numbers of its records, and the partition in its cursor, which official clients decode too [SDK].
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import msgspec

from beam_dis.client.answers import GoodAnswer, message_of, unreadable
from beam_dis.errors import ConfigurationError, TransportError
from beam_dis.names import canonical_partition_id
from beam_dis.stream_service import PageRecord
from beam_dis.texts import one_line
from beam_dis.wire.cursors import decode_cursor
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.records import GetCursorResult


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


class Place(NamedTuple):
    """Where a cursor points to: a partition, and the number from which on it reads."""

    partition_id: str
    sequence_number: int


def place_in(cursor: str) -> Place | None:
    """The place that a cursor contains; None if it has another form than the service's."""
    try:
        found = decode_cursor(cursor).get_iterator_param
        return Place(canonical_partition_id(found.partition_id), int(found.starting_sequence_number))
    except (Refusal, ConfigurationError, ValueError):
        return None


def page_of(answer: GoodAnswer, asked: Place | None) -> ReadPage:
    """Read an answer as the page at a place, if that is known. Raises TransportError for any other body."""
    page = _decoded(_PAGES, answer)
    if asked is not None and page.records:
        first, last = page.records[0].sequence_number, page.records[-1].sequence_number
        if first < asked.sequence_number or last - first < len(page.records) - 1:
            raise _misplaced(answer, f"the numbers {first} to {last}", asked)
    _check_partition(answer, page.next_partition_cursor, asked)
    return page


def cursor_of(answer: GoodAnswer, partition_id: str) -> str:
    """Read an answer as a cursor of a partition. Raises TransportError for any other body."""
    cursor = message_of(GetCursorResult, answer).partition_cursor
    _check_partition(answer, cursor, Place(canonical_partition_id(partition_id), 0))
    return cursor


def _check_partition(answer: GoodAnswer, cursor: str, asked: Place | None) -> None:
    found = place_in(cursor)
    if asked is not None and found is not None and found.partition_id != asked.partition_id:
        raise _misplaced(answer, f"a cursor of {found.partition_id}", asked)


def _misplaced(answer: GoodAnswer, found: str, asked: Place) -> TransportError:
    return TransportError(
        f"{answer.request}: {answer.request.endpoint} answered with {found}, but {asked.partition_id} from number"
        f" {asked.sequence_number} on was asked for: this is the answer to another request"
    )


def put_of(answer: GoodAnswer, count: int) -> PutResult:
    """Read an answer as the results of ``count`` records. Raises TransportError unless each has one."""
    put = _decoded(_PUTS, answer)
    if len(put.records) != count:
        raise unreadable(answer)
    for result in put.records:
        if result.error_code:
            result.error_code = one_line(result.error_code, 50)
            result.error_message = result.error_message and one_line(result.error_message)
        elif result.partition_id is None or result.sequence_number is None:
            raise unreadable(answer)
    return put


def _decoded(decoder: msgspec.json.Decoder[M], answer: GoodAnswer) -> M:
    try:
        return decoder.decode(answer.response.body)
    except (msgspec.MsgspecError, RecursionError):
        return message_of(decoder.type, answer)
