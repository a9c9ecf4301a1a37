"""Reads answers: as a message of the protocol, or as one of our errors.

Rules:

1. Nulls and unknown fields are ignored, and numbers may come as text.
2. An error body is read in all four forms [§7; SDK: errorCode/message, errorCode/errorMsg, error_code/error_msg,
   code/message].
3. An error names the operation, its subject and what to do.
4. A 200 without the expected JSON counts as no answer: the error names the endpoint. It is never an empty result.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from functools import lru_cache, partial
from typing import NamedTuple, TypeVar

import msgspec

from beam_dis.client.transport import Response
from beam_dis.errors import AuthenticationError, ServiceError, TransportError, class_of, service_error
from beam_dis.texts import one_line
from beam_dis.wire.error_codes import ERROR_CODES
from beam_dis.wire.messages import without_nulls

M = TypeVar("M")

MOST_RETRY_AFTER = 60
"""The most seconds of a Retry-After header that are waited (ours)."""

_CODES = ("errorCode", "error_code", "code")
_TEXTS = ("message", "error_msg", "errorMsg")
_MAX_CODE = 50
_OUT_OF_RANGE = re.compile(r"\[(-?\d+)\]\s*\[\s*should be within\s*\]\[(\d+)\]\[\s*\]\[(\d+)\]")
_EXPIRED_TIMESTAMP = re.compile(r"timestamp should be larger than (\d+)")

_UNSIGNED = (
    "the request was sent without a signature, because no keys were found: set HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK, or"
    " give DISConnection(credentials=…)"
)

_AMBIGUOUS = {"status"}
"""Fields that don't show that a DIS answered, because health checks and the like have them too."""


class RequestInfo(NamedTuple):
    """The endpoint, the operation and the subject of a request, and the name of the service, for messages."""

    endpoint: str
    operation: str
    subject: str
    service: str = "DIS"

    def __str__(self) -> str:
        return f"{self.operation} ({self.subject})" if self.subject else self.operation


class GoodAnswer(NamedTuple):
    """An answer with a status of 2xx, and the request that it is for."""

    request: RequestInfo
    response: Response


def error_of(request: RequestInfo, response: Response, *, unsigned: bool = False) -> ServiceError:
    """Make the exception for an answer with another status; ``unsigned`` says that the request had no signature or token."""
    code, text = error_body(response.body)
    row = ERROR_CODES.get(code)
    advice = row.advice if row else ""
    if not code:
        advice = not_answering(request)
    if unsigned and class_of(code, response.status) is AuthenticationError:
        advice = _UNSIGNED
    message = f"{request}: {code or 'HTTP ' + str(response.status)} {text}".rstrip()
    found = _OUT_OF_RANGE.search(text) if code == "DIS.4224" else None
    error = service_error(
        f"{message} - {advice}" if advice else message,
        code=code,
        status=response.status,
        service_message=text,
        earliest=int(found[2]) if found else None,
        next_number=int(found[3]) if found else None,
    )
    error.retry_after = retry_after(response)
    return error


def not_answering(request: RequestInfo) -> str:
    """The advice for an answer without a code of the service."""
    return f"check that {request.endpoint} is a {request.service}, and that nothing answers in its place"


def error_body(body: bytes) -> tuple[str, str]:
    """Return code and text of an error body, "" for what is missing; HTML and the like count as no body."""
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "", ""
    if not isinstance(fields, dict):
        return "", ""
    code, text = (next((str(fields[n]) for n in names if fields.get(n)), "") for names in (_CODES, _TEXTS))
    return one_line(code, _MAX_CODE), one_line(text)


def expired_timestamp(error: ServiceError) -> bool:
    """Whether a cursor was refused because its timestamp is before the partition's oldest record (DIS.4300)."""
    return error.code == "DIS.4300" and _EXPIRED_TIMESTAMP.search(error.service_message) is not None


def nothing(_answer: GoodAnswer) -> None:
    """Read an answer that has no body."""


def reading(kind: type[M], *, may_be_empty: bool = False) -> Callable[[GoodAnswer], M]:
    """Make the function that reads an answer as a message."""
    return partial(message_of, kind, may_be_empty=may_be_empty)


def with_answer(read: Callable[[GoodAnswer], M]) -> Callable[[GoodAnswer], tuple[M, GoodAnswer]]:
    """Make the function that reads an answer as a message, and returns the answer too."""
    return lambda answer: (read(answer), answer)


def message_of(kind: type[M], answer: GoodAnswer, *, may_be_empty: bool = False) -> M:
    """Read an answer as a message. Raises TransportError for any other body."""
    body = answer.response.body
    if may_be_empty and not body:
        return msgspec.convert({}, kind)
    try:
        fields = without_nulls(msgspec.json.decode(body))
        known = {f.encode_name for f in msgspec.structs.fields(kind)} - _AMBIGUOUS  # type: ignore[arg-type]
        if not isinstance(fields, dict) or not (known & fields.keys() or may_be_empty):
            raise unreadable(answer)
        return msgspec.convert(fields, kind, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise unreadable(answer) from error


def unreadable(answer: GoodAnswer) -> TransportError:
    """Make the error for an answer with a good status whose body isn't the operation's."""
    request, response = answer
    kind = one_line(response.headers.get("content-type") or "no content type", 100)
    return TransportError(
        f"{request}: {request.endpoint} answered {response.status} with {len(response.body)} bytes ({kind}), which is not"
        f" an answer of {request.service}: check the endpoint",
        not_a_dis=True,
    )


def as_of(answer: GoodAnswer, now: float) -> int:
    """The service's clock in ms when the request was sent, or a little earlier, never later.

    It is the Date header, which has whole seconds, minus the time until the answer. Without the header it is ``now`` (seconds
    since 1970) minus that time.
    """
    answered = date_of(answer.response)
    return int(((now if answered is None else answered) - answer.response.seconds) * 1000)


def retry_after(response: Response) -> float | None:
    """The seconds that a Retry-After header asks to wait, as a number or as a date; None if it is missing or unreadable.

    A date is compared with the Date header of the answer. More than a minute counts as a minute.
    """
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:10]), MOST_RETRY_AFTER))
    try:
        seconds = parsedate_to_datetime(text).timestamp() - (date_of(response) or float("inf"))
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, min(seconds, MOST_RETRY_AFTER))


def date_of(response: Response) -> float | None:
    """The Date header in seconds since 1970; None if it is missing or unreadable."""
    return _seconds_of(response.headers.get("date", ""))


@lru_cache(maxsize=16)
def _seconds_of(date: str) -> float | None:
    """The answers of one second have the same date, so few dates are parsed."""
    try:
        return parsedate_to_datetime(date).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
