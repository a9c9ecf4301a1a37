"""What became of records: values, and what the sender does about a request that failed as a whole.

Law: pure, no Beam. A lost answer and a failing service are tried again, so a record may be written twice: at least
once. A request refused for what is in it is divided until the record at fault stands alone. Everything else (wrong
credentials, no such stream) is nobody's record's fault and is raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from beam_dis.errors import (
    DISError,
    InvalidRequestError,
    PartitionExpiredError,
    PartitionNotFoundError,
    ServiceError,
    TransportError,
)
from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, Written
from beam_dis.wire.error_codes import Remedy
from beam_dis.write.batching import Batch


class Action(Enum):
    """What the sender does about a request that failed as a whole."""

    RETRY = "send it again after a while"
    SLOW_DOWN = "send it again, and everything else later"
    DIVIDE = "find the record at fault"
    RAISE = "fail the bundle"


_BY_REMEDY = {Remedy.RETRY: Action.RETRY, Remedy.SLOW_DOWN: Action.SLOW_DOWN}
_OF_A_RECORD = (InvalidRequestError, PartitionNotFoundError, PartitionExpiredError)


class Settled(NamedTuple):
    """A batch of which nothing is left to send; ``answers`` are final, one for each record.

    ``requests`` were made for it; ``retries`` counts records sent again.
    """

    batch: Batch
    answers: Sequence[Written | NotWritten]
    requests: int
    retries: int


def action_on(error: DISError) -> Action:
    """What to do about an error that a whole request ended in."""
    if isinstance(error, TransportError):
        return Action.RETRY
    if isinstance(error, _OF_A_RECORD):
        return Action.DIVIDE
    if isinstance(error, ServiceError):
        return _BY_REMEDY.get(error.remedy, Action.RAISE)
    return Action.RAISE


def refusal_of(error: DISError, action: Action) -> NotWritten:
    """The same error as the answer to a single record."""
    code = error.code if isinstance(error, ServiceError) else ""
    return NotWritten(code, str(error), retriable=action is not Action.DIVIDE, throttled=action is Action.SLOW_DOWN)


def describe_refusal(stream: str, record: PutRecord, refusal: NotWritten) -> str:
    """One refused record in words, without its data."""
    key = f" with partition key {record.partition_key!r}" if record.partition_key is not None else ""
    return f"stream {stream!r}: a record of {len(record.data):,} bytes{key}: {_reason(refusal)}"


def _reason(refusal: NotWritten) -> str:
    already = not refusal.code or refusal.code in refusal.message
    return refusal.message if already else f"{refusal.code} {refusal.message}"
