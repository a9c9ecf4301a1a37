"""The store behaves as a simple model of it that consists of lists."""

import shutil
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from beam_dis.local.clock import Clock
from beam_dis.local.store import StreamDefinition, open_store
from beam_dis.wire.error_codes import Refusal

HOUR = 3600
DAY_MS = 24 * HOUR * 1000
KEYS = st.none() | st.text(max_size=4)
RECORDS = st.lists(st.tuples(st.integers(0, 4), KEYS, st.binary(max_size=30)), max_size=12)


class ModelPartition:
    def __init__(self):
        self.status, self.since, self.earliest = "ACTIVE", 0, 0
        self.records = []

    def expire(self, now):
        if self.status == "DELETED" and self.since + DAY_MS <= now:
            self.status, self.earliest = "EXPIRED", len(self.records)
        while self.earliest < len(self.records) and self.records[self.earliest][2] + DAY_MS <= now:
            self.earliest += 1


class StoreMachine(RuleBasedStateMachine):
    """Appends, scalings, deletions, time and restarts in any order: reads return the records of the model."""

    @initialize()
    def start(self):
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock(lambda: 1_767_225_600.0)
        self.store = self.open()
        self.create()

    def open(self):
        return open_store(Path(self.folder.name), clock=self.clock, housekeeping_interval=None)

    def create(self):
        self.stream = self.store.create_stream("p", StreamDefinition(name="s", partition_count=2)).result()
        self.partitions = [ModelPartition(), ModelPartition()]

    @property
    def now(self):
        return int(self.clock() * 1000)

    @rule(requests=st.lists(RECORDS, max_size=4))
    def append(self, requests):
        columns = [map(list, zip(*records, strict=True)) if records else ([], [], []) for records in requests]
        futures = [self.store.append(self.stream, *request) for request in columns]
        for records, future in zip(requests, futures, strict=True):
            assert future.result() == [self.append_to_model(*record) for record in records]

    def append_to_model(self, number, key, data):
        if number >= len(self.partitions) or self.partitions[number].status != "ACTIVE":
            return None
        self.partitions[number].records.append((key, data, self.now))
        return len(self.partitions[number].records) - 1

    @rule(count=st.integers(1, 5))
    def scale(self, count):
        active = [p for p in self.partitions if p.status == "ACTIVE"]
        assert self.store.scale(self.stream, count).result() == (len(active), count)
        for partition in active[count:]:
            partition.status, partition.since = "DELETED", self.now
        for partition in self.closed()[: max(0, count - len(active))]:
            partition.status = "ACTIVE"
        while sum(p.status == "ACTIVE" for p in self.partitions) < count:
            self.partitions.append(ModelPartition())

    def closed(self):
        return [p for status in ("DELETED", "EXPIRED") for p in self.partitions if p.status == status]

    @rule(hours=st.sampled_from([1, 10, 23, 24]))
    def pass_time(self, hours):
        self.clock.advance(hours * HOUR)
        self.store.housekeep()
        for partition in self.partitions:
            partition.expire(self.now)

    @rule()
    def delete_and_create_again(self):
        self.store.delete_stream(self.stream).result()
        self.create()

    @rule()
    def reopen(self):
        before = self.store.stream("p", "s")
        self.store.close()
        self.store = self.open()
        assert self.store.stream("p", "s") == before

    @rule()
    def crash(self):
        """The files as a killed process leaves them: the WAL isn't copied into the file, and memory is lost."""
        before, left = self.store.stream("p", "s"), tempfile.TemporaryDirectory()
        for name in ("log.db", "log.db-wal"):
            shutil.copy(Path(self.folder.name) / name, left.name)
        self.store.close()
        self.folder.cleanup()
        self.folder = left
        self.store = self.open()
        assert self.store.stream("p", "s") == before

    @precondition(lambda self: hasattr(self, "store"))
    @invariant()
    def positions_and_records_equal_the_model(self):
        seen = self.store.stream("p", "s").partitions
        positions = [(p.status, p.earliest, p.next) for p in seen]
        assert positions == [(p.status, p.earliest, len(p.records)) for p in self.partitions]
        for number, partition in enumerate(self.partitions):
            if partition.status != "EXPIRED":
                page = self.read(number, partition.earliest)
                assert [record[1:] for record in page] == partition.records[partition.earliest :]

    @rule(number=st.integers(0, 1), back=st.integers(0, 9), max_bytes=st.integers(1, 90))
    def read_a_page(self, number, back, max_bytes):
        partition = self.partitions[number]
        start = max(0, len(partition.records) - back)
        refused = "DIS.4319" if partition.status == "EXPIRED" else "DIS.4226" if start < partition.earliest else None
        if refused:
            with pytest.raises(Refusal, match=refused):
                self.store.read(self.stream, number, start, max_bytes)
            return
        page = self.read(number, start, max_bytes)
        assert [number for number, *_ in page] == list(range(start, start + len(page)))
        sizes = [len(data) for _, data, _ in partition.records[start:]]
        assert sum(sizes[: len(page)]) <= max_bytes
        assert page or not sizes or sizes[0] > max_bytes

    @rule(number=st.integers(0, 1), hours=st.integers(0, 30))
    def locate_a_time(self, number, hours):
        partition = self.partitions[number]
        kept = partition.records[partition.earliest :]
        time = self.now - hours * HOUR * 1000
        if partition.status != "EXPIRED" and not (partition.earliest and kept and time < kept[0][2]):
            expected = partition.earliest + sum(arrival < time for _, _, arrival in kept)
            assert self.store.locate(self.stream, number, time) == expected

    def read(self, partition, start, max_bytes=2**20):
        """A page of (number, key, data, timestamp_ms)."""
        return [
            (number, key, data, batch.timestamp_ms)
            for batch in self.store.read(self.stream, partition, start, max_bytes)
            for number, (key, data) in enumerate(zip(batch.keys, batch.datas, strict=True), batch.first)
        ]

    def teardown(self):
        if hasattr(self, "store"):
            assert self.store.check() == []
            self.store.close()
            self.folder.cleanup()


StoreMachine.TestCase.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
TestStore = StoreMachine.TestCase
