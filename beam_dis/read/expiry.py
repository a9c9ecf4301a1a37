"""What a read does where the service no longer holds the records it wants.

Law: never silent. ``fail`` says what is lost and what to do; ``earliest`` goes on at the oldest record there is;
``latest`` behind the newest. Going on is always forward: a number that the partition never had means another stream.
"""

from __future__ import annotations

from collections.abc import Callable

from beam_dis.errors import DISError, OutOfRangeError, PartitionExpiredError
from beam_dis.stream_service import PartitionDescription, ReadPosition

POLICIES = ("fail", "earliest", "latest")


def resume_at(
    policy: str,
    place: ReadPosition,
    error: OutOfRangeError | PartitionExpiredError,
    *,
    stop: int | None,
    partition: Callable[[], PartitionDescription | None],
) -> int:
    """The number to go on at, ``stop`` where nothing is left; ``partition()`` lists what the partition holds now."""
    held = partition()
    if held is not None and place.sequence_number > held.next:
        raise type(error)(
            f"{_where(place)} has no record {place.sequence_number} yet, the next one will be {held.next}: was the stream "
            f"deleted and made anew? Start over, from a position of the new stream ({error})"
        ) from error
    if policy == "fail":
        raise type(error)(
            f"{_where(place)} no longer holds record {place.sequence_number}"
            + (f", the earliest is {held.earliest}" if held else "")
            + ": its retention passed before it was read. Read it sooner, keep it longer (data_duration), or choose"
            f" on_expired='earliest' or 'latest', which counts what is lost ({error})"
        ) from error
    target = _target(policy, held, stop)
    if target <= place.sequence_number:
        raise DISError(
            f"{_where(place)} refuses record {place.sequence_number} and names no later one ({error})"
        ) from error
    return target


def _target(policy: str, held: PartitionDescription | None, stop: int | None) -> int:
    """Where the policy leads, at most to the end of the range; a partition that is gone leads to its end."""
    if held is None or not held.readable:
        return -1 if stop is None else stop
    target = held.earliest if policy == "earliest" else held.next
    return target if stop is None else min(target, stop)


def _where(place: ReadPosition) -> str:
    return f"stream {place.stream!r}, partition {place.partition_id}"
