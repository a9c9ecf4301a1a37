"""Keeps the order of each partition key within a bundle.

Rules:
1. All records of a key go through the same queue, and a queue sends one request at a time.
2. If a request succeeds in part, the records that failed are sent again *together with all later records of their keys*.
   So of the last copies of each record, a key's are in the order of the bundle. Earlier copies may be in between.
3. Records without a key have no order.
4. With ``by_partition`` in place of ``by_key`` the same holds for the partitions that records name, whatever their keys.
5. Without ordering there is one queue, and only the records that failed are sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, Written

Group = Callable[[PutRecord], "int | str | None"]
"""What a record is kept in order with: records for which it returns the same, unless that is None."""


def by_key(record: PutRecord) -> str | None:
    """Keep the order of each partition key."""
    return record.partition_key


def by_partition(record: PutRecord) -> int | str | None:
    """Keep the order of each partition that records name."""
    return record.partition_id


def queue_of(partition_key: int | str | None, queues: int) -> int:
    """The number of the queue for a key or another group; the same throughout a process."""
    return hash(partition_key) % queues


def indexes_to_resend(
    records: Sequence[PutRecord], answers: Sequence[Written | NotWritten], *, ordered: bool, group: Group = by_key
) -> list[int]:
    """The indexes, in order, of the records of a request that must be sent again."""
    indexes: list[int] = []
    failed_groups: set[int | str] = set()
    for index, answer in enumerate(answers):
        key = group(records[index])
        if isinstance(answer, Written):
            if key in failed_groups:
                indexes.append(index)
        elif answer.retriable:
            indexes.append(index)
            if ordered and key is not None:
                failed_groups.add(key)
    return indexes
