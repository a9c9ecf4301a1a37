"""What the sender does about a request that failed as a whole.

Rules:
1. A request that was refused for one of its records: divide it until the record at fault is alone.
2. For anything else the table of ``beam_dis.outages`` says for how long it is waited out. A lost answer or a failing service:
   send again. A record may then be written twice ("at least once").
3. A refusal that is no record's fault, such as wrong credentials or a missing stream, fails the bundle. If records of the
   stream were written before, it may pass, and is believed only after a minute.
4. A record with a key alone, or without one, can't be at fault if its partition doesn't exist or has expired. The stream is
   being scaled, so this is believed only after a minute too.
"""

from __future__ import annotations

from enum import Enum

from beam_dis.errors import (
    DISError,
    InvalidRequestError,
    PartitionExpiredError,
    PartitionNotFoundError,
    ServiceError,
)
from beam_dis.outages import WAIT_LIMITS, Failure, failure_of, wait_limit
from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, Written


class FailureAction(Enum):
    """What to do about a request that failed as a whole."""

    RETRY = "send the request again after a pause"
    SLOW_DOWN = "pause all requests, then send it again"
    DIVIDE = "send it in halves, to find the record at fault"
    RAISE = "fail the bundle"


SECONDS_OF_SCALING = WAIT_LIMITS[Failure.REFUSED].bounded
"""For how long the partitions of keys may be missing or expired, because the stream is being scaled."""

_FAULT_OF_ONE_RECORD = (InvalidRequestError, PartitionNotFoundError, PartitionExpiredError)


def action_on(error: DISError, *, written: bool) -> FailureAction:
    """What to do about the error of a whole request; ``written``: the stream has taken records before, in this process."""
    if isinstance(error, _FAULT_OF_ONE_RECORD):
        return FailureAction.DIVIDE
    if seconds_to_wait(error, written=written) <= 0:
        return FailureAction.RAISE
    return FailureAction.SLOW_DOWN if failure_of(error) is Failure.THROTTLED else FailureAction.RETRY


def seconds_to_wait(error: DISError, *, written: bool) -> float:
    """For how long requests are sent again after an error, from the last progress; 0 if it is raised at once.

    The stream has been described before, so the service has answered. Only a refusal asks whether it took records.
    """
    failure = failure_of(error)
    return wait_limit(failure, endless=False, worked=written or failure is not Failure.REFUSED)


def answer_for_each(error: DISError, action: FailureAction) -> NotWritten:
    """The error of a request as the answer to each of its records."""
    code = error.code if isinstance(error, ServiceError) else ""
    return NotWritten(
        code,
        str(error),
        retriable=action is not FailureAction.DIVIDE,
        throttled=action is FailureAction.SLOW_DOWN,
        no_partition=isinstance(error, PartitionNotFoundError | PartitionExpiredError),
    )


def is_of_scaling(record: PutRecord, answer: Written | NotWritten) -> bool:
    """Whether a record was refused because of its partition, though it names none: the stream is being scaled."""
    return isinstance(answer, NotWritten) and answer.no_partition and record.partition_id is None
