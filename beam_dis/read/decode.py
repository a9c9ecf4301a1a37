"""From runs of records to the elements that the user asked for.

Rules:

1. Each record becomes one element, or one for each of its rows; in order, made when Beam asks for it.
2. A record that doesn't decode raises, or becomes a dead letter if the user asked for those. It is never dropped.
   With a limit, too many dead letters in a row raise.
3. With event times the reading step decodes, because the time is in the decoded value; then this step only passes values on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby
from operator import itemgetter
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from apache_beam.pvalue import TaggedOutput

from beam_dis.dead_letter import DeadLetter
from beam_dis.errors import ConfigurationError, DecodeError
from beam_dis.formats import Rows
from beam_dis.read.values import MICROS_PER_MILLI, RecordRun
from beam_dis.record import DISRecord

DEAD_LETTERS = "dead_letters"


class DeadLetterLimit:
    """Raises DecodeError if more than ``most`` records in a row of one partition don't decode.

    Each worker counts what it decodes. If a runner repeats records after a failure, the count of their partition starts again, so
    that no record counts twice.
    """

    @classmethod
    def of(cls, most: int | None, *, wanted: bool) -> DeadLetterLimit | None:
        """The limit of a read; None if there is none. Raises ConfigurationError if dead letters aren't ``wanted``."""
        if most is None:
            return None
        if not wanted:
            raise ConfigurationError(
                f"max_dead_letters={most} needs dead_letters=True or with_error_handler(…): without them the first record that"
                " doesn't decode fails the read"
            )
        return cls(most)

    def __init__(self, most: int) -> None:
        self._most = most
        self._failed: dict[tuple[str, str], tuple[int, int]] = {}  # partition → how many, the last of them

    def passed(self, record: DISRecord) -> None:
        """Note a record that decodes."""
        if self._failed:
            self._failed.pop((record.stream, record.partition_id), None)

    def failed(self, record: DISRecord, error: DecodeError) -> None:
        """Note a record that doesn't decode. Raises DecodeError if it is one too many."""
        partition, number = (record.stream, record.partition_id), record.sequence_number
        count, last = self._failed.get(partition, (0, -1))
        count = count + 1 if number > last else 1
        self._failed[partition] = count, number
        if count > self._most:
            reason = (
                f"{count} records in a row don't decode, and max_dead_letters={self._most}: check that decode= and the schema"
                f" fit the stream. This one: {DecodeError(error.reason, field=error.field)}"
            )
            raise DecodeError(reason).at(*partition, number) from error


@dataclass(frozen=True, slots=True)
class PageDecoder:
    """Decodes records with ``decode``; with ``dead_letters`` a DecodeError becomes a value, up to ``limit``."""

    decode: Callable[[DISRecord], Any]
    dead_letters: bool
    limit: DeadLetterLimit | None = None

    @property
    def run_milliseconds(self) -> int:
        """Records whose arrival times are in the same span of so many milliseconds are decoded together."""
        return 1

    def values(self, records: Iterable[DISRecord]) -> Iterator[Any]:
        """The values of records, dead letters among them.

        It is a generator, because with ``--runtime_type_check`` Beam uses up any other iterator before the step returns it.
        """
        decode = self._value if self.dead_letters else self.decode
        for record in records:
            value = decode(record)
            if type(value) is Rows:
                yield from value
            else:
                yield value

    def runs_of_event_time(
        self, records: Iterable[DISRecord], event_micros: Callable[[Any], int]
    ) -> Iterator[tuple[int, list[Any]]]:
        """``(event time in µs, values)`` for neighbours of equal time; a dead letter keeps its arrival time."""
        timed = chain.from_iterable(self._timed(record, event_micros) for record in records)
        for micros, run in groupby(timed, key=itemgetter(0)):
            yield micros, [value for _, value in run]

    def _value(self, record: DISRecord) -> Any:
        try:
            value = self.decode(record)
        except DecodeError as error:
            return self._dead_letter(record, error)
        if self.limit is not None:
            self.limit.passed(record)
        return value

    def _timed(self, record: DISRecord, event_micros: Callable[[Any], int]) -> list[tuple[int, Any]]:
        try:
            value = self.decode(record)
            values = value if type(value) is Rows else [value]
            timed = [(_event_time(record, each, event_micros), each) for each in values]
        except DecodeError as error:
            if not self.dead_letters:
                raise
            return [(record.timestamp * MICROS_PER_MILLI, self._dead_letter(record, error))]
        if self.limit is not None:
            self.limit.passed(record)
        return timed

    def _dead_letter(self, record: DISRecord, error: DecodeError) -> DeadLetter:
        """Everything that was read of a record, and why it doesn't decode. Raises DecodeError beyond the limit."""
        if self.limit is not None:
            self.limit.failed(record, error)
        return DeadLetter(
            error=str(error),
            stream=record.stream,
            partition_id=record.partition_id,
            sequence_number=record.sequence_number,
            partition_key=record.partition_key,
            data=record.data,
        )


@dataclass(frozen=True, slots=True)
class DataDecoder(PageDecoder):
    """Gives the data of records. Nothing can fail, so no DISRecord is made, which takes a tenth of the time of a read."""

    def values(self, records: RecordRun) -> list[bytes]:  # type: ignore[override]
        """The data of the records of a run."""
        return [record.data for record in records.records]


class DecodePageFn(beam.DoFn):
    """A run of records → elements, dead letters to their own output."""

    def __init__(self, decoder: PageDecoder) -> None:
        self._decoder = decoder
        self._dead = Metrics.counter("beam_dis.read", "dead_letters")

    def process(self, run: RecordRun) -> Iterable[Any]:
        """Decode a run."""
        values = self._decoder.values(run)
        return self._sort_out(values) if self._decoder.dead_letters else values

    def _sort_out(self, values: Iterable[Any]) -> Iterator[Any]:
        for value in values:
            if isinstance(value, DeadLetter):
                self._dead.inc()
                yield TaggedOutput(DEAD_LETTERS, value)
            else:
                yield value


class PassDecodedFn(DecodePageFn):
    """Values that the reading step has decoded → elements."""

    def process(self, values: list[Any]) -> Iterable[Any]:  # type: ignore[override]
        """Pass values on."""
        return self._sort_out(values) if self._decoder.dead_letters else values


def _event_time(record: DISRecord, value: Any, event_micros: Callable[[Any], int]) -> int:
    """The event time of a record's value. Raises DecodeError with the record's position."""
    try:
        return event_micros(value)
    except Exception as error:
        raise DecodeError(f"timestamp_fn failed on {value!r}: {error!r}").at(
            record.stream, record.partition_id, record.sequence_number
        ) from error
