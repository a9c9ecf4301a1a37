"""The store against a model of it: dictionaries and lists."""

import shutil
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from beam_dis.local.clock import Clock
from beam_dis.local.store import Entry, StreamDefinition, open_store
from beam_dis.wire.error_codes import Refusal

HOUR = 3600
DAY_MS = 24 * HOUR * 1000
KEYS = st.none() | st.text(max_size=4)
RECORDS = st.lists(st.tuples(st.integers(0, 4), KEYS, st.binary(max_size=30)), max_size=12)


class ModelPartition:
    def __init__(self):
        self.status, self.since, self.earliest, self.incarnation = "ACTIVE", 0, 0, 0
        self.records = []

    def expire(self, now):
        if self.status == "DELETED" and self.since + DAY_MS <= now:
            self.status, self.earliest = "EXPIRED", len(self.records)
        while self.earliest < len(self.records) and self.records[self.earliest][2] + DAY_MS <= now:
            self.earliest += 1


class StoreMachine(RuleBasedStateMachine):
    """Appends, scalings, deletions, time and restarts in any order: what is read is what the model holds."""

    @initialize()
    def start(self):
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock(lambda: 1_767_225_600.0)
        self.store = self.open()
        self.renew()

    def open(self):
        return open_store(Path(self.folder.name), clock=self.clock, housekeeping_interval=None)

    def renew(self):
        self.stream = self.store.create_stream("p", StreamDefinition(name="s", partition_count=2)).result()
        self.partitions = [ModelPartition(), ModelPartition()]

    @property
    def now(self):
        return int(self.clock() * 1000)

    @rule(requests=st.lists(RECORDS, max_size=4))
    def append(self, requests):
        futures = [self.store.append(self.stream, [Entry(*record) for record in records]) for records in requests]
        for records, future in zip(requests, futures, strict=True):
            expected = [self.place(*record) for record in records]
            assert [place and place.sequence_number for place in future.result()] == expected

    def place(self, number, key, data):
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
            partition.incarnation += partition.status == "EXPIRED"
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
    def delete_and_make_anew(self):
        self.store.delete_stream(self.stream).result()
        self.renew()

    @rule()
    def reopen(self):
        before = self.store.stream("p", "s")
        self.store.close()
        self.store = self.open()
        assert self.store.stream("p", "s") == before

    @rule()
    def crash(self):
        """The files as a killed process leaves them: the WAL isn't in the file yet, what is in memory is gone."""
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
    def positions_and_records_are_the_model_s(self):
        seen = self.store.stream("p", "s").partitions
        facts = [(p.status, p.earliest, p.next, p.incarnation) for p in seen]
        assert facts == [(p.status, p.earliest, len(p.records), p.incarnation) for p in self.partitions]
        for number, partition in enumerate(self.partitions):
            if partition.status != "EXPIRED":
                assert self.read(number, partition.earliest) == partition.records[partition.earliest :]

    @rule(number=st.integers(0, 1), back=st.integers(0, 9), max_bytes=st.integers(1, 90))
    def read_a_page(self, number, back, max_bytes):
        partition = self.partitions[number]
        start = max(0, len(partition.records) - back)
        refused = "DIS.4319" if partition.status == "EXPIRED" else "DIS.4226" if start < partition.earliest else None
        if refused:
            with pytest.raises(Refusal, match=refused):
                self.store.read(self.stream, number, start, max_bytes)
            return
        page = self.store.read(self.stream, number, start, max_bytes)
        assert [record.sequence_number for record in page] == list(range(start, start + len(page)))
        rest = [len(data) for _, data, _ in partition.records[start:]]
        assert sum(rest[: len(page)]) <= max_bytes
        assert page or not rest or rest[0] > max_bytes

    @rule(number=st.integers(0, 1), hours=st.integers(0, 30))
    def locate_a_time(self, number, hours):
        partition = self.partitions[number]
        held = partition.records[partition.earliest :]
        time = self.now - hours * HOUR * 1000
        if partition.status != "EXPIRED" and not (partition.earliest and held and time < held[0][2]):
            expected = partition.earliest + sum(arrival < time for _, _, arrival in held)
            assert self.store.locate(self.stream, number, time) == expected

    def read(self, number, start):
        return [record[1:] for record in self.store.read(self.stream, number, start, 2**20)]

    def teardown(self):
        if hasattr(self, "store"):
            assert self.store.check() == []
            self.store.close()
            self.folder.cleanup()


StoreMachine.TestCase.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
TestStore = StoreMachine.TestCase
