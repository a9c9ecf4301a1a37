"""How runners store the elements, restrictions and watermark states of a read.

Rules:

1. Nothing is pickled, because a later release decodes what a running job has stored.
2. An encoding is a MessagePack array: its version, then the fields in order. Golden files hold each version, and an unknown
   version is refused by its number.
"""

from __future__ import annotations

from typing import Any

import msgspec
from apache_beam import coders

from beam_dis.read.commit_progress import CommitProgress
from beam_dis.read.values import (
    KnownPartitions,
    PagePart,
    ReadPositions,
    SequenceRange,
    StreamPartition,
    StreamStart,
    WatermarkState,
    position_fields,
    position_of,
)
from beam_dis.stream_service import PageRecord

VERSION = 1


class _StateCoder(coders.Coder):
    """Encodes one kind of value; equal values have equal bytes."""

    kind: type[Any]
    name: str

    def fields(self, value: Any) -> tuple[Any, ...]:
        """The fields of a value, as MessagePack has them."""
        return tuple(value)

    def value(self, *fields: Any) -> Any:
        """The value of some fields."""
        return self.kind(*fields)

    def encode(self, value: Any) -> bytes:
        return msgspec.msgpack.encode((VERSION, *self.fields(value)))

    def decode(self, encoded: bytes) -> Any:
        version, *fields = msgspec.msgpack.decode(encoded, type=list)
        if version != VERSION:
            raise ValueError(
                f"a {self.name} of version {version} can't be read by this release, which knows version {VERSION}: "
                "continue with the release that wrote it, or a newer one"
            )
        return self.value(*fields)

    def is_deterministic(self) -> bool:
        return True

    def to_type_hint(self) -> type[Any]:
        return self.kind


class SequenceRangeCoder(_StateCoder):
    """Start, stop (nil without an end)."""

    kind, name = SequenceRange, "sequence range"

    def fields(self, value: SequenceRange) -> tuple[Any, ...]:
        """Start and stop."""
        return value.start, value.stop


class StreamPartitionCoder(_StateCoder):
    """Stream, stream id, partition, start, stop (nil without an end), and the input id unless it is empty."""

    kind, name = StreamPartition, "stream partition"

    def fields(self, value: StreamPartition) -> tuple[Any, ...]:
        """The fields; those of ReadFromDIS have no input id."""
        return tuple(value) if value.input_id else tuple(value)[:-1]


class WatermarkStateCoder(_StateCoder):
    """The partition's own watermark and the reported one, in milliseconds since 1970."""

    kind, name = WatermarkState, "watermark"


class ReadPositionsCoder(_StateCoder):
    """App, stream, stream id, partition, start, stop, origin."""

    kind, name = ReadPositions, "read position"


class CommitProgressCoder(_StateCoder):
    """The next number to commit, then the ranges that wait, each as its start and stop."""

    kind, name = CommitProgress, "commit progress"

    def fields(self, value: CommitProgress) -> tuple[Any, ...]:
        """The next number and the waiting ranges."""
        return value.next_number, value.waiting

    def value(self, *fields: Any) -> CommitProgress:
        """The ranges as tuples."""
        next_number, waiting = fields
        return CommitProgress(next_number=next_number, waiting=tuple((start, stop) for start, stop in waiting))


class KnownPartitionsCoder(_StateCoder):
    """Stream id, the partitions that were output, whether the watch is over."""

    kind, name = KnownPartitions, "set of known partitions"

    def fields(self, value: KnownPartitions) -> tuple[Any, ...]:
        """Stream id, partitions, over."""
        return value.stream_id, value.partitions, value.over

    def value(self, *fields: Any) -> KnownPartitions:
        """The partitions as a tuple."""
        stream_id, partitions, over = fields
        return KnownPartitions(stream_id, tuple(partitions), over=over)


class PagePartCoder(_StateCoder):
    """Stream, partition, and for each run its time in µs and its records.

    A record is its number, data, time in ms, partition key (nil for none), and its client information unless it has none.
    """

    kind, name = PagePart, "part of a page"

    def fields(self, value: PagePart) -> tuple[Any, ...]:
        """Stream, partition, runs."""
        runs = [(micros, [_fields_of_record(each) for each in records]) for micros, records in value.runs]
        return value.stream, value.partition_id, runs

    def value(self, *fields: Any) -> PagePart:
        """The part with its records."""
        stream, partition_id, runs = fields
        return PagePart(
            stream, partition_id, tuple((micros, [PageRecord(*each) for each in records]) for micros, records in runs)
        )


def _fields_of_record(record: PageRecord) -> tuple[Any, ...]:
    fields = (record.sequence_number, record.data, record.timestamp, record.partition_key)
    return fields if record.client_info is None else (*fields, record.client_info)


class StreamStartCoder(_StateCoder):
    """Stream, then the start as its kind and contents, and the input id unless it is empty."""

    kind, name = StreamStart, "stream to read"

    def fields(self, value: StreamStart) -> tuple[Any, ...]:
        """Stream and start, and the input id of an element of ReadAllFromDIS."""
        return value.stream, position_fields(value.start), *([value.input_id] if value.input_id else [])

    def value(self, *fields: Any) -> StreamStart:
        """The stream with its start."""
        stream, start, *input_id = fields
        return StreamStart(stream, position_of(start), *input_id)


def register() -> None:
    """Make Beam use these coders for the elements of the source."""
    coders.registry.register_coder(StreamStart, StreamStartCoder)
    coders.registry.register_coder(StreamPartition, StreamPartitionCoder)
    coders.registry.register_coder(ReadPositions, ReadPositionsCoder)
    coders.registry.register_coder(PagePart, PagePartCoder)
