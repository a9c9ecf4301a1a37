"""A stream to read, and where to start in it: what discovery is given.

Law: a value; it is part of a running job's state, so its form is versioned with the others in ``state_coders``. ``fields``
and ``position_of`` are each other's inverse.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from beam_dis.errors import ConfigurationError
from beam_dis.positions import AtCheckpoint, AtSequenceNumber, AtTimestamp, Earliest, Latest, StartingPosition
from beam_dis.wire.limits import STREAM_NAME


class StreamStart(NamedTuple):
    """``stream`` by name or id; ``start`` None where the read's own start counts."""

    stream: str
    start: StartingPosition | None = None


def stream_start(element: Any) -> StreamStart:
    """What a user of ReadAllFromDIS gives: a stream's name, or ``(name, start)``."""
    stream, start = element if isinstance(element, tuple) and len(element) == 2 else (element, None)
    if not isinstance(stream, str) or not STREAM_NAME.fullmatch(stream):
        raise ConfigurationError(f"{element!r} is neither the name or the id of a stream nor (name, StartingPosition)")
    if start is not None and not isinstance(start, StartingPosition):
        raise ConfigurationError(f"{start!r} of stream {stream!r} is not a StartingPosition")
    return StreamStart(stream, start)


def fields(start: StartingPosition | None) -> list[Any]:
    """A position as plain values: its kind, then what it holds."""
    if start is None:
        return []
    match start.at:
        case AtTimestamp(milliseconds):
            return ["at_timestamp", milliseconds]
        case AtSequenceNumber(numbers):
            return ["at_sequence_number", [list(pair) for pair in numbers]]
        case AtCheckpoint(or_else):
            return ["checkpoint", fields(or_else)]
        case Earliest():
            return ["earliest"]
        case Latest():
            return ["latest"]


def position_of(values: list[Any]) -> StartingPosition | None:
    """The position of plain values."""
    match values:
        case []:
            return None
        case ["earliest"]:
            return StartingPosition.earliest()
        case ["latest"]:
            return StartingPosition.latest()
        case ["at_timestamp", milliseconds]:
            return StartingPosition(AtTimestamp(milliseconds))
        case ["at_sequence_number", numbers]:
            return StartingPosition(AtSequenceNumber(tuple((partition, number) for partition, number in numbers)))
        case ["checkpoint", or_else]:
            return StartingPosition.checkpoint(position_of(or_else))
    raise ValueError(f"{values!r} is no starting position that this release knows")
