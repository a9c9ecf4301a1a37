"""Writing the elements of a bundle: route, encode, batch, send, and say what became of each.

Law: plain Python, no Beam. An element comes in something that carries it (``.value``), which comes back beside its
result. Whatever is raised, nothing is in flight any more. A permanent failure is raised, or becomes a dead letter where
those were asked for; what may succeed later is always raised, so that the runner repeats the bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, TypeGuard

from beam_dis.errors import DISError, EncodeError, StreamNotFoundError, WriteError
from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, StreamService
from beam_dis.write.batching import Batch, Batcher
from beam_dis.write.limits import StreamLimits
from beam_dis.write.ordering import lane_of
from beam_dis.write.outcome import Settled
from beam_dis.write.results import Result, refused, refused_by_service, refused_in_words, refused_unsent, written
from beam_dis.write.routing import RecordOf, StreamOf
from beam_dis.write.sender import Sender


@dataclass(frozen=True, kw_only=True, slots=True)
class WritePlan:
    """What WriteToDIS was asked to do; travels in the pipeline."""

    stream: str | StreamOf
    record_of: RecordOf
    ordered: bool = False
    written: bool = False
    dead_letters: bool = False


class Tally(NamedTuple):
    """Counts since the last time: records and data bytes written, requests, records sent again, refused, seconds."""

    records: int = 0
    bytes: int = 0
    requests: int = 0
    retries: int = 0
    refused: int = 0
    throttled_seconds: int = 0


class BundleWriter:
    """Writes one bundle after the other; used by one thread."""

    def __init__(self, plan: WritePlan, service: StreamService, sender: Sender | None = None) -> None:
        self._plan = plan
        self._sender = Sender(service.write, ordered=plan.ordered) if sender is None else sender
        self._limits = StreamLimits(service.describe)
        self._tally = Tally()
        self._lanes = self._sender.lanes
        self._carries_results = plan.written or plan.dead_letters  # else elements go as soon as they are encoded
        self._batcher = Batcher(self._limits)

    def begin(self) -> None:
        """A new bundle. Waits for what one before it left in flight when it failed elsewhere."""
        self._sender.abandon()
        self._limits.forget_missing()
        self._tally = Tally()
        self._batcher = Batcher(self._limits)

    def add(self, origin: Any) -> Iterable[Result]:
        """Take the element that ``origin`` carries; what is known by now about earlier ones."""
        record: PutRecord | None = None
        stream: str | None = None
        plan = self._plan
        try:
            stream = plan.stream if isinstance(plan.stream, str) else plan.stream(origin.value)
            record = plan.record_of(origin.value)
            lane = lane_of(record.partition_key, self._lanes) if plan.ordered else 0
            full = self._batcher.add(stream, lane, record, origin if self._carries_results else None)
        except Exception as error:
            if self._is_the_element_s(error):
                return (self._left_out(error, origin, stream, record),)
            self._sender.abandon()
            raise
        return self._send(full) if full else ()

    def finish(self) -> list[Result]:
        """Send the rest and wait for all; the results that ``add`` didn't give."""
        results = self._send(self._batcher.rest())
        results.extend(self._results(self._sender.finish))
        return results

    def take_tally(self) -> Tally:
        """The counts since the last time."""
        tally = self._tally._replace(throttled_seconds=self._sender.pace.take_throttled_seconds())
        self._tally = Tally()
        return tally

    def close(self) -> None:
        """Wait for what is in flight and let the threads go."""
        self._sender.close()

    def _is_the_element_s(self, error: Exception) -> TypeGuard[DISError]:
        """Whether a dead letter may be made of it: a stream that isn't there only where the element names it."""
        if not self._plan.dead_letters:
            return False
        named = isinstance(error, StreamNotFoundError) and not isinstance(self._plan.stream, str)
        return named or isinstance(error, EncodeError)

    def _left_out(self, error: DISError, origin: Any, stream: str | None, record: PutRecord | None) -> Result:
        self._tally = self._tally._replace(refused=self._tally.refused + 1)
        return refused_unsent(error, origin, stream, record)

    def _send(self, batches: Iterable[Batch]) -> list[Result]:
        results: list[Result] = []
        for batch in batches:
            results.extend(self._results(partial(self._sender.send, batch)))
        return results

    def _results(self, settle: Callable[[], list[Settled]]) -> list[Result]:
        """What ``settle`` settled; whatever is raised, nothing is in flight."""
        try:
            return [result for each in settle() for result in self._results_of(each)]
        except Exception:
            self._sender.abandon()
            raise

    def _results_of(self, settled: Settled) -> Iterator[Result]:
        refusals = refused(settled)
        self._count(settled, refusals)
        if refusals and not self._plan.dead_letters:
            raise WriteError(refused_in_words(settled, refusals))
        if self._plan.written:
            yield from written(settled)
        yield from (refused_by_service(settled, place, refusal) for place, refusal in refusals)

    def _count(self, settled: Settled, refusals: list[tuple[int, NotWritten]]) -> None:
        tally, batch = self._tally, settled.batch
        self._tally = Tally(
            tally.records + len(batch.records) - len(refusals),
            tally.bytes + batch.bytes - sum(len(batch.records[place].data) for place, _ in refusals),
            tally.requests + settled.requests,
            tally.retries + settled.retries,
            tally.refused + len(refusals),
        )
