"""State that a runner has stored stays readable: each version of each kind has a golden file."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from apache_beam import coders

from beam_dis.positions import StartingPosition
from beam_dis.read import state
from beam_dis.read.commit_progress import CommitProgress
from beam_dis.read.values import (
    KnownPartitions,
    PagePart,
    ReadPositions,
    SequenceRange,
    StreamPartition,
    StreamStart,
    WatermarkState,
)
from beam_dis.stream_service import PageRecord

GOLDEN = Path(__file__).parent / "golden"
CASES = {
    "sequence_range-v1-bounded": (state.SequenceRangeCoder(), SequenceRange(17, 2**62)),
    "sequence_range-v1-endless": (state.SequenceRangeCoder(), SequenceRange(0, None)),
    "stream_partition-v1-bounded": (
        state.StreamPartitionCoder(),
        StreamPartition("flights", "8QM3Nt9YTLowtUVYJhO0", "shardId-0000000003", 5, 900),
    ),
    "watermark-v1": (state.WatermarkStateCoder(), WatermarkState(1_700_000_000_123, -(2**53))),
    "known_partitions-v1": (
        state.KnownPartitionsCoder(),
        KnownPartitions("id", ("shardId-0000000000", "shardId-0000000001"), over=False),
    ),
    "stream_start-v1": (state.StreamStartCoder(), StreamStart("flights")),
    "stream_start-v1-checkpoint": (
        state.StreamStartCoder(),
        StreamStart("flights", StartingPosition.checkpoint(StartingPosition.at_sequence_number({0: 7, 1: 9}))),
    ),
    "stream_start-v1-input": (state.StreamStartCoder(), StreamStart("flights", None, "3f2a")),
    "stream_partition-v1-input": (
        state.StreamPartitionCoder(),
        StreamPartition("flights", "8QM3Nt9YTLowtUVYJhO0", "shardId-0000000003", 5, None, "3f2a"),
    ),
    "read_positions-v1": (
        state.ReadPositionsCoder(),
        ReadPositions("delays", "flights", "8QM3Nt9YTLowtUVYJhO0", "shardId-0000000003", 5, 900, 2),
    ),
    "commit_progress-v1": (
        state.CommitProgressCoder(),
        CommitProgress(next_number=900, waiting=((1000, 2**40), (2**62, 2**62 + 1))),
    ),
    "page_part-v1": (
        state.PagePartCoder(),
        PagePart(
            "flights",
            "shardId-0000000003",
            (
                (1_700_000_000_123_000, [PageRecord(5, b"\x00a", 1_700_000_000_123, "key")]),
                (
                    1_700_000_000_124_000,
                    [PageRecord(6, b"", 1_700_000_000_124), PageRecord(8, b"b", 1_700_000_000_124)],
                ),
            ),
        ),
    ),
    "page_part-v1-client_info": (
        state.PagePartCoder(),
        PagePart("a/b", "shardId-0000000000", ((5_000, [PageRecord(5, b"a", 5), PageRecord(9, b"b", 5, "k", b"i")]),)),
    ),
    "stream_partition-v1-endless": (
        state.StreamPartitionCoder(),
        StreamPartition("航班", "", "shardId-0000000000", 0, None),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_golden_bytes_decode_and_are_still_written(name: str) -> None:
    coder, value = CASES[name]
    golden = bytes.fromhex((GOLDEN / f"{name}.hex").read_text())
    assert coder.decode(golden) == value
    assert coder.encode(value) == golden


def test_an_unknown_version_is_refused_and_named() -> None:
    with pytest.raises(ValueError, match="sequence range of version 9 can't be read by this release"):
        state.SequenceRangeCoder().decode(msgspec.msgpack.encode((9, 1, 2, 3)))


def test_beam_writes_partitions_with_their_own_coder() -> None:
    state.register()
    assert isinstance(coders.registry.get_coder(StreamPartition), state.StreamPartitionCoder)
