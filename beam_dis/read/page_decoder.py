"""From records to what the user asked for.

Law: one value per record, in order, made as it is asked for. A record that doesn't decode raises, or becomes a dead letter
in its place where the user asked for those; it is never dropped. Plain Python, so that decoding can run beside the read as
well as behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from beam_dis.dead_letter import DeadLetter
from beam_dis.errors import DecodeError
from beam_dis.record import DISRecord

MICROSECONDS = 1000


@dataclass(frozen=True, slots=True)
class PageDecoder:
    """``decode`` makes a value of a record."""

    decode: Callable[[DISRecord], Any]
    dead_letters: bool

    def values(self, records: Iterable[DISRecord]) -> Iterator[Any]:
        """The values of records, dead letters among them."""
        return map(self._value if self.dead_letters else self.decode, records)

    def runs_of_event_time(
        self, records: Iterable[DISRecord], event_micros: Callable[[Any], int]
    ) -> Iterator[tuple[int, list[Any]]]:
        """``(event time in µs, values)``, neighbours of equal time together; a dead letter keeps its arrival time."""
        timed = (self._timed(record, event_micros) for record in records)
        for micros, run in groupby(timed, key=itemgetter(0)):
            yield micros, [value for _, value in run]

    def _value(self, record: DISRecord) -> Any:
        try:
            return self.decode(record)
        except DecodeError as error:
            return letter(record, error)

    def _timed(self, record: DISRecord, event_micros: Callable[[Any], int]) -> tuple[int, Any]:
        value = self._value(record) if self.dead_letters else self.decode(record)
        if isinstance(value, DeadLetter):
            return record.timestamp * MICROSECONDS, value
        try:
            return event_micros(value), value
        except Exception as error:
            failure = DecodeError(f"timestamp_fn failed on {value!r}: {error!r}").at(
                record.stream, record.partition_id, record.sequence_number
            )
            if not self.dead_letters:
                raise failure from error
            return record.timestamp * MICROSECONDS, letter(record, failure)


def letter(record: DISRecord, error: DecodeError) -> DeadLetter:
    """The dead letter of a record that doesn't decode: everything that was read of it, and why."""
    return DeadLetter(
        error=str(error),
        stream=record.stream,
        partition_id=record.partition_id,
        sequence_number=record.sequence_number,
        partition_key=record.partition_key,
        data=record.data,
    )
