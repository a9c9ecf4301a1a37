"""Streams on the local DIS and on the local V3IO, for tests that run on both: they differ in nothing else.

A test that is marked ``ON_BOTH_SERVICES`` runs once on each, with the fixture ``streams``. Without the mark that fixture has streams of
DIS. Streams of both have an empty project, or container, for each test.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import pytest

from beam_dis.client.dis_client import DISClient
from beam_dis.connection import Connection, DISConnection
from beam_dis.record import DISRecord, PutRecord
from beam_dis.v3io.client import V3IOClient
from beam_dis.v3io.connection import V3IOConnection
from beam_dis.wire.ranges import partition_id

ON_BOTH_SERVICES = pytest.mark.parametrize("streams", ["dis", "v3io"], indirect=True)

REQUEST_RECORDS = 500


class StreamsOnDIS:
    """Streams of a project; ``no_partition`` is the code of a record for a partition that doesn't exist."""

    no_partition = "DIS.4302"

    def __init__(self, connection: DISConnection) -> None:
        self.connection = connection
        self._client = DISClient(connection)
        self._names = (f"stream-{number}" for number in itertools.count())

    def create(self, partitions: int = 1) -> str:
        """Create a stream, and return its name."""
        name = next(self._names)
        self._client.create_stream(name, partition_count=partitions)
        return name

    def grow(self, stream: str, partitions: int) -> None:
        """Give a stream more partitions."""
        self._client.update_partition_count(stream, target_partition_count=partitions)

    def put(self, stream: str, records: Iterable[PutRecord]) -> list[tuple[str, int]]:
        """Put records, and return the partition and the number of each."""
        return _in_batches(list(records), lambda batch: self._put(stream, batch))

    def put_numbers(self, stream: str, numbers: range, **target: int) -> list[tuple[str, int]]:
        """Put each number as a record that has it as its key too; ``partition_id`` chooses their partition."""
        return self.put(stream, (PutRecord(b"%d" % n, partition_key=str(n), **target) for n in numbers))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _put(self, stream: str, records: Sequence[PutRecord]) -> Iterator[tuple[str, int]]:
        for result in self._client.put_records(stream, records).records:
            assert result.partition_id is not None, result
            assert result.sequence_number is not None
            yield result.partition_id, result.sequence_number


class StreamsOnV3IO(StreamsOnDIS):
    """Streams of a container."""

    no_partition = "V3IO.ShardIDOutOfRangeException"

    def __init__(self, connection: V3IOConnection) -> None:
        self.connection = connection
        self._client = V3IOClient(connection)
        self._names = (f"tests/stream {number}" for number in itertools.count())

    def create(self, partitions: int = 1) -> str:
        path = next(self._names)
        self._client.create_stream(path, shard_count=partitions)
        return path

    def grow(self, stream: str, partitions: int) -> None:
        self._client.update_stream(stream, shard_count=partitions)

    def _put(self, stream: str, records: Sequence[PutRecord]) -> Iterator[tuple[str, int]]:
        for result in self._client.put_records(stream, records).records:
            assert result.error_message is None
            assert result.shard_id is not None
            assert result.sequence_number is not None
            yield partition_id(result.shard_id), result.sequence_number


def _in_batches(records: list[PutRecord], put: Callable[[Sequence[PutRecord]], Iterator[Any]]) -> list[Any]:
    batches = [records[start : start + REQUEST_RECORDS] for start in range(0, len(records), REQUEST_RECORDS)]
    return [place for batch in batches for place in put(batch)]


def everything(connection: Connection, stream: str) -> list[DISRecord]:
    """All records of a stream, those of each partition in order."""
    read = _everything_on_v3io if isinstance(connection, V3IOConnection) else _everything_on_dis
    return list(read(connection, stream))


def _everything_on_dis(connection: Any, stream: str) -> Iterator[DISRecord]:
    with DISClient(connection) as client:
        for partition in client.describe_stream(stream).partitions:
            cursor = client.get_cursor(stream, partition_id=partition.partition_id, cursor_type="TRIM_HORIZON")
            while (page := client.get_records(cursor)).records:
                yield from (each.at(stream, partition.partition_id) for each in page.records)
                cursor = page.next_partition_cursor


def _everything_on_v3io(connection: Any, stream: str) -> Iterator[DISRecord]:
    with V3IOClient(connection) as client:
        for shard in range(client.describe_stream(stream).shard_count):
            location = client.seek(stream, shard)
            while (page := client.get_records(stream, shard, location)).records:
                for record in page.records:
                    arrived = record.arrival_time_sec * 1000 + record.arrival_time_nsec // 1_000_000
                    yield DISRecord(
                        stream,
                        partition_id(shard),
                        record.sequence_number,
                        record.partition_key,
                        record.data,
                        arrived,
                        record.client_info,
                    )
                location = page.next_location
