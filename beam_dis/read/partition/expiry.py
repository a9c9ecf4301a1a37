"""What a read does if the service no longer holds the records at its position.

Rules:

1. It is never silent. ``fail`` says what is lost and what to do; ``earliest`` continues with the oldest record that is left,
   ``latest`` after the newest one.
2. It only goes forward. A number that the partition never had belongs to another stream.
"""

from __future__ import annotations

from beam_dis.errors import DISError, OutOfRangeError, PartitionExpiredError
from beam_dis.stream_service import PartitionDescription, ReadPosition

POLICIES = ("fail", "earliest", "latest")

ExpiredError = OutOfRangeError | PartitionExpiredError


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
        OutOfRangeError, PartitionExpiredError: the policy is ``fail``, or the number belongs to another stream.
        DISError: the service refuses a number that it says it holds.
    """
    where = f"stream {position.stream!r}, partition {position.partition_id}"
    number = position.sequence_number
    if partition is not None and number > partition.next:
        raise type(error)(
            f"{where} has no record {number} yet, the next one will be {partition.next}: was the stream "
            f"deleted and recreated? Start again, from a position of the new stream ({error})"
        ) from error
    if policy == "fail":
        raise type(error)(
            f"{where} no longer holds record {number}"
            + (f", the earliest is {partition.earliest}" if partition else "")
            + ": its retention passed before it was read. Read it sooner, keep it longer (data_duration), or choose"
            f" on_expired='earliest' or 'latest', which counts what is lost ({error})"
        ) from error
    if partition is None or not partition.readable:
        target = -1 if stop is None else stop
    else:
        target = partition.earliest if policy == "earliest" else partition.next
        target = target if stop is None else min(target, stop)
    if target <= number:
        raise DISError(f"{where} refuses record {number} and names no later one ({error})") from error
    return target
