"""Housekeeping looks at a stream only if something of it may have expired."""

import pytest

from beam_dis.local.store import Partition, Stream
from beam_dis.local.store.catalogue import Catalogue
from beam_dis.local.store.expiry_times import ExpiryTimes, OldestTimes
from beam_dis.local.store.housekeeping import HousekeepingRound
from beam_dis.local.store.usage import UsageMeter
from beam_dis.local.store.values import HOUR_MS
from beam_dis.local.store.writer_connection import WriterConnection
from beam_dis.wire.streams import DELETED

DAY_MS = 24 * HOUR_MS
NOW = 100 * DAY_MS


def stream_of(generation: int = 0, retention_hours: int = 24, **partition: object) -> Stream:
    return Stream(
        project="p",
        stream_id="id",
        name="s",
        row=1,
        created_ms=0,
        modified_ms=0,
        generation=generation,
        retention_hours=retention_hours,
        partitions=(Partition(number=0, **partition),),
    )


@pytest.fixture
def expiry() -> ExpiryTimes:
    """What is known after a stream was looked at whose oldest record is of ``NOW``."""
    known = ExpiryTimes()
    known.due([stream_of()], NOW)
    known.settle(stream_of(), NOW)
    return known


def test_a_stream_that_was_never_looked_at_is_due():
    assert ExpiryTimes().due([stream_of()], NOW) == [stream_of()]


def test_a_stream_is_due_when_its_oldest_record_expires(expiry):
    assert expiry.due([stream_of()], NOW + DAY_MS - 1) == []
    assert expiry.due([stream_of()], NOW + DAY_MS) == [stream_of()]


def test_a_stream_that_was_changed_is_due(expiry):
    """For example by a shorter retention, or by scaling."""
    assert expiry.due([stream_of(generation=1)], NOW) == [stream_of(generation=1)]


def test_a_put_changes_nothing(expiry):
    assert expiry.due([stream_of(next=7, last_ms=NOW)], NOW) == []


def test_a_stream_is_due_until_its_round_has_ended():
    expiry = ExpiryTimes()
    assert [len(expiry.due([stream_of()], NOW)) for _ in range(3)] == [1, 1, 1]


def test_all_streams_are_due_after_the_clock_has_gone_back(expiry):
    """Records that are put then may be older than those that were there."""
    assert expiry.due([stream_of()], NOW - 1) == [stream_of()]


def test_streams_that_are_gone_are_forgotten(expiry):
    assert expiry.due([], NOW) == []
    assert expiry.due([stream_of()], NOW) == [stream_of()]


@pytest.mark.parametrize(("status", "oldest"), [({}, NOW), ({"status": DELETED, "since_ms": 5}, 5)])
def test_the_oldest_time_counts_when_a_partition_was_deleted(status, oldest):
    times = OldestTimes()
    times.begin(stream_of(**status), NOW)
    assert times["id"] == oldest


def test_the_oldest_time_is_that_of_the_oldest_record():
    times = OldestTimes()
    times.begin(stream_of(), NOW)
    for time_ms in (NOW - 1, NOW - 9, NOW + 1):
        times.note("id", time_ms)
    assert times["id"] == NOW - 9


class Housekeeper:
    """Rounds over streams with records in each partition, with the statements that they execute."""

    def __init__(self, opened, streams: int) -> None:
        for number in range(streams):
            stream = opened.stream(name=f"s{number}", partitions=2)
            opened.append(stream, *[(partition, None, b"x") for partition in range(2)]).result()
        opened.store.close()
        self.connection = WriterConnection(opened.folder / "log.db", Catalogue(), opened.clock, UsageMeter())
        self.expiry = ExpiryTimes()

    def statements(self) -> int:
        """The statements of a whole round."""
        executed: list[str] = []
        current = HousekeepingRound(self.expiry)

        def run_slice(transaction) -> bool:
            transaction.connection.set_trace_callback(executed.append)
            return current.run_slice(transaction)

        while self.connection.run(run_slice):
            pass
        return len([statement for statement in executed if statement.startswith(("SELECT", "DELETE"))])


@pytest.mark.parametrize("streams", [2, 20])
def test_idle_rounds_execute_as_many_statements_for_many_streams_as_for_few(opened, streams):
    housekeeper = Housekeeper(opened, streams)
    first, second = housekeeper.statements(), housekeeper.statements()
    housekeeper.connection.close()
    opened.open()
    assert first > 2 * streams
    assert second < 20
