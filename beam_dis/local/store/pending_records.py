"""The records of one group of changes, numbered after the last records of their partitions.

Rule 1: a number is given once, in the order of the requests, and within a request in the order of its records. It counts
only when the group is committed.
Rule 2: the records of one partition become as few blobs as their sizes allow.
Rule 3: all records of a partition in one group have one arrival time, which is never before the partition's last one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from beam_dis.local.store.blob import blob_ranges, encode
from beam_dis.local.store.catalogue import Draft
from beam_dis.local.store.usage import MINUTE_MS, Usage, UsageKey
from beam_dis.local.store.values import Partition
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.streams import ACTIVE


class _NewRecords(NamedTuple):
    """The new records of one partition, and the number of the first."""

    first: int
    keys: list[str | None]
    datas: list[bytes]


class StoredBatch(NamedTuple):
    """One blob to store, and the columns of its row in ``batch_index`` except the blob's id."""

    row: int
    partition: int
    first: int
    record_count: int
    time_ms: int
    blob: bytes


class PendingRecords:
    """The records of one group, by stream and partition; ``usage`` is what is counted once they are committed."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._records: dict[str, dict[int, _NewRecords]] = {}
        self._writable: dict[str, _WritablePartitions] = {}
        self.usage: list[tuple[UsageKey, Usage]] = []

    def append(
        self, stream_id: str, partitions: Sequence[int], keys: Sequence[str | None], datas: Sequence[bytes]
    ) -> list[int | None]:
        """Append records; refused with DIS.4301.

        Returns:
            The number of each record, None for one whose partition isn't ACTIVE.
        """
        writable = self._writable.get(stream_id)
        if writable is None:
            stream = self._draft.stream(stream_id)
            if stream is None:
                raise Refusal(4301, stream_id)
            writable = _WritablePartitions(stream.partitions, self._records.setdefault(stream_id, {}))
            self._writable[stream_id] = writable
        numbers: list[int | None] = []
        for partition, key, data in zip(partitions, keys, datas, strict=True):
            records = writable[partition]
            if records is None:
                numbers.append(None)
                continue
            first, new_keys, new_datas = records
            numbers.append(first + len(new_datas))
            new_keys.append(key)
            new_datas.append(data)
        return numbers

    def forget_writable_partitions(self) -> None:
        """Look up again which partitions are ACTIVE: another change of the group may have changed that."""
        self._writable.clear()

    def move_to_batches(self, now_ms: int) -> Iterator[StoredBatch]:
        """Move the ends of the partitions in the draft, and give the batches to store for that."""
        for stream_id, by_partition in self._records.items():
            stream = self._draft.stream(stream_id)
            if stream is None:
                continue
            partitions = list(stream.partitions)
            for number, records in by_partition.items():
                first, keys, datas = records
                before = partitions[number]
                time_ms = max(now_ms, before.last_ms)
                size = sum(map(len, datas))
                partitions[number] = msgspec.structs.replace(
                    before, next=first + len(datas), put_bytes=before.put_bytes + size, last_ms=time_ms
                )
                key = UsageKey(time_ms // MINUTE_MS, stream.row, number)
                self.usage.append((key, Usage(put_records=len(datas), put_bytes=size)))
                for start, stop in blob_ranges(keys, datas):
                    blob = encode(first + start, time_ms, keys[start:stop], datas[start:stop])
                    yield StoredBatch(stream.row, number, first + start, stop - start, time_ms, blob)
            self._draft.put_stream(msgspec.structs.replace(stream, partitions=tuple(partitions)))


class _WritablePartitions(dict[int, "_NewRecords | None"]):
    """The new records of a stream by partition, None for one that isn't ACTIVE; looked up once for each partition.

    A dictionary with ``__missing__``, because it is asked once for each record.
    """

    def __init__(self, partitions: Sequence[Partition], records: dict[int, _NewRecords]) -> None:
        super().__init__()
        self._partitions = partitions
        self._records = records

    def __missing__(self, number: int) -> _NewRecords | None:
        partition = self._partitions[number] if 0 <= number < len(self._partitions) else None
        records = None
        if partition is not None and partition.status == ACTIVE:
            records = self._records.setdefault(number, _NewRecords(partition.next, [], []))
        self[number] = records
        return records
