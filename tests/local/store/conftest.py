"""A store in a folder of its own, on a clock that stands still until a test advances it."""

import pytest

from beam_dis.local.clock import Clock
from beam_dis.local.store import StreamDefinition, open_store

START = 1_767_225_600.0


class OpenedStore:
    """Opens the same folder again and again; ``store`` is the store that is open now."""

    def __init__(self, folder):
        self.folder = folder
        self.time = START
        self.clock = Clock(lambda: self.time)
        self.store = None
        self.open()

    def open(self):
        self.store = open_store(self.folder, clock=self.clock, housekeeping_interval=None)
        return self.store

    def reopen(self):
        self.store.close()
        return self.open()

    def stream(self, name="s", partitions=1, **properties):
        definition = StreamDefinition(name=name, partition_count=partitions, **properties)
        return self.store.create_stream("p", definition).result()

    def append(self, stream, *records):
        """Append (partition, key, data); the future of their numbers."""
        partitions, keys, datas = map(list, zip(*records, strict=True)) if records else ([], [], [])
        return self.store.append(stream, partitions, keys, datas)

    def put(self, stream, *datas, partition=0, key=None):
        """Append records to one partition and wait; their numbers."""
        return self.append(stream, *((partition, key, data) for data in datas)).result()

    def records(self, stream, start=0, partition=0, max_bytes=2**23):
        """A page of (number, key, data, timestamp_ms)."""
        return [
            (number, key, data, batch.timestamp_ms)
            for batch in self.store.read(stream, partition, start, max_bytes)
            for number, (key, data) in enumerate(zip(batch.keys, batch.datas, strict=True), batch.first)
        ]

    def numbers(self, stream, start=0, partition=0, max_bytes=2**20):
        return [number for number, *_ in self.records(stream, start, partition, max_bytes)]

    def datas(self, stream):
        return [data for _, _, data, _ in self.records(stream)]

    def partition(self, stream, number=0):
        return self.store.stream("p", stream.name).partitions[number]


@pytest.fixture
def opened(tmp_path):
    opened = OpenedStore(tmp_path / "data")
    yield opened
    opened.store.close()
