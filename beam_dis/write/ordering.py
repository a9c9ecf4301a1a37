"""Keeping the order of each partition key within a bundle.

Law: pure. A key always takes the same lane, a lane sends one request at a time, and a request that succeeded in part is
followed by the records that failed *and* every later record of their keys. So among the last copies of each record a
key's order is the bundle's order. Copies of a later record may stand before: at least once, in order at last.
Records without a key have no order. Without ordering there is one lane, and only what failed is sent again.
"""

from __future__ import annotations

from collections.abc import Sequence

from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, Written


def lane_of(partition_key: str | None, lanes: int) -> int:
    """The lane of a key, the same one throughout a process."""
    return hash(partition_key) % lanes


def send_again(records: Sequence[PutRecord], answers: Sequence[Written | NotWritten], *, ordered: bool) -> list[int]:
    """The places in a request of what must be sent again, in order."""
    again: list[int] = []
    held: set[str] = set()
    for place, answer in enumerate(answers):
        key = records[place].partition_key
        if isinstance(answer, Written):
            if key in held:
                again.append(place)
        elif answer.retriable:
            again.append(place)
            if ordered and key is not None:
                held.add(key)
    return again
