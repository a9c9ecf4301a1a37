"""Reads answers of V3IO: as a message of the protocol, or as one of our errors.

Rules:

1. The code of an error begins with V3IO and ends with the name that the service sent, if that is known. A known name decides which
   exception it is, and for another one the HTTP status does. An error without a name isn't V3IO's: its code is "".
2. A good answer that isn't the function's counts as no answer: wrong types, numbers out of range, records out of order, another
   number of results. It is never an empty result.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import lt
from typing import TypeVar

import msgspec

from beam_dis import errors
from beam_dis.client.answers import GoodAnswer, RequestInfo, not_answering, retry_after, unreadable
from beam_dis.client.transport import Response
from beam_dis.errors import (
    AuthenticationError,
    ServiceError,
    StreamNotFoundError,
    ThrottledError,
    TransportError,
    class_of,
)
from beam_dis.texts import one_line
from beam_dis.v3io.messages import (
    DENIED,
    ERRORS,
    NOT_FOUND,
    DescribedStream,
    FunctionError,
    PutResults,
    RecordPage,
    RecordResult,
)
from beam_dis.wire.ranges import MAX_SEQUENCE_NUMBER

SERVICE = "V3IO"
MOST_SHARDS = 100_000
"""More shards are a wrong answer: a stream may have thousands [D]."""

OTHER = "OtherError"
"""Stands for the names that aren't known, so that a service can't invent codes."""

_SYNONYMS = {"No such file or directory": NOT_FOUND, "Operation not permitted": DENIED}
"""Names of errno that the vendor's pages show beside those of the table [D], and what they mean."""

_LATEST_SECOND = 253_402_300_799
_UNSIGNED = "the request was sent without an access key: set V3IO_ACCESS_KEY, or give V3IOConnection(credentials=…)"

M = TypeVar("M")


def code_of(name: str) -> str:
    """The code of an error: ``"Permission denied"`` → ``"V3IO.Permission denied"``; one for all names that aren't known."""
    return f"{SERVICE}.{name if name in ERRORS or name in _SYNONYMS else OTHER}"


def known_name(name: str) -> str:
    """The name in the table for one that the service sent, or the same if there is none."""
    return _SYNONYMS.get(name, name)


def error_of(request: RequestInfo, response: Response, *, unsigned: bool = False) -> ServiceError:
    """Make the exception for an answer with another status; ``unsigned`` says that the request had no key."""
    name = _name_in(response.body)
    known = ERRORS.get(known_name(name))
    kind = _class_for(name, response.status)
    advice = known.advice if known else ""
    if not name:
        advice = not_answering(request)
    if unsigned and (response.status == 401 or (name and response.status == 403)):
        advice = _UNSIGNED
    code = code_of(name) if name else ""
    message = f"{request}: {one_line(name, 100) or 'HTTP ' + str(response.status)}"
    error = kind(
        f"{message} - {advice}" if advice else message,
        code=code,
        status=response.status,
        service_message=one_line(name),
    )
    error.retry_after = retry_after(response)
    return error


def _class_for(name: str, status: int) -> type[ServiceError]:
    known = ERRORS.get(known_name(name))
    if known is not None:
        return getattr(errors, known.error)  # type: ignore[no-any-return]
    if status == 401:
        return AuthenticationError
    if name and status == 503:
        return ThrottledError
    return StreamNotFoundError if name and status == 404 else class_of("", status)


def _name_in(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=FunctionError).error_message
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""


def reading(kind: type[M]) -> Callable[[GoodAnswer], M]:
    """Make the function that reads an answer as a message."""
    decoder = msgspec.json.Decoder(kind)

    def read(answer: GoodAnswer) -> M:
        try:
            return decoder.decode(answer.response.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise unreadable(answer) from error

    return read


_read_description = reading(DescribedStream)
_read_records = reading(RecordPage)
_read_results = reading(PutResults)


def description_of(answer: GoodAnswer) -> DescribedStream:
    """Read an answer as the description of a stream. Raises TransportError for any other body."""
    found = _read_description(answer)
    if not 1 <= found.shard_count <= MOST_SHARDS or found.retention_period_hours < 0:
        raise unreadable(answer)
    return found


def records_of(answer: GoodAnswer, *, least: int = 0) -> RecordPage:
    """Read an answer as a page whose records have the number ``least`` or higher ones. Raises TransportError for any other."""
    page = _read_records(answer)
    if page.records_behind_latest < 0 or page.msec_behind_latest < 0 or not page.next_location:
        raise unreadable(answer)
    numbers = [record.sequence_number for record in page.records]
    if not all(map(lt, numbers, numbers[1:])):
        raise _misplaced(answer, "records that are not in order")
    if numbers and numbers[0] < least:
        raise _misplaced(answer, f"the number {numbers[0]}, but records from number {least} on were asked for")
    if numbers and not (
        numbers[-1] < MAX_SEQUENCE_NUMBER
        and _within([record.arrival_time_sec for record in page.records], _LATEST_SECOND)
        and _within([record.arrival_time_nsec for record in page.records], 10**9 - 1)
    ):
        raise unreadable(answer)
    return page


def _within(values: list[int], most: int) -> bool:
    return min(values) >= 0 and max(values) <= most


def _misplaced(answer: GoodAnswer, found: str) -> TransportError:
    return TransportError(
        f"{answer.request}: {answer.request.endpoint} answered with {found}: this is the answer to another request"
    )


def results_of(answer: GoodAnswer, count: int) -> PutResults:
    """Read an answer as the results of ``count`` records. Raises TransportError unless each has one."""
    put = _read_results(answer)
    if len(put.records) != count or not all(map(_is_result, put.records)):
        raise unreadable(answer)
    return put


def is_refused(result: RecordResult) -> bool:
    """Whether a record was not stored."""
    return bool(result.error_code) or bool(result.error_message)


def _is_result(result: RecordResult) -> bool:
    if is_refused(result):
        return True
    number, shard = result.sequence_number, result.shard_id
    return number is not None and shard is not None and 0 <= number < MAX_SEQUENCE_NUMBER and 0 <= shard < 10**9
