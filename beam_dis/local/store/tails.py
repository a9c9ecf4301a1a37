"""Where the records of a group go: behind the ends of their partitions.

Law: a number is given once, in the order of requests and within a request in the order of records; what is given here
counts only once the group is committed. Records of one partition become as few blobs as their size allows, all of one
arrival time, which is never before the partition's last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from beam_dis.local.store.blob import cuts, encode
from beam_dis.local.store.catalogue import Draft
from beam_dis.local.store.values import Partition
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.streams import ACTIVE


class _Tail(NamedTuple):
    """What is appended to one partition, and the number of its first record."""

    first: int
    keys: list[str | None]
    datas: list[bytes]


class Batch(NamedTuple):
    """One blob and its place."""

    row: int
    partition: int
    first: int
    records: int
    time_ms: int
    blob: bytes


class Tails:
    """The records of one group, by partition."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._tails: dict[str, dict[int, _Tail]] = {}
        self._open: dict[str, _OpenPartitions] = {}

    def place(
        self, stream_id: str, partitions: Sequence[int], keys: Sequence[str | None], datas: Sequence[bytes]
    ) -> list[int | None]:
        """The number of each record, None where its partition isn't ACTIVE; refused with DIS.4301."""
        tails = self._opened(stream_id)
        numbers: list[int | None] = []
        for partition, key, data in zip(partitions, keys, datas, strict=True):
            tail = tails[partition]
            if tail is None:
                numbers.append(None)
                continue
            first, tail_keys, tail_datas = tail
            numbers.append(first + len(tail_datas))
            tail_keys.append(key)
            tail_datas.append(data)
        return numbers

    def reconsider(self) -> None:
        """Look anew which partitions are open: the draft has changed."""
        self._open.clear()

    def settle(self, now_ms: int) -> Iterator[Batch]:
        """Move the partitions' ends in the draft, and what is to be written for that."""
        for stream_id, tails in self._tails.items():
            stream = self._draft.stream(stream_id)
            if stream is not None:
                partitions = list(stream.partitions)
                for number, tail in tails.items():
                    time_ms = max(now_ms, partitions[number].last_ms)
                    partitions[number] = _moved(partitions[number], tail, time_ms)
                    yield from _batches(stream.row, number, tail, time_ms)
                self._draft.put_stream(msgspec.structs.replace(stream, partitions=tuple(partitions)))

    def _opened(self, stream_id: str) -> _OpenPartitions:
        opened = self._open.get(stream_id)
        if opened is None:
            stream = self._draft.stream(stream_id)
            if stream is None:
                raise Refusal(4301, stream_id)
            opened = _OpenPartitions(stream.partitions, self._tails.setdefault(stream_id, {}))
            self._open[stream_id] = opened
        return opened


class _OpenPartitions(dict[int, "_Tail | None"]):
    """The tails of a stream, found once for each partition of a group."""

    def __init__(self, partitions: Sequence[Partition], tails: dict[int, _Tail]) -> None:
        super().__init__()
        self._partitions = partitions
        self._tails = tails

    def __missing__(self, number: int) -> _Tail | None:
        partition = self._partitions[number] if 0 <= number < len(self._partitions) else None
        tail = None
        if partition is not None and partition.status == ACTIVE:
            tail = self._tails.setdefault(number, _Tail(partition.next, [], []))
        self[number] = tail
        return tail


def _moved(partition: Partition, tail: _Tail, time_ms: int) -> Partition:
    after = tail.first + len(tail.datas)
    return msgspec.structs.replace(partition, next=after, last_ms=time_ms)


def _batches(row: int, number: int, tail: _Tail, time_ms: int) -> Iterator[Batch]:
    for start, stop in cuts(tail.keys, tail.datas):
        first = tail.first + start
        blob = encode(first, time_ms, tail.keys[start:stop], tail.datas[start:stop])
        yield Batch(row, number, first, stop - start, time_ms, blob)
