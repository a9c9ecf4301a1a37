"""How elements and restrictions are written into a runner's state.

Law: never pickled, since a residual of a running job is decoded by a later release; every value starts with the version
of its form, golden files hold each version, and a version that is not known is refused by name. The form is a
MessagePack array: version, then the fields in order.
"""

from __future__ import annotations

from typing import Any

import msgspec
from apache_beam import coders

from beam_dis.read.sequence_range import SequenceRange
from beam_dis.read.stream_partition import StreamPartition

_VERSION = 1


def _encode(*fields: Any) -> bytes:
    return msgspec.msgpack.encode((_VERSION, *fields))


def _decode(data: bytes, what: str) -> list[Any]:
    version, *fields = msgspec.msgpack.decode(data, type=list)
    if version != _VERSION:
        raise ValueError(
            f"a {what} of version {version} can't be read by this release, which knows version {_VERSION}: "
            "go on with the release that wrote it, or newer"
        )
    return fields


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


def register() -> None:
    """Make Beam write :class:`StreamPartition` with its own coder."""
    coders.registry.register_coder(StreamPartition, StreamPartitionCoder)
