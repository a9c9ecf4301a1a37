"""Keeps the order of each partition key within a bundle.

Rules:
1. All records of a key go through the same queue, and a queue sends one request at a time.
2. If a request succeeds in part, the records that failed are sent again *together with all later records of their keys*.
   So of the last copies of each record, a key's are in the order of the bundle. Earlier copies may be in between.
3. Records without a key have no order.
4. Without ordering there is one queue, and only the records that failed are sent again.
"""

from __future__ import annotations

from collections.abc import Sequence

from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, Written


def queue_of(partition_key: str | None, queues: int) -> int:
    """The number of the queue for a key; the same throughout a process."""
    return hash(partition_key) % queues


def indexes_to_resend(
    records: Sequence[PutRecord], answers: Sequence[Written | NotWritten], *, ordered: bool
) -> list[int]:
    """The indexes, in order, of the records of a request that must be sent again."""
    indexes: list[int] = []
    failed_keys: set[str] = set()
    for index, answer in enumerate(answers):
        key = records[index].partition_key
        if isinstance(answer, Written):
            if key in failed_keys:
                indexes.append(index)
        elif answer.retriable:
            indexes.append(index)
            if ordered and key is not None:
                failed_keys.add(key)
    return indexes
