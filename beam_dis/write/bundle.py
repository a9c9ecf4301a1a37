"""Writes the elements of a bundle: choose a stream, encode, batch, send, and return a result for each element.

Rules:
1. Plain Python, no Beam. An element may come with an origin, whose ``value`` it is. The origin is returned with its result.
2. When an error is raised, no request is in flight.
3. A permanent failure is raised, or becomes a dead letter if those were asked for.
4. A failure that may pass is always raised in the end, so that the runner repeats the bundle.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, TypeGuard

from beam_dis.errors import DISError, EncodeError, StreamNotFoundError, WriteError
from beam_dis.record import PutRecord
from beam_dis.request_counts import RequestCounts
from beam_dis.stream_service import StreamListing, StreamService
from beam_dis.write.batching import DEFAULT_OPTIONS, Batch, Batcher, RequestOptions
from beam_dis.write.delivery import Delivery, WriteResult, dead_letter_unsent
from beam_dis.write.ordering import queue_of
from beam_dis.write.pace import PACES
from beam_dis.write.routing import ElementEncoder, StreamFunction
from beam_dis.write.sender import Sender
from beam_dis.write.streams import Streams

EncodeFor = Callable[[StreamListing], Callable[[Any], bytes]]
"""Makes the encoder of a stream's rows from its description."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WritePlan:
    """The checked arguments of WriteToDIS, as they travel to the workers.

    Attributes:
        stream: the stream of all elements, or a function that returns each element's.
        to_record: makes the record of an element.
        encode_for: makes the encoder of a stream's rows from its description; it takes the place of that of ``to_record``. None
            if all streams have the same.
        ordered: keep the order of each partition key.
        results: return a WrittenRecord for each element that was written.
        dead_letters: return a DeadLetter for an element that can't be written, instead of failing.
        options: how many requests are sent at a time, and how large they are.
    """

    stream: str | StreamFunction
    to_record: ElementEncoder
    encode_for: EncodeFor | None = None
    ordered: bool = False
    results: bool = False
    dead_letters: bool = False
    options: RequestOptions = DEFAULT_OPTIONS


class BundleCounts(NamedTuple):
    """Counts since they were last taken, one for each counter of the metrics.

    ``records`` and ``bytes`` were written, ``bytes`` being those of the data. ``requests`` were sent. ``retries`` counts
    records that were sent again, ``refused`` elements that became dead letters or failed the bundle.
    """

    records: int = 0
    bytes: int = 0
    requests: int = 0
    retries: int = 0
    refused: int = 0
    throttled_seconds: int = 0


class BundleWriter:
    """Writes one bundle after the other; used by one thread. ``requests`` counts its requests."""

    def __init__(
        self, plan: WritePlan, service: StreamService, sender: Sender | None = None, known: Streams | None = None
    ) -> None:
        self._plan = plan
        pace_of = partial(PACES.of, service)
        self.requests = RequestCounts()
        self._known = known or Streams(
            self.requests.counted(service.describe), written=lambda stream: pace_of(stream).written
        )
        self._sender = sender or Sender(
            self._known.watched(self.requests.counted(service.write)),
            pace_of=pace_of,
            in_flight=plan.options.in_flight,
            ordered=plan.ordered,
        )
        self._encoders: dict[str, tuple[StreamListing, ElementEncoder]] = {}
        self._counts = BundleCounts()
        self._retries: Counter[str] = Counter()
        self._streams: set[str] = set()
        self._queues = self._sender.queues
        self._keeps_origins = plan.results or plan.dead_letters  # otherwise an element is dropped once it is encoded
        self._batcher = Batcher(self._known.limits, options=plan.options)

    def begin(self) -> None:
        """Begin a bundle, after waiting for what an earlier one left in flight if it failed in another step."""
        self._sender.abandon()
        self._known.forget_missing()
        self._counts = BundleCounts()
        self._retries.clear()
        self._streams = set()
        self._batcher = Batcher(self._known.limits, options=self._plan.options)

    def add(self, element: Any, origin: Any = None) -> Iterable[WriteResult]:
        """Add an element to the bundle. Its ``origin`` is returned with its result, if the plan asks for results.

        Returns:
            The results that are known by now, mostly of earlier elements.

        Raises:
            DISError: this element or an earlier one failed, and is not to become a dead letter.
        """
        record: PutRecord | None = None
        stream: str | None = None
        plan = self._plan
        try:
            stream = plan.stream if isinstance(plan.stream, str) else plan.stream(element)
            to_record = plan.to_record if plan.encode_for is None else self._encoder_of(stream, plan.encode_for)
            record = to_record(element)
            queue = queue_of(record.partition_key, self._queues) if plan.ordered else 0
            full = self._batcher.add(stream, queue, record, origin if self._keeps_origins else None)
        except Exception as error:
            if self._becomes_dead_letter(error):
                self._counts = self._counts._replace(refused=self._counts.refused + 1)
                return (dead_letter_unsent(error, origin, stream, record),)
            self._sender.abandon()
            raise
        return self._send(full) if full else ()

    def finish(self) -> list[WriteResult]:
        """Send the open batches, wait for all requests, and return the results that ``add`` didn't."""
        return self._send(self._batcher.close_all()) + self._results(self._sender.finish())

    def take_counts(self) -> BundleCounts:
        """The counts since the last call."""
        counts = self._counts._replace(throttled_seconds=self._sender.throttled_seconds.take())
        self._counts = BundleCounts()
        return counts

    def take_retries(self) -> dict[str, int]:
        """How many records were sent again since the last call, by error code."""
        retries, self._retries = dict(self._retries), Counter()
        return retries

    def take_streams(self) -> set[str]:
        """The streams that records were written to since the last call."""
        streams, self._streams = self._streams, set()
        return streams

    def close(self) -> None:
        """Wait for the requests in flight and end the threads."""
        self._sender.close()

    def _encoder_of(self, stream: str, encode_for: EncodeFor) -> ElementEncoder:
        """What makes the records of a stream; made again when the stream is described again, since its schema may be another."""
        listing = self._known.listing(stream)
        known = self._encoders.get(stream)
        if known is None or known[0] is not listing:
            known = self._encoders[stream] = listing, replace(self._plan.to_record, encode=encode_for(listing))
        return known[1]

    def _becomes_dead_letter(self, error: Exception) -> TypeGuard[DISError]:
        """Whether the element is at fault; for a stream that doesn't exist, only if the element chose the stream."""
        if not self._plan.dead_letters:
            return False
        chosen = isinstance(error, StreamNotFoundError) and not isinstance(self._plan.stream, str)
        return chosen or isinstance(error, EncodeError)

    def _send(self, batches: Iterable[Batch]) -> list[WriteResult]:
        return [result for batch in batches for result in self._results(self._sender.send(batch))]

    def _results(self, deliveries: Iterable[Delivery]) -> list[WriteResult]:
        """Count finished deliveries and return their results, if they were asked for."""
        results: list[WriteResult] = []
        for delivery in deliveries:
            not_written = delivery.not_written()
            self._count(delivery, [index for index, _ in not_written])
            if not_written and not self._plan.dead_letters:
                self._sender.abandon()
                raise WriteError(delivery.refusal_message(not_written))
            if self._plan.results:
                results.extend(delivery.written())
            results.extend(delivery.dead_letter(index, answer) for index, answer in not_written)
        return results

    def _count(self, delivery: Delivery, refused: list[int]) -> None:
        counts, batch = self._counts, delivery.batch
        self._retries.update(delivery.resent)
        written = len(batch.records) - len(refused)
        if written:
            self._streams.add(batch.stream)
        self._counts = BundleCounts(
            counts.records + written,
            counts.bytes + batch.bytes - sum(len(batch.records[index].data) for index in refused),
            counts.requests + delivery.requests,
            counts.retries + delivery.resent.total(),
            counts.refused + len(refused),
        )
