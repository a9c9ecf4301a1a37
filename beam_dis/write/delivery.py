"""One batch, from its first request until every record has a final answer; and the results of its elements.

Rules:
1. Pure state: no I/O, no clock, no Beam. One thread sends a delivery, and only then another one reads it.
2. ``origin`` is the object that has an element in its attribute ``value`` (Beam's WindowedValue); each result has it.
3. Beam reads the annotations of WrittenRecord at run time, so this file has no ``from __future__ import annotations``.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Optional

from beam_dis.dead_letter import DeadLetter
from beam_dis.errors import DISError, ServiceError, is_known_code
from beam_dis.outages import Refusals
from beam_dis.plain_values import shown
from beam_dis.record import PutRecord
from beam_dis.request_counts import failure_code
from beam_dis.stream_service import NotWritten, Written
from beam_dis.write.batching import Batch
from beam_dis.write.ordering import Group, by_key, indexes_to_resend


class WrittenRecord(NamedTuple):
    """Where the record of an element is, as ``WriteToDIS(results=True)`` reports it.

    It has the timestamp and the windows of the element. If a record was written more than once, this is its last copy.

    Attributes:
        stream: the stream's name or id, as the transform was given it.
        partition_id: such as ``"shardId-0000000000"``.
        sequence_number: counts the records of the partition from 0.
        partition_key: the key that was stored with the record, None if there is none.
    """

    stream: str
    partition_id: str
    sequence_number: int
    partition_key: Optional[str]  # noqa: UP045 - Beam makes an untyped field of ``str | None``


class WriteResult(NamedTuple):
    """The result of writing one element; ``origin`` carries the element."""

    origin: Any
    value: WrittenRecord | DeadLetter


class Delivery:
    """The requests for one batch and their answers.

    Attributes:
        answers: the last answer to each record of the batch.
        to_send: the indexes, in order, of the records that must still be sent.
        requests: how many requests were sent.
        resent: how many records were sent again, by the code of the answer because of which they were.
        refusals: the answers that refused the request or some of its records.
        request_throttled: whether the service throttled the last request as a whole.
        error: why the last request failed as a whole, though not for one of its records; None if it didn't.
        scaling_since: since when records are refused because the stream is being scaled; None if none of the last request was.
        failed: whether a record of the last request failed for another reason than throttling, and is to be sent again.
    """

    __slots__ = (
        "answers",
        "batch",
        "error",
        "failed",
        "refusals",
        "request_throttled",
        "requests",
        "resent",
        "scaling_since",
        "to_send",
    )

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.to_send: Sequence[int] = range(len(batch.records))
        self.answers: list[Written | NotWritten] = [_NOT_SENT] * len(batch.records)
        self.requests = 0
        self.resent: Counter[str] = Counter()
        self.refusals = Refusals()
        self.request_throttled = False
        self.error: DISError | None = None
        self.scaling_since: float | None = None
        self.failed = False

    def add_answers(
        self, sent: Sequence[int], answers: Sequence[Written | NotWritten], *, ordered: bool, group: Group = by_key
    ) -> None:
        """Note the answers to the records that were sent, one for each, and what must still be sent."""
        for index, answer in zip(sent, answers, strict=True):
            self.answers[index] = answer
        again, not_written = [], []
        if NotWritten in map(type, answers):
            records = [self.batch.records[index] for index in sent]
            again = [sent[index] for index in indexes_to_resend(records, answers, ordered=ordered, group=group)]
            not_written = [answer for answer in answers if isinstance(answer, NotWritten)]
        for index in again:
            self.resent[self._code(self.answers[index])] += 1
        self.failed = any(answer.retriable and not answer.throttled for answer in not_written)
        if self.error is not None:
            self.refusals.note(self.error)
        elif not_written:
            self.refusals.note_answer(not_written[0].code, not_written[0].message)
        unsent = set(self.to_send).difference(sent) if len(sent) < len(self.to_send) else ()
        self.to_send = sorted([*again, *unsent])

    def _code(self, answer: Written | NotWritten) -> str:
        """Why a record is sent again: "order" if it was written, but before an earlier one of its key."""
        if isinstance(answer, Written):
            return "order"
        if is_known_code(answer.code):
            return answer.code
        return "none" if self.error is None else failure_code(self.error)

    def written(self) -> Iterator[WriteResult]:
        """The results of the elements that were written."""
        batch = self.batch
        for origin, record, answer in zip(batch.origins, batch.records, self.answers, strict=True):
            if isinstance(answer, Written):
                record_id = answer.partition_id, answer.sequence_number
                yield WriteResult(origin, WrittenRecord(batch.stream, *record_id, record.partition_key))

    def not_written(self) -> list[tuple[int, NotWritten]]:
        """The indexes of the records that the service refused for good, and why."""
        return [(index, answer) for index, answer in enumerate(self.answers) if isinstance(answer, NotWritten)]

    def dead_letter(self, index: int, answer: NotWritten) -> WriteResult:
        """The dead letter of a record that the service refused for good."""
        origin, record = self.batch.origins[index], self.batch.records[index]
        return _dead_letter(self.reason(index, answer), answer.code, origin, self.batch.stream, record)

    def refusal_message(self, not_written: list[tuple[int, NotWritten]]) -> str:
        """Why the bundle fails, if the service refused records for good."""
        return (
            f"{len(not_written)} of {len(self.batch.records)} records of a request were refused for good; the first:"
            f" {self.reason(*not_written[0])}."
            " With dead_letters=True such elements become dead letters instead"
        )

    def timeout_message(self, deadline: float) -> str:
        """Why the bundle fails, if records are still to be sent after ``deadline`` seconds."""
        answers = ((index, self.answers[index]) for index in self.to_send)
        index, last = next((index, answer) for index, answer in answers if isinstance(answer, NotWritten))
        refused = self.refusals.among(self.requests, named=last.code != "")
        return (
            f"{len(self.to_send)} of {len(self.batch.records)} records were not written within {deadline:g} s"
            f" and {self.requests} requests{refused}; the last answer: {self.reason(index, last)}"
        )

    def reason(self, index: int, answer: NotWritten) -> str:
        """Why one record wasn't written, without its data."""
        code = "" if not answer.code or answer.code in answer.message else f"{answer.code} "
        return f"{self.subject(index)}: {code}{answer.message}"

    def subject(self, index: int) -> str:
        """How messages call one record, without its data."""
        record = self.batch.records[index]
        key = f" with partition key {shown(record.partition_key)}" if record.partition_key is not None else ""
        return f"stream {self.batch.stream!r}: a record of {len(record.data):,} bytes{key}"


_NOT_SENT = NotWritten("", "none: records for its partition were throttled all the time", retriable=True)


def dead_letter_unsent(error: DISError, origin: Any, stream: str | None, record: PutRecord | None) -> WriteResult:
    """The dead letter of an element that was never sent; ``stream`` and ``record`` are None if they aren't known."""
    code = error.code if isinstance(error, ServiceError) else ""
    return _dead_letter(str(error), code, origin, stream, record)


def _dead_letter(error: str, code: str, origin: Any, stream: str | None, record: PutRecord | None) -> WriteResult:
    key, data = (None, None) if record is None else (record.partition_key, record.data)
    letter = DeadLetter(error, code, stream, partition_key=key, data=data, element=origin.value)
    return WriteResult(origin, letter)
