"""How the range of a partition may be divided, and how much it is said to be."""

from __future__ import annotations

from collections import Counter

import pytest

from beam_dis import DISConnection
from beam_dis.read.backlog import Backlog
from beam_dis.read.page_decoder import PageDecoder
from beam_dis.read.read_partition import ReadPartitionFn, ReadPartitionForAppFn
from beam_dis.read.sequence_range import SequenceRange
from beam_dis.read.stream_partition import StreamPartition

CONNECTION = DISConnection(endpoint="http://127.0.0.1:1", project_id="p")
DECODER = PageDecoder(lambda record: record, dead_letters=False)
WHOLE = SequenceRange(0, 250_000)
PARTITION = StreamPartition("flights", "id", "shardId-0000000000", 0, 0, 250_000)


def test_a_range_is_cut_beforehand_and_while_it_is_read() -> None:
    step = ReadPartitionFn(CONNECTION, decoder=DECODER)
    parts = [(0, 100_000), (100_000, 200_000), (200_000, 250_000)]
    assert list(step.split(PARTITION, WHOLE)) == [SequenceRange(*part) for part in parts]
    assert step.create_tracker(WHOLE).try_split(0.5) == WHOLE.split_at(125_000)


def test_with_an_app_a_range_stays_whole_since_a_checkpoint_says_that_all_before_it_was_read() -> None:
    step = ReadPartitionForAppFn(CONNECTION, app="delays", decoder=DECODER)
    assert list(step.split(PARTITION, WHOLE)) == [WHOLE]
    assert step.create_tracker(WHOLE).try_split(0.5) is None


def test_a_range_weighs_its_records_by_the_mean_of_what_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backlog, "_read", Counter(records_read=10, bytes_read=5_000))
    step = ReadPartitionFn(CONNECTION, decoder=DECODER)
    assert [step.restriction_size(PARTITION, SequenceRange(0, n)) for n in (0, 3)] == [0, 1_500]


def test_before_anything_was_read_a_record_weighs_something(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backlog, "_read", Counter())
    assert Backlog.bytes(4) > Backlog.bytes(1) > 0
