"""The options of a read, written down once, and their checks.

Everything that can be known to be wrong raises ConfigurationError while the pipeline is built, and names the value.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypedDict, TypeVar, get_type_hints

from beam_dis.coders.metadata import METADATA
from beam_dis.connection import Connection, checked_connection
from beam_dis.errors import ConfigurationError
from beam_dis.names import canonical_partition_id, checked_app, did_you_mean
from beam_dis.positions import (
    AfterReading,
    AtCheckpoint,
    AtSequenceNumber,
    AtTimestamp,
    StartingPosition,
    StoppingPosition,
)
from beam_dis.read.partition.expiry import POLICIES

OPTIONS_HELP = """
    Args:
{first}        start: a :class:`StartingPosition`, or text: "earliest", "latest", "checkpoint" or an ISO time with a time zone.
            None is the app's checkpoint with ``app``, else the earliest record.
        stop: a :class:`StoppingPosition`, exclusive, or text: "latest" or an ISO time. It makes the read bounded;
            ``StoppingPosition.after(records=…, seconds=…)`` does so without an end that is known. None reads without an end.
        app: the app that owns the checkpoints, created unless it exists; ``commit`` says when they are committed.
        commit: "finalized" commits to the app once the runner has finalised the bundle that read the records; after a shuffle,
            they may not have been written yet. Partitions are then read in one piece each. "manual" commits nothing, and
            returns a :class:`ReadFromDISResult`, whose ``positions`` go to :class:`CommitToDIS` once the records are written.
        decode: "record" for :class:`DISRecord`; "bytes"; "rows" for rows by the stream's own data_type and data_schema,
            which are looked up when the pipeline is built (not with ReadAllFromDIS, whose streams aren't known then); "arrow"
            for these rows as a ``pyarrow.RecordBatch`` in steps with ``process_batch``; a Beam coder, for the bytes; or a
            function of the DISRecord.
        metadata: fields of the record that rows have too, after those of the data: "partition_key", "sequence_number",
            "partition_id", "arrival_time", "stream", "client_info". In a row each has an underscore at the end, such as
            ``partition_key_``.
        timestamp_fn: the event time of a decoded value, as a Beam Timestamp, an aware datetime, seconds since 1970
            or ISO text with a time zone; None for the arrival time.
        watermark_lag: by how many seconds events may be late; for endless reads.
        dead_letters: return a :class:`ReadFromDISResult`, whose ``dead_letters`` has a :class:`DeadLetter` for each
            record that doesn't decode, instead of failing the pipeline.
        max_dead_letters: fail nevertheless if more records than this, in a row in one partition, don't decode; None for no
            limit. It needs ``dead_letters=True`` or ``with_error_handler``.
        on_expired: "fail", or where to continue, "earliest" or "latest", if records expired before they were read.
        on_missing: "fail", or "skip" to go on with the others if a stream or a partition isn't there, or isn't there any more.
        partitions: read only these, as numbers or partition ids.
        redistribute: shuffle the pages to so many groups before they are decoded, so that more workers can decode than there are
            partitions. Records stay in order within a page only. None decodes them where they are read.
        poll_interval: seconds between polls of an idle partition; for endless reads.
        discovery_interval: seconds between listings of the stream, for which watermarks wait too. None finds the partitions
            once; for endless reads.
        connection: a :class:`DISConnection`, or that of another service. What it leaves out comes from the pipeline's :class:`DISOptions`, then from
            the environment.

    Raises:
        ConfigurationError: an argument is wrong, or no endpoint or project is known.
        ServiceError: while the pipeline runs, or while it is built with ``decode="rows"`` or "arrow".
    """
T = TypeVar("T")
_CHOICES = {"on_expired": POLICIES, "on_missing": ("fail", "skip"), "commit": ("finalized", "manual")}


class ReadOptions(TypedDict, total=False):
    """The options of a read, except ``dead_letters`` and ``commit``, on which the type of the result depends."""

    start: StartingPosition | str | None
    stop: StoppingPosition | str | None
    app: str | None
    decode: Any
    metadata: Iterable[str]
    timestamp_fn: Callable[[Any], Any] | None
    watermark_lag: float
    max_dead_letters: int | None
    on_expired: str
    on_missing: str
    partitions: Iterable[int | str] | None
    redistribute: int | None
    poll_interval: float
    discovery_interval: float | None
    connection: Connection | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadSettings:
    """The options of a read, checked; ``stream`` is None if streams are its input."""

    stream: str | None = None
    start: StartingPosition | None = None
    stop: StoppingPosition | None = None
    app: str | None = None
    commit: str = "finalized"
    decode: Any = "record"
    metadata: tuple[str, ...] = ()
    timestamp_fn: Callable[[Any], Any] | None = None
    watermark_lag: float = 0.0
    dead_letters: bool = False
    max_dead_letters: int | None = None
    on_expired: str = "fail"
    on_missing: str = "fail"
    partitions: tuple[int | str, ...] | None = None
    redistribute: int | None = None
    poll_interval: float = 1.0
    discovery_interval: float | None = 1.0
    connection: Connection | None = None

    @classmethod
    def of(
        cls, transform: str, stream: str | None, dead_letters: Any, commit: Any, options: ReadOptions
    ) -> ReadSettings:
        """The settings of a transform; a TypeError names an argument that it doesn't have."""
        known = [field.name for field in fields(cls) if field.name != "stream"]
        for name in options:
            if name not in known:
                has = known if stream is None else ["stream", *known]
                raise TypeError(f"{transform} has no argument {name!r}; it has {', '.join(has)}")
        given: dict[str, Any] = dict(options)
        for name in ("partitions", "metadata"):
            listed = given.get(name)
            if isinstance(listed, Iterable) and not isinstance(listed, str | bytes):
                given[name] = tuple(listed)  # any iterable, once
        for name, position in (("start", StartingPosition), ("stop", StoppingPosition)):
            if given.get(name) is not None:
                given[name] = _position(name, position, given[name])
        return cls(stream=stream, dead_letters=dead_letters, commit=commit, **given)

    def __post_init__(self) -> None:
        connection = checked_connection(self.connection)
        if self.stream is not None:
            object.__setattr__(self, "stream", connection.checked_stream("stream", self.stream))
        from_checkpoint = self.start is not None and isinstance(self.start.at, AtCheckpoint)
        connection.check_has(
            app=self.app, start="checkpoint" if from_checkpoint else None, commit=self.commit, decode=self.decode
        )
        self._check_names()
        self._check_positions()
        self._check_times()
        self._check_metadata()
        self._check_rest()

    @property
    def starting_at(self) -> StartingPosition:
        """Where to start: the option, else the app's checkpoint, else the earliest record."""
        if self.start is not None:
            return self.start
        return StartingPosition.checkpoint() if self.app else StartingPosition.earliest()

    @property
    def finalized_app(self) -> str | None:
        """The app to which finalizers commit; None if there is none."""
        return self.app if self.commit == "finalized" else None

    @property
    def outputs_positions(self) -> bool:
        """Whether the read outputs its positions, for CommitToDIS."""
        return self.commit == "manual"

    @property
    def limit(self) -> AfterReading | None:
        """The records and seconds after which to stop; None if the stop is a position or there is none."""
        return self.stop.at if self.stop is not None and isinstance(self.stop.at, AfterReading) else None

    @property
    def only(self) -> tuple[str, ...] | None:
        """The partitions to read, None for all."""
        return None if self.partitions is None else tuple(canonical_partition_id(p) for p in self.partitions)

    def _check_names(self) -> None:
        if self.partitions is not None and not isinstance(self.partitions, tuple):
            raise ConfigurationError(
                f"partitions={self.partitions!r} is not a list: name one or more, such as partitions=[{self.partitions!r}]"
            )
        if self.only == ():
            raise ConfigurationError("partitions=[] reads nothing: name some, or leave it out to read all")
        if self.app is not None:
            checked_app("app", self.app)
        elif self.start is not None and isinstance(self.start.at, AtCheckpoint):
            raise ConfigurationError("start=checkpoint() needs app=…, the app whose checkpoint it is")
        if self.app is None and self.outputs_positions:
            raise ConfigurationError('commit="manual" needs app=…, the app to which CommitToDIS commits')

    def _check_positions(self) -> None:
        if self.stop is not None:
            self._check_order(self.starting_at, self.stop)
        if self.limit is not None and self.stream is None:
            raise ConfigurationError(
                "ReadAllFromDIS takes no stop=StoppingPosition.after(…), which is for one stream: use ReadFromDIS for each"
            )

    @staticmethod
    def _check_order(start: StartingPosition, stop: StoppingPosition) -> None:
        match start.at, stop.at:
            case AtTimestamp(first), AtTimestamp(last) if first > last:
                raise ConfigurationError(f"start ({first} ms) is after stop ({last} ms): there is nothing between them")
            case AtSequenceNumber(firsts), AtSequenceNumber(lasts):
                for partition, first in firsts:
                    if first > dict(lasts).get(partition, first):
                        raise ConfigurationError(
                            f"start {first} of {partition} is after its stop {dict(lasts)[partition]}: swap them"
                        )

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

    def _check_metadata(self) -> None:
        if not isinstance(self.metadata, tuple):
            raise ConfigurationError(
                f"metadata={self.metadata!r} is not a list: name the fields, such as metadata=['partition_key']"
            )
        for place, name in enumerate(self.metadata):
            if not isinstance(name, str) or name not in METADATA:
                known = ", ".join(map(repr, METADATA))
                raise ConfigurationError(
                    f"metadata={self.metadata!r}: {name!r} is none of {known}{did_you_mean(name, METADATA)}"
                )
            if name in self.metadata[:place]:
                raise ConfigurationError(f"metadata={self.metadata!r} has {name!r} twice")
            checked_connection(self.connection).check_has(metadata=name)

    def _check_rest(self) -> None:
        for name, words in _CHOICES.items():
            given = getattr(self, name)
            if given not in words:
                known = ", ".join(map(repr, words))
                raise ConfigurationError(f"{name}={given!r} is none of {known}{did_you_mean(given, words)}")
        if not isinstance(self.dead_letters, bool):
            raise ConfigurationError(f"dead_letters={self.dead_letters!r}: give True or False")
        most = self.max_dead_letters
        if most is not None and (not isinstance(most, int) or isinstance(most, bool) or most < 0):
            raise ConfigurationError(f"max_dead_letters={most!r} is neither a number of records, 0 or more, nor None")
        groups = self.redistribute
        if groups is not None and (not isinstance(groups, int) or isinstance(groups, bool) or groups < 1):
            raise ConfigurationError(f"redistribute={groups!r} is neither a number of groups, 1 or more, nor None")
        if groups is not None and self.timestamp_fn is not None:
            raise ConfigurationError(
                "redistribute= decodes after a shuffle, and timestamp_fn= needs the decoded values where they are read: leave"
                " timestamp_fn= out, and set the times after the read with beam.Map and beam.window.TimestampedValue"
            )
        if self.timestamp_fn is not None and not callable(self.timestamp_fn):
            raise ConfigurationError(f"timestamp_fn={self.timestamp_fn!r} is not a function of the decoded value")


def _position(argument: str, position: Any, given: Any) -> Any:
    try:
        return position.of(given)
    except ConfigurationError as error:
        raise ConfigurationError(f"{argument}={error}") from error


def _is_seconds(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf")


def documented(*, stream: str) -> Callable[[type[T]], type[T]]:
    """Complete a transform's help: its docstring with all options, its signature with their names and defaults.

    ``stream`` is the help of its first argument, "" if it has none.
    """

    def complete(transform: type[T]) -> type[T]:
        transform.__doc__ = (
            (transform.__doc__ or "").rstrip()
            + "\n"
            + OPTIONS_HELP.format(first=stream and f"        stream: {stream}\n")
        )
        types = {**get_type_hints(ReadOptions), "dead_letters": bool, "commit": str}
        parameters = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
        for field in fields(ReadSettings):
            if field.name == "stream":
                if stream:
                    parameters.append(
                        inspect.Parameter("stream", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=str)
                    )
                continue
            parameters.append(
                inspect.Parameter(
                    field.name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=inspect.Parameter.empty if field.default is MISSING else field.default,
                    annotation=types[field.name],
                )
            )
        vars(transform)["__init__"].__signature__ = inspect.Signature(parameters)
        return transform

    return complete
