"""What an answer says: a message of the protocol, or an error of the tree.

Law: nulls and unknown fields are tolerated, numbers may come as text; all four spellings of an error body are read
[§7; SDK: errorCode/message, errorCode/errorMsg, error_code/error_msg, code/message]. An error names the operation, what it
was about and what to do. A 200 that isn't the JSON expected is an answer lost, whose error names the endpoint; it is never
an empty result.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, NamedTuple, TypeVar

import msgspec

from beam_dis.client.transport import Response
from beam_dis.errors import ServiceError, TransportError, service_error

M = TypeVar("M")

_CODES = ("errorCode", "error_code", "code")
_TEXTS = ("message", "error_msg", "errorMsg")
_MAX_SHOWN = 500
_OUT_OF_RANGE = re.compile(r"\[(-?\d+)\]\s*\[\s*should be within\s*\]\[(\d+)\]\[\s*\]\[(\d+)\]")
_EXPIRED_TIMESTAMP = re.compile(r"timestamp should be larger than (\d+)")

_ANYONES = {"status"}
"""Fields by which an answer can't be known for one of DIS: health checks and the like have them too."""

_ADVICE = {
    "DIS.4105": "set this machine's clock",
    "DIS.4107": "check the access key and the region it belongs to",
    "DIS.4100": "check the secret key",
    "DIS.4116": "give the access key's user permission for DIS, and check that the account is not in arrears",
    "DIS.4117": "check the project id and that it belongs to the access key",
    "DIS.4205": "wait until the stream is RUNNING",
    "DIS.4217": "open a new cursor at the next sequence number",
    "DIS.4224": "start within the range that the partition holds",
    "DIS.4225": "open a new cursor at the next sequence number",
    "DIS.4226": "open a new cursor at the next sequence number",
    "DIS.4301": "create the stream, or check its name, the region and the project id",
    "DIS.4302": "describe the stream to see its partitions",
    "DIS.4303": "ask less, or scale the stream up",
    "DIS.4307": "choose another name, or use the stream that is there",
    "DIS.4308": "delete streams or ask for a larger quota",
    "DIS.4319": "leave the partition out: its retention has passed",
    "DIS.4329": "delete apps or ask for a larger quota",
    "DIS.4330": "choose another name, or use the app that is there",
    "DIS.4332": "create the app, or check its name",
    "DIS.4360": "give an Avro schema as JSON text",
}


class Asked(NamedTuple):
    """What a request was about, for messages."""

    endpoint: str
    operation: str
    subject: str

    def __str__(self) -> str:
        return f"{self.operation} ({self.subject})" if self.subject else self.operation


class Answer(NamedTuple):
    """A good answer and what it answers."""

    asked: Asked
    response: Response


def refusal(asked: Asked, response: Response) -> ServiceError:
    """The error that an answer stands for."""
    code, text = error_body(response.body)
    said = f"{code or f'HTTP {response.status}'} {text}".strip()
    advice = _ADVICE.get(code) or (
        "" if code else f"check that {asked.endpoint} is a DIS and reachable without detours"
    )
    message = f"{asked}: {said}" + (f" - {advice}" if advice else "")
    return service_error(message, code=code, status=response.status, service_message=text, **_facts(code, text))


def error_body(body: bytes) -> tuple[str, str]:
    """Code and text of an error body, "" for what it lacks; HTML and the like count as no body."""
    try:
        fields = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return "", ""
    if not isinstance(fields, dict):
        return "", ""
    code, text = (next((str(fields[n]) for n in names if fields.get(n)), "") for names in (_CODES, _TEXTS))
    return code, text[:_MAX_SHOWN]


def expired_timestamp(error: ServiceError) -> bool:
    """Whether a cursor was refused because its timestamp is older than the partition's oldest record (DIS.4300)."""
    return error.code == "DIS.4300" and _EXPIRED_TIMESTAMP.search(error.service_message) is not None


def reading(kind: type[M], *, may_be_empty: bool = False) -> Callable[[Answer], M]:
    """What makes a message of an answer."""
    return partial(message_of, kind, may_be_empty=may_be_empty)


def with_answer(read: Callable[[Answer], M]) -> Callable[[Answer], tuple[M, Answer]]:
    """What makes a message of an answer, and hands on the answer too."""
    return lambda answer: (read(answer), answer)


def message_of(kind: type[M], answer: Answer, *, may_be_empty: bool = False) -> M:
    """The answer as a message, read leniently; TransportError where it is something else."""
    body = answer.response.body
    if may_be_empty and not body:
        return msgspec.convert({}, kind)
    try:
        fields = _without_nulls(msgspec.json.decode(body))
        known = {f.encode_name for f in msgspec.structs.fields(kind)} - _ANYONES  # type: ignore[arg-type]
        if not isinstance(fields, dict) or not (known & fields.keys() or may_be_empty):
            raise not_understood(answer)
        return msgspec.convert(fields, kind, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise not_understood(answer) from error


def not_understood(answer: Answer) -> TransportError:
    """The error for an answer with a good status that isn't what the operation answers."""
    asked, response = answer
    kind = response.headers.get("content-type") or "no content type"
    return TransportError(
        f"{asked}: {asked.endpoint} answered {response.status} with {len(response.body)} bytes ({kind}) that are no answer"
        " of DIS: check the endpoint"
    )


def as_of(answer: Answer, now: float) -> int:
    """The service's clock in ms when the answer was asked for, or a little earlier, never later.

    It is the Date header, which knows whole seconds, less the time the answer took; ``now`` (seconds since 1970) stands
    in for a header that is missing.
    """
    answered = dated(answer.response)
    return int(((now if answered is None else answered) - answer.response.seconds) * 1000)


def dated(response: Response) -> float | None:
    """The Date header in seconds since 1970; None where there is none that can be read."""
    try:
        return parsedate_to_datetime(response.headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def _facts(code: str, text: str) -> Mapping[str, int]:
    match = _OUT_OF_RANGE.search(text) if code == "DIS.4224" else None
    return {"earliest": int(match[2]), "next": int(match[3])} if match else {}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
