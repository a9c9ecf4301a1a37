"""What the sink says about each element: where it is now, or why it was left out.

Law: pure, no Beam. ``origin`` is what carried the element (``.value``), and comes back beside the result. Beam reads the
annotations as they are, so they are types and not text: no ``from __future__ import annotations`` here.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, Optional

from beam_dis.dead_letter import DeadLetter
from beam_dis.errors import DISError, ServiceError
from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, Written
from beam_dis.write.outcome import Settled, describe_refusal


class WrittenRecord(NamedTuple):
    """Where an element is now: one result of ``WriteToDIS(written="records")``, with the element's time and windows.

    The place is that of the last copy, where a record was written more than once.
    """

    stream: str
    partition_id: str
    sequence_number: int
    partition_key: Optional[str]  # noqa: UP045 - Beam makes an untyped field of ``str | None``


class Result(NamedTuple):
    """What became of one element."""

    origin: Any
    value: WrittenRecord | DeadLetter


def written(settled: Settled) -> Iterator[Result]:
    """The elements of a batch that were written."""
    batch = settled.batch
    for origin, record, answer in zip(batch.origins, batch.records, settled.answers, strict=True):
        if isinstance(answer, Written):
            place = WrittenRecord(batch.stream, answer.partition_id, answer.sequence_number, record.partition_key)
            yield Result(origin, place)


def refused(settled: Settled) -> list[tuple[int, NotWritten]]:
    """The places in a batch whose records were refused for good, and why."""
    return [(place, answer) for place, answer in enumerate(settled.answers) if isinstance(answer, NotWritten)]


def refused_by_service(settled: Settled, place: int, refusal: NotWritten) -> Result:
    """The dead letter of a record that the service refused."""
    batch = settled.batch
    origin, record = batch.origins[place], batch.records[place]
    error = describe_refusal(batch.stream, record, refusal)
    return Result(origin, _dead_letter(error, refusal.code, origin, batch.stream, record))


def refused_unsent(error: DISError, origin: Any, stream: str | None, record: PutRecord | None) -> Result:
    """The dead letter of an element that never was sent; ``stream`` and ``record`` as far as they were known."""
    code = error.code if isinstance(error, ServiceError) else ""
    return Result(origin, _dead_letter(str(error), code, origin, stream, record))


def refused_in_words(settled: Settled, refusals: list[tuple[int, NotWritten]]) -> str:
    """Why a bundle fails over refused records."""
    batch = settled.batch
    place, refusal = refusals[0]
    return (
        f"{len(refusals)} of {len(batch.records)} records of a request were refused for good; the first:"
        f" {describe_refusal(batch.stream, batch.records[place], refusal)}."
        " With dead_letters=True such elements are set apart instead"
    )


def _dead_letter(error: str, code: str, origin: Any, stream: str | None, record: PutRecord | None) -> DeadLetter:
    key, data = (None, None) if record is None else (record.partition_key, record.data)
    return DeadLetter(error, code, stream, partition_key=key, data=data, element=origin.value)
