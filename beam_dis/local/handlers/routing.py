"""Finds the partition that a record goes to.

Rules:

1. A record goes to its partition id; without one, to the partition of its explicit hash key; without that, to the partition
   of the hash of its partition key; without any of them, to the partitions in turn.
2. Each record is routed or refused independently of the others, in order.
3. An empty key is refused with DIS.4200, by name: taken for none, it would spread over all partitions records whose order was
   asked for. An empty partition id counts as none (ours).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from beam_dis.local.store import Stream
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import MAX_RECORD_BYTES
from beam_dis.wire.ranges import explicit_hash, hash_of, partition_id, partition_number
from beam_dis.wire.records import PutRecordsRequestEntry
from beam_dis.wire.streams import EXPIRED


class Routed(NamedTuple):
    """The routed records in columns, in order, and the refusals of the others by their index in the request."""

    partitions: list[int]
    keys: list[str | None]
    datas: list[bytes]
    refusals: dict[int, Refusal]


class Routes:
    """The writable partitions of a stream. ``round_robin`` gives 0, 1, 2 … for records that name no partition."""

    def __init__(self, stream: Stream, round_robin: Callable[[], int]) -> None:
        ranges = {p.number: p.hash_range for p in stream.partitions if p.hash_range is not None}
        self._stream = stream
        self._round_robin = round_robin
        self._numbers = list(ranges)
        self._starts = [hashes.start for hashes in ranges.values()]

    def route(self, records: Sequence[PutRecordsRequestEntry]) -> Routed:
        """Route every record that can be stored."""
        partitions, keys, datas, refusals = routed = Routed([], [], [], {})
        starts, numbers = self._starts, self._numbers
        for index, record in enumerate(records):
            data, key = record.data or b"", record.partition_key
            try:
                if (
                    key
                    and data
                    and not (
                        record.partition_id or record.explicit_hash_key is not None or len(data) > MAX_RECORD_BYTES
                    )
                ):
                    number = numbers[bisect_right(starts, hash_of(key)) - 1]
                else:
                    number = self._partition_of(record, len(data))
            except Refusal as refusal:
                refusals[index] = refusal
                continue
            partitions.append(number)
            keys.append(key)
            datas.append(data)
        return routed

    def _partition_of(self, record: PutRecordsRequestEntry, size: int) -> int:
        if not 0 < size <= MAX_RECORD_BYTES:
            raise Refusal(4200, f"data has {size} bytes, which is not within 1 to {MAX_RECORD_BYTES}")
        if record.partition_key == "":
            raise Refusal(4200, "partition_key is empty")
        if record.partition_id:
            number = partition_number(record.partition_id)
            if number not in self._numbers:
                raise not_writable(self._stream, number)
            return number
        if record.explicit_hash_key is not None:
            return self._with_hash(explicit_hash(record.explicit_hash_key))
        if record.partition_key is not None:
            return self._with_hash(hash_of(record.partition_key))
        return self._numbers[self._round_robin() % len(self._numbers)]

    def _with_hash(self, value: int) -> int:
        return self._numbers[bisect_right(self._starts, value) - 1]


def not_writable(stream: Stream, number: int) -> Refusal:
    """The refusal of a partition that isn't writable: DIS.4319 if it has expired, DIS.4302 if it was scaled away or never existed."""
    if number < len(stream.partitions) and stream.partitions[number].status == EXPIRED:
        return Refusal(4319, stream.name, stream.project, partition_id(number))
    return Refusal(4302, partition_id(number))
