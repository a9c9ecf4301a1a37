"""What the user asked of a read, checked.

Law: plain values; everything that can be known to be wrong raises here, while the pipeline is built, and names the value.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from beam_dis.connection import DISConnection
from beam_dis.errors import ConfigurationError
from beam_dis.names import canonical_partition_id
from beam_dis.positions import (
    AtCheckpoint,
    AtSequenceNumber,
    AtTimestamp,
    StartingPosition,
    StoppingPosition,
)
from beam_dis.read.expiry import POLICIES
from beam_dis.wire.limits import APP_NAME, STREAM_NAME


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSettings:
    """The arguments of a read, ``stream`` None where streams are its input; ``start`` and ``only`` as they are meant once the defaults are filled in."""

    stream: str | None
    start: StartingPosition | None
    stop: StoppingPosition | None
    app: str | None
    decode: Any
    timestamp_fn: Callable[[Any], Any] | None
    watermark_lag: float
    dead_letters: bool
    on_expired: str
    partitions: tuple[int | str, ...] | None
    poll_interval: float
    discovery_interval: float | None
    connection: DISConnection | None

    def __post_init__(self) -> None:
        for check in (self._check_stream, self._check_positions, self._check_app, self._check_times, self._check_rest):
            check()

    @property
    def starting_at(self) -> StartingPosition:
        """Where to start: what was asked, else the app's checkpoint, else the earliest record."""
        if self.start is not None:
            return self.start
        return StartingPosition.checkpoint() if self.app else StartingPosition.earliest()

    @property
    def only(self) -> tuple[str, ...] | None:
        """The partitions to read, None for all."""
        return None if self.partitions is None else tuple(canonical_partition_id(p) for p in self.partitions)

    def _check_stream(self) -> None:
        if self.stream is not None and not (isinstance(self.stream, str) and STREAM_NAME.fullmatch(self.stream)):
            raise ConfigurationError(
                f"stream={self.stream!r} is not the name or the id of a stream (1 to 64 of A-Z, a-z, 0-9, _ and -)"
            )
        if self.partitions is not None and not isinstance(self.partitions, tuple):
            raise ConfigurationError(
                f"partitions={self.partitions!r} is not a list: name one or more, such as partitions=[{self.partitions!r}]"
            )
        if self.only == ():
            raise ConfigurationError("partitions=[] reads nothing: name some, or leave it out to read all")

    def _check_positions(self) -> None:
        if self.start is not None and not isinstance(self.start, StartingPosition):
            raise ConfigurationError(
                f"start={self.start!r} is not a position: use StartingPosition.earliest() or its like"
            )
        if self.stop is None:
            return
        if not isinstance(self.stop, StoppingPosition):
            raise ConfigurationError(f"stop={self.stop!r} is not a position: use StoppingPosition.latest() or its like")
        self._check_order(self.starting_at, self.stop)

    @staticmethod
    def _check_order(start: StartingPosition, stop: StoppingPosition) -> None:
        match start.at, stop.at:
            case AtTimestamp(first), AtTimestamp(last) if first > last:
                raise ConfigurationError(f"start ({first} ms) is after stop ({last} ms): there is nothing between them")
            case AtSequenceNumber(firsts), AtSequenceNumber(lasts):
                for partition, first in firsts:
                    if first > dict(lasts).get(partition, first):
                        raise ConfigurationError(
                            f"start {first} of {partition} is behind its stop {dict(lasts)[partition]}: swap them"
                        )

    def _check_app(self) -> None:
        if self.app is not None and not (isinstance(self.app, str) and APP_NAME.fullmatch(self.app)):
            raise ConfigurationError(f"app={self.app!r} is not an app's name: 1 to 200 letters, digits, '_' or '-'")
        if self.app is None and self.start is not None and isinstance(self.start.at, AtCheckpoint):
            raise ConfigurationError("start=checkpoint() needs app=…, the app whose checkpoint it is")

    def _check_times(self) -> None:
        if not _is_seconds(self.watermark_lag):
            raise ConfigurationError(f"watermark_lag={self.watermark_lag!r} is not a number of seconds, 0 or more")
        if not (_is_seconds(self.poll_interval) and self.poll_interval):
            raise ConfigurationError(f"poll_interval={self.poll_interval!r} is not a number of seconds, more than 0")
        if self.discovery_interval is not None and not (
            _is_seconds(self.discovery_interval) and self.discovery_interval
        ):
            raise ConfigurationError(
                f"discovery_interval={self.discovery_interval!r} is neither a number of seconds above 0 nor None"
            )

    def _check_rest(self) -> None:
        if self.on_expired not in POLICIES:
            raise ConfigurationError(f"on_expired={self.on_expired!r} is none of {', '.join(map(repr, POLICIES))}")
        if not isinstance(self.dead_letters, bool):
            raise ConfigurationError(f"dead_letters={self.dead_letters!r}: give True or False")
        if self.timestamp_fn is not None and not callable(self.timestamp_fn):
            raise ConfigurationError(f"timestamp_fn={self.timestamp_fn!r} is not a function of what decode yields")
        if self.connection is not None and not isinstance(self.connection, DISConnection):
            raise ConfigurationError(f"connection={self.connection!r} is not a DISConnection")


def _is_seconds(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf")
