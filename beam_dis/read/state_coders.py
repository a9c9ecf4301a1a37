"""How elements and restrictions are written into a runner's state.

Law: never pickled, since a residual of a running job is decoded by a later release; every value starts with the version
of its form, golden files hold each version, and a version that is not known is refused by name. The form is a
MessagePack array: version, then the fields in order.
"""

from __future__ import annotations

from typing import Any

import msgspec
from apache_beam import coders

from beam_dis.read.known_partitions import KnownPartitions
from beam_dis.read.sequence_range import SequenceRange
from beam_dis.read.stream_partition import StreamPartition
from beam_dis.read.stream_start import StreamStart, fields, position_of
from beam_dis.read.watermark import START_OF_TIME_MS, WatermarkState


def _encode(*fields: Any, version: int = 1) -> bytes:
    return msgspec.msgpack.encode((version, *fields))


def _decode(data: bytes, what: str) -> list[Any]:
    return _decoded(data, what, newest=1)[1]


def _decoded(data: bytes, what: str, newest: int) -> tuple[int, list[Any]]:
    """The version, which is known, and the fields."""
    version, *fields = msgspec.msgpack.decode(data, type=list)
    if not 1 <= version <= newest:
        raise ValueError(
            f"a {what} of version {version} can't be read by this release, which knows versions up to {newest}: "
            "go on with the release that wrote it, or newer"
        )
    return version, fields


class SequenceRangeCoder(coders.Coder):
    """Version, start, stop (nil without end)."""

    def encode(self, value: SequenceRange) -> bytes:
        """Bytes of a range."""
        return _encode(value.start, value.stop)

    def decode(self, encoded: bytes) -> SequenceRange:
        """The range of some bytes."""
        return SequenceRange(*_decode(encoded, "sequence range"))

    def is_deterministic(self) -> bool:
        """Equal values have equal bytes."""
        return True

    def to_type_hint(self) -> type[SequenceRange]:
        """What it codes."""
        return SequenceRange


class StreamPartitionCoder(coders.Coder):
    """Version, stream, stream id, partition, incarnation, start, stop (nil without end)."""

    def encode(self, value: StreamPartition) -> bytes:
        """Bytes of a partition."""
        return _encode(*value)

    def decode(self, encoded: bytes) -> StreamPartition:
        """The partition of some bytes."""
        return StreamPartition(*_decode(encoded, "stream partition"))

    def is_deterministic(self) -> bool:
        """Equal values have equal bytes."""
        return True

    def to_type_hint(self) -> type[StreamPartition]:
        """What it codes."""
        return StreamPartition


class WatermarkStateCoder(coders.Coder):
    """Version 2, the partition's own and the reported one in milliseconds since 1970; version 1, one in microseconds."""

    def encode(self, value: WatermarkState) -> bytes:
        """Bytes of a state."""
        return _encode(*value, version=2)

    def decode(self, encoded: bytes) -> WatermarkState:
        """The state of some bytes."""
        version, fields = _decoded(encoded, "watermark", newest=2)
        if version == 1:
            milliseconds = max(START_OF_TIME_MS, fields[0] // 1000)
            return WatermarkState(milliseconds, milliseconds)
        return WatermarkState(*fields)

    def is_deterministic(self) -> bool:
        """Equal values have equal bytes."""
        return True


class KnownPartitionsCoder(coders.Coder):
    """Version, stream id, the partitions that were handed out, whether the watch is over."""

    def encode(self, value: KnownPartitions) -> bytes:
        """Bytes of what is known."""
        return _encode(value.stream_id, value.partitions, value.over)

    def decode(self, encoded: bytes) -> KnownPartitions:
        """What is known, of some bytes."""
        stream_id, partitions, over = _decode(encoded, "set of known partitions")
        return KnownPartitions(stream_id, tuple(partitions), over=over)

    def is_deterministic(self) -> bool:
        """Equal values have equal bytes."""
        return True


class StreamStartCoder(coders.Coder):
    """Version, stream, the start as kind and values."""

    def encode(self, value: StreamStart) -> bytes:
        """Bytes of a stream and its start."""
        return _encode(value.stream, fields(value.start))

    def decode(self, encoded: bytes) -> StreamStart:
        """The stream and its start, of some bytes."""
        stream, start = _decode(encoded, "stream to read")
        return StreamStart(stream, position_of(start))

    def is_deterministic(self) -> bool:
        """Equal values have equal bytes."""
        return True

    def to_type_hint(self) -> type[StreamStart]:
        """What it codes."""
        return StreamStart


def register() -> None:
    """Make Beam write the elements of the source with their own coders."""
    coders.registry.register_coder(StreamStart, StreamStartCoder)
    coders.registry.register_coder(StreamPartition, StreamPartitionCoder)
