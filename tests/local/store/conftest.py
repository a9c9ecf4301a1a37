"""A store in a folder of its own, on a clock that stands until it is moved."""

import pytest

from beam_dis.local.clock import Clock
from beam_dis.local.store import Entry, StreamDefinition, open_store

START = 1_767_225_600.0


class Shelf:
    """Opens the same folder again and again; ``store`` is the one that is open."""

    def __init__(self, folder):
        self.folder = folder
        self.clock = Clock(lambda: START)
        self.store = None
        self.open()

    def open(self):
        self.store = open_store(self.folder, clock=self.clock, housekeeping_interval=None)
        return self.store

    def reopen(self):
        self.store.close()
        return self.open()

    def stream(self, name="s", partitions=1, **facts):
        definition = StreamDefinition(name=name, partition_count=partitions, **facts)
        return self.store.create_stream("p", definition).result()

    def put(self, stream, *datas, partition=0, key=None):
        return self.store.append(stream, [Entry(partition, key, data) for data in datas]).result()

    def numbers(self, stream, start=0, partition=0, max_bytes=2**20):
        return [record.sequence_number for record in self.store.read(stream, partition, start, max_bytes)]

    def partition(self, stream, number=0):
        return self.store.stream("p", stream.name).partitions[number]


@pytest.fixture
def shelf(tmp_path):
    shelf = Shelf(tmp_path / "data")
    yield shelf
    shelf.store.close()
