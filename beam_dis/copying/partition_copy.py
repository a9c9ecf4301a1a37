"""Copies one partition: reads a page, puts its records as one request at a time, and knows where it is.

Rules:

1. One request is under way, so records are stored in order. The next one is sent when each record of this one has its number.
2. If an answer is lost, or shows that records came out of order, what is stored is read and compared with what was sent.
3. A position is committed before the first record whose number in the target doesn't follow from the position before: at the
   start, after records of the source that have expired, and after records that were refused or stored twice.
4. A refused record is sent again with all that follow it, until nothing has succeeded for two minutes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from beam_dis.backoff import full_jitter
from beam_dis.client import PageRecord
from beam_dis.client.pages import PutRecordResult
from beam_dis.client.retry import lost_answer
from beam_dis.copying.alignment import copied_count
from beam_dis.copying.partition_reader import PartitionReader
from beam_dis.copying.steady_rate import SteadyRate
from beam_dis.copying.target import CopyPosition, CopyTarget
from beam_dis.errors import (
    OutOfRangeError,
    PartitionExpiredError,
    ServiceError,
    ThrottledError,
    TransportError,
    WriteError,
)
from beam_dis.wire.error_codes import Remedy, record_remedy
from beam_dis.wire.limits import MAX_REQUEST_BYTES, MAX_REQUEST_RECORDS

STUCK_SECONDS = 120.0
"""How long a copy tries without any success."""

_COMPARED = 2 * MAX_REQUEST_RECORDS
"""How many of the last records are compared: as many as two requests have, of which one may have been stored late."""

_LOST_SECONDS = 1.0
"""How long a request whose answer was lost is given to be carried out, before what is stored is read."""


@dataclass(slots=True, kw_only=True)
class CopyCounts:
    """What a copy has done: ``records`` were copied, ``repeated`` of them once more, and ``expired`` ones couldn't be."""

    records: int = 0
    data_bytes: int = 0
    repeated: int = 0
    expired: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyControl:
    """What the partitions of a copy share.

    Args:
        stopped: set when the copy is to end.
        moved: called with the numbers of the source that a partition has done.
        sleep: pauses.
    """

    stopped: threading.Event
    moved: Callable[[int], None]
    sleep: Callable[[float], None]


class PartitionCopy:
    """The copy of one partition; for one thread at a time.

    Args:
        partition_id: the id, the same in both streams.
        source: reads the partition.
        target: the stream to copy into.
        rate: the allowance of the target's partition.
        control: what the partitions share.
    """

    def __init__(
        self, partition_id: str, source: PartitionReader, target: CopyTarget, rate: SteadyRate, control: CopyControl
    ) -> None:
        self.partition_id = partition_id
        self.next = 0
        self.counts = CopyCounts()
        self._source = source
        self._target = target
        self._rate = rate
        self._control = control
        self._target_next = 0
        self._position: CopyPosition | None = None
        self._page: list[PageRecord] = []
        self._stuck = 0.0
        self._pauses = full_jitter(0.1, 5.0)

    def start(self, earliest: int, end: int) -> None:
        """Find out where the copy is. ``[earliest, end)`` are the numbers that the source has.

        Raises:
            ConfigurationError: the target is the copy of another stream.
            WriteError: the target has records that aren't of this copy.
        """
        self._position = self._target.position(self.partition_id)
        if self._position is not None:
            self._compare(end, resuming=True)
            return
        oldest, self._target_next = self._target.numbers(self.partition_id)
        if oldest < self._target_next:
            raise self._foreign(oldest, "the copy has not begun there")
        self.next = earliest

    def copy(self, end: int, before_ms: int | None) -> None:
        """Copy the records before the number ``end`` that arrived before a time, if there is one."""
        while not self._control.stopped.is_set():
            batch = self._batch(end, before_ms)
            if not batch:
                return
            self._put(batch, end)

    def _batch(self, end: int, before_ms: int | None) -> list[PageRecord]:
        """The next records for one request."""
        if not self._page and self.next < end:
            self._page = self._read(end)
        if self._page and self._page[0].sequence_number > self.next:
            self._skip_to(min(end, self._page[0].sequence_number))
        count = sum(1 for _ in self._fitting(end, before_ms))
        batch, self._page = self._page[:count], self._page[count:]
        return batch

    def _fitting(self, end: int, before_ms: int | None) -> Iterator[PageRecord]:
        limited, kind = self._rate.limited, self._target.stream_type
        most_bytes = min(
            MAX_REQUEST_BYTES.get(kind, 0) or MAX_REQUEST_BYTES["COMMON"], self._rate.most_bytes if limited else 2**63
        )
        most_records = min(MAX_REQUEST_RECORDS, self._rate.most_records) if limited else MAX_REQUEST_RECORDS
        size = 0
        for count, record in enumerate(self._page):
            size += len(record.data)
            full = count and (size > most_bytes or count >= most_records)
            late = before_ms is not None and record.timestamp >= before_ms
            if full or late or record.sequence_number >= end or record.sequence_number != self.next + count:
                return
            yield record

    def _read(self, end: int) -> list[PageRecord]:
        """A page from the next number on; none if the rest has expired."""
        while not self._control.stopped.is_set():
            try:
                return self._source.read(self.next)
            except OutOfRangeError as error:
                if error.earliest is None or error.earliest <= self.next:
                    raise
                self._skip_to(min(end, error.earliest))
            except PartitionExpiredError:
                self._skip_to(end)
            if self.next == end:
                break
        return []

    def _skip_to(self, number: int) -> None:
        self.counts.expired += number - self.next
        self._control.moved(number - self.next)
        self.next = number

    def _put(self, batch: list[PageRecord], end: int) -> None:
        """Put records until all are stored, or until what is stored was compared."""
        while batch and not self._control.stopped.is_set():
            self._keep_position()
            self._rate.wait(sum(len(record.data) for record in batch), len(batch))
            try:
                answers = self._target.put(self.partition_id, batch).records
            except (TransportError, ServiceError) as error:
                self._after_failure(error, end)
                return
            stored = self._stored(answers)
            self._advance(batch[:stored])
            batch, answers = batch[stored:], answers[stored:]
            if any(answer.error_code is None for answer in answers):
                self._compare(end)
                return
            if answers:
                self._refused(batch[0], answers[0])

    def _stored(self, answers: list[PutRecordResult]) -> int:
        """How many of the first records are stored at the numbers that follow."""
        return next(
            (index for index, one in enumerate(answers) if one.sequence_number != self._target_next + index),
            len(answers),
        )

    def _advance(self, records: list[PageRecord]) -> None:
        if not records:
            return
        self.next += len(records)
        self._target_next += len(records)
        self.counts.records += len(records)
        self.counts.data_bytes += sum(len(record.data) for record in records)
        self._stuck = 0.0
        self._control.moved(len(records))

    def _keep_position(self) -> None:
        """Commit a position unless the next numbers follow from the last one."""
        position = self._position
        if position is None or self.next - position.source != self._target_next - position.target:
            self._position = CopyPosition(self.next, self._target_next)
            self._target.commit(self.partition_id, self._position)

    def _compare(self, end: int, *, resuming: bool = False) -> None:
        """Find out by what is stored which record is next, and read from there. ``end`` is the end of the source.

        ``resuming`` says that nothing was copied by this run yet.
        """
        position = self._position
        oldest, target_end = self._target.numbers(self.partition_id)
        if position is None or target_end < position.target:
            raise self._foreign(target_end, "it has fewer records than the copy had put there: it was recreated")
        start = max(position.target, oldest, target_end - _COMPARED)
        number = position.source + start - position.target
        stored = self._target.reader(self.partition_id).read_range(start, target_end)
        read = self._sent(max(0, number - MAX_REQUEST_RECORDS), min(end, number + len(stored) + MAX_REQUEST_RECORDS))
        sent = [record for record in read if record.sequence_number >= number]
        expired = min(sent[0].sequence_number - number, len(stored)) if sent else len(stored)
        count = copied_count(stored[expired:], sent, read[: len(read) - len(sent)])
        if count is None:
            raise self._foreign(start, f"records {start} to {target_end - 1} are not those of the source")
        copied = number + expired + count
        if not resuming:
            self.counts.repeated += (target_end - self._target_next) - (copied - self.next)
            self.counts.records += copied - self.next
            self._control.moved(copied - self.next)
        self.next, self._target_next, self._page = copied, target_end, []

    def _sent(self, number: int, end: int) -> list[PageRecord]:
        """The records of the source that may have been put, as far as they haven't expired."""
        try:
            return self._source.read_range(number, end)
        except OutOfRangeError as error:
            if error.earliest is None or not number < error.earliest < end:
                return []
            return self._source.read_range(error.earliest, end)
        except PartitionExpiredError:
            return []

    def _after_failure(self, error: TransportError | ServiceError, end: int) -> None:
        if isinstance(error, ThrottledError):
            self._rate.refused()
            self._page = []
            self._pause(str(error))
            return
        if not lost_answer(error):
            raise error
        self._pause(str(error), _LOST_SECONDS)
        self._compare(end)

    def _refused(self, record: PageRecord, answer: PutRecordResult) -> None:
        """Wait before a refused record is sent again; WriteError if it was refused for good."""
        code = answer.error_code or ""
        reason = f"record {record.sequence_number} of the source was refused: {code} {answer.error_message or 'no reason given'}"
        remedy = record_remedy(code)
        if remedy is Remedy.GIVE_UP:
            raise WriteError(f"{self._where()}: {reason}")
        if remedy is Remedy.SLOW_DOWN:
            self._rate.refused()
        self._pause(reason)

    def _pause(self, reason: str, seconds: float | None = None) -> None:
        """Wait before another attempt; WriteError if nothing has succeeded for two minutes."""
        if self._stuck >= STUCK_SECONDS:
            raise WriteError(
                f"{self._where()}: nothing was copied for {STUCK_SECONDS:.0f} s: {reason}; run the copy again later"
            )
        pause = next(self._pauses) if seconds is None else seconds
        self._stuck += max(pause, 0.01)
        self._control.sleep(pause)

    def _foreign(self, number: int, why: str) -> WriteError:
        return WriteError(
            f"{self._where()} has records that aren't of this copy, from number {number} on: {why}; copy into another stream, or"
            " delete this one"
        )

    def _where(self) -> str:
        return f"stream {self._target.stream!r}, partition {self.partition_id}"
