"""What a read does if the service no longer holds the records at its position.

Rules:

1. It is never silent. ``fail`` says what is lost and what to do; ``earliest`` continues with the oldest record that is left,
   ``latest`` after the newest one.
2. It only goes forward. A number that the partition never had belongs to another stream.
3. One answer isn't believed: records have expired if the service refuses a number, and a listing confirms that it is gone.
"""

from __future__ import annotations

from beam_dis.errors import OutOfRangeError, PartitionExpiredError
from beam_dis.stream_service import PartitionDescription, ReadPosition

POLICIES = ("fail", "earliest", "latest")

ExpiredError = OutOfRangeError | PartitionExpiredError


def unconfirmed(
    position: ReadPosition, error: ExpiredError, partition: PartitionDescription | None
) -> ExpiredError | None:
    """The error of a refusal that the listing of the partition contradicts; None if the listing confirms that records expired.

    A service of many servers may answer so for a while, so the caller asks again before it believes it.
    """
    if partition is None or not partition.readable or position.sequence_number < partition.earliest:
        return None
    where = f"stream {position.stream!r}, partition {position.partition_id}"
    number = position.sequence_number
    if number > partition.next:
        reason = (
            f"has no record {number} yet, the next one will be {partition.next}: was the stream deleted and recreated? "
            "Start again, from a position of the new stream"
        )
    else:
        reason = f"refuses record {number}, although it holds {partition.earliest} to {partition.next - 1}"
    found = type(error)(f"{where} {reason} ({error})")
    found.__cause__ = error
    return found


def resume_at(
    policy: str,
    position: ReadPosition,
    error: ExpiredError,
    *,
    stop: int | None,
    partition: PartitionDescription | None,
) -> int:
    """The number to continue at.

    Args:
        policy: one of POLICIES.
        position: what was asked for.
        error: the service's refusal.
        stop: the end of the range, which is returned if nothing of it is left; None for an endless range.
        partition: what the partition holds now; None if the stream no longer has it.

    Raises:
        OutOfRangeError, PartitionExpiredError: the policy is ``fail``.
    """
    where = f"stream {position.stream!r}, partition {position.partition_id}"
    number = position.sequence_number
    if policy == "fail":
        raise type(error)(
            f"{where} no longer holds record {number}"
            + (f", the earliest is {partition.earliest}" if partition else "")
            + ": its retention passed before it was read. Read it sooner, lengthen the retention of the stream, or choose"
            f" on_expired='earliest' or 'latest', which counts what is lost ({error})"
        ) from error
    if partition is None or not partition.readable:
        return number if stop is None else stop
    target = partition.earliest if policy == "earliest" else partition.next
    return target if stop is None else min(target, stop)
