"""The bounded step splits a range and reports its size."""

from __future__ import annotations

from typing import Any

from beam_dis import DISConnection
from beam_dis.read.decode import PageDecoder
from beam_dis.read.fetch.counts import RecordSize
from beam_dis.read.partition.bounded import ReadPartitionFn, ReadPartitionForAppFn
from beam_dis.read.values import SequenceRange, StreamPartition

CONNECTION = DISConnection(endpoint="http://127.0.0.1:1", project_id="p")
DECODER = PageDecoder(lambda record: record, dead_letters=False)
WHOLE = SequenceRange(0, 250_000)
PARTITION = StreamPartition("flights", "id", "shardId-0000000000", 0, 250_000)


def test_a_range_is_split_before_and_while_it_is_read() -> None:
    step = ReadPartitionFn(CONNECTION, read_id="r", decoder=DECODER)
    parts = [(0, 100_000), (100_000, 200_000), (200_000, 250_000)]
    assert list(step.split(PARTITION, WHOLE)) == [SequenceRange(*part) for part in parts]
    assert step.create_tracker(WHOLE).try_split(0.5) == WHOLE.split_at(125_000)


def test_a_range_is_not_split_with_an_app() -> None:
    step = ReadPartitionForAppFn(CONNECTION, read_id="r", app="delays", decoder=DECODER)
    assert list(step.split(PARTITION, WHOLE)) == [WHOLE]
    assert step.create_tracker(WHOLE).try_split(0.5) is None


def test_a_ranges_size_is_its_records_times_the_mean_size_read_so_far(registry_on: Any, fake_service: Any) -> None:
    registry = registry_on(fake_service())
    step = ReadPartitionFn(CONNECTION, read_id="r", decoder=DECODER, registry=lambda: registry)
    registry.enter_connection(CONNECTION, step).record_size.note(10, 5_000, 10)
    assert [step.restriction_size(PARTITION, SequenceRange(0, n)) for n in (0, 3)] == [0, 1_500]


def test_a_range_has_a_size_in_a_process_without_a_set_up_step(registry_on: Any, fake_service: Any) -> None:
    """Runners also ask workers that never set the step up."""
    registry = registry_on(fake_service())
    step = ReadPartitionFn(CONNECTION, read_id="r", decoder=DECODER, registry=lambda: registry)
    assert step.restriction_size(PARTITION, SequenceRange(0, 3)) == RecordSize().estimate(3) > 0
    assert registry.size == 0
