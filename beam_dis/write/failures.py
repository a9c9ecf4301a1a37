"""What the sender does about a request that failed as a whole.

Rules:
1. A lost answer or a failing service: send again. A record may then be written twice ("at least once").
2. A request that was refused for one of its records: divide it until the record at fault is alone.
3. Anything else, such as wrong credentials or a missing stream, is no record's fault: fail the bundle.
"""

from __future__ import annotations

from enum import Enum

from beam_dis.errors import (
    DISError,
    InvalidRequestError,
    PartitionExpiredError,
    PartitionNotFoundError,
    ServiceError,
    TransportError,
)
from beam_dis.stream_service import NotWritten
from beam_dis.wire.error_codes import Remedy


class FailureAction(Enum):
    """What to do about a request that failed as a whole."""

    RETRY = "send the request again after a pause"
    SLOW_DOWN = "pause all requests, then send it again"
    DIVIDE = "send it in halves, to find the record at fault"
    RAISE = "fail the bundle"


_BY_REMEDY = {Remedy.RETRY: FailureAction.RETRY, Remedy.SLOW_DOWN: FailureAction.SLOW_DOWN}
_FAULT_OF_ONE_RECORD = (InvalidRequestError, PartitionNotFoundError, PartitionExpiredError)


def action_on(error: DISError) -> FailureAction:
    """What to do about the error of a whole request."""
    if isinstance(error, TransportError):
        return FailureAction.RETRY
    if isinstance(error, _FAULT_OF_ONE_RECORD):
        return FailureAction.DIVIDE
    if isinstance(error, ServiceError):
        return _BY_REMEDY.get(error.remedy, FailureAction.RAISE)
    return FailureAction.RAISE


def answer_for_each(error: DISError, action: FailureAction) -> NotWritten:
    """The error of a request as the answer to each of its records."""
    code = error.code if isinstance(error, ServiceError) else ""
    return NotWritten(
        code,
        str(error),
        retriable=action is not FailureAction.DIVIDE,
        throttled=action is FailureAction.SLOW_DOWN,
    )
