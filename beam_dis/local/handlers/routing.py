"""Where a record goes: partition id, else explicit hash key, else the hash of the partition key, else in turn.

Law: pure. Each record is placed or refused by itself, in order; what is wrong with one changes nothing for the others.
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
    """The records that were placed, in columns and in order, and why the others weren't, by position in the request."""

    partitions: list[int]
    keys: list[str | None]
    datas: list[bytes]
    refusals: dict[int, Refusal]


class Routes:
    """The writable partitions of a stream; ``spread`` counts on, for records that name no place."""

    def __init__(self, stream: Stream, spread: Callable[[], int]) -> None:
        ranges = {p.number: p.hash_range for p in stream.partitions if p.hash_range is not None}
        self._stream = stream
        self._spread = spread
        self._numbers = list(ranges)
        self._starts = [held.start for held in ranges.values()]

    def route(self, records: Sequence[PutRecordsRequestEntry]) -> Routed:
        """Place every record that can be stored."""
        partitions, keys, datas, refusals = routed = Routed([], [], [], {})
        starts, numbers = self._starts, self._numbers
        for position, record in enumerate(records):
            data, key = record.data or b"", record.partition_key or None
            try:
                if (
                    key
                    and data
                    and not (record.partition_id or record.explicit_hash_key or len(data) > MAX_RECORD_BYTES)
                ):
                    number = numbers[bisect_right(starts, hash_of(key)) - 1]
                else:
                    number = self._place(record, len(data))
            except Refusal as refusal:
                refusals[position] = refusal
                continue
            partitions.append(number)
            keys.append(key)
            datas.append(data)
        return routed

    def _place(self, record: PutRecordsRequestEntry, size: int) -> int:
        if not 0 < size <= MAX_RECORD_BYTES:
            raise Refusal(4200, f"data has {size} bytes, which is not within 1 to {MAX_RECORD_BYTES}")
        if record.partition_id:
            return self._named(record.partition_id)
        if record.explicit_hash_key:
            return self._hashed(explicit_hash(record.explicit_hash_key))
        if record.partition_key:
            return self._hashed(hash_of(record.partition_key))
        return self._numbers[self._spread() % len(self._numbers)]

    def _hashed(self, value: int) -> int:
        return self._numbers[bisect_right(self._starts, value) - 1]

    def _named(self, text: str) -> int:
        number = partition_number(text)
        if number in self._numbers:
            return number
        raise closed(self._stream, number)


def closed(stream: Stream, number: int) -> Refusal:
    """Why a partition takes no records: DIS.4319 if it has expired, DIS.4302 if it was scaled away or never was."""
    if number < len(stream.partitions) and stream.partitions[number].status == EXPIRED:
        return Refusal(4319, stream.name, stream.project, partition_id(number))
    return Refusal(4302, partition_id(number))
