"""Writes the records of lines in the background, and knows of each line whether it was written.

Rules:
1. Batches, pace, retries and the order of keys are those of ``beam_dis.write``.
2. A record that the service refuses is a failed line, and the others go on. A failure that is no record's fault ends the writing.
3. Each line that was put is counted as written or reported as failed, once, also after an interruption.
4. Memory is bounded: ``put`` waits while as many batches wait as are in flight.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from functools import partial
from typing import NamedTuple, Protocol

import click

from beam_dis.cli.exits import DONE, FAILED, INTERRUPTED, Failed, fail
from beam_dis.daemon_threads import DaemonThreads
from beam_dis.errors import DISError, EncodeError
from beam_dis.record import PutRecord
from beam_dis.stream_service import StreamListing, StreamService, Written
from beam_dis.write.batching import Batch, Batcher, RequestOptions
from beam_dis.write.deliverer import Deliverer
from beam_dis.write.delivery import Delivery
from beam_dis.write.ordering import Group, by_key, queue_of
from beam_dis.write.pace import PACES

_STOPPING_SECONDS = 5.0

NOT_SENT = "it was not sent"
MAYBE_SENT = "its request had no answer yet: it may be written"


class Line(NamedTuple):
    """A line of the input, counted from 1."""

    number: int
    text: bytes


class Stoppable(Protocol):
    """What writes lines: a LineWriter, or several."""

    @property
    def failures(self) -> int:
        """How many lines weren't written."""

    def stop(self) -> None:
        """Send nothing more, and report the lines that are left."""


def status_of(writer: Stoppable, work: Callable[[], object], place: Callable[[], str]) -> int:
    """Write lines by calling ``work``, and return the exit status of the command.

    If it is interrupted or fails, the writer is stopped, and ``place`` says in the message how far it was. Each line that was read is
    counted as written or reported as failed by then.
    """
    try:
        work()
    except KeyboardInterrupt:
        writer.stop()
        click.echo(f"beam-dis: interrupted {place()}", err=True)
        return INTERRUPTED
    except (DISError, Failed, OSError) as error:
        writer.stop()
        return fail(f"{error}; stopped {place()}")
    except BaseException:
        writer.stop()
        raise
    return FAILED if writer.failures else DONE


class LineWriter:
    """Writes to one stream; used by one thread.

    Args:
        service: the service of the stream.
        listing: the stream's description.
        options: how large requests are, and how many are sent at a time.
        ordered: keep the order of each key.
        group: what is kept in order instead of keys.
        failed: is called with each line that wasn't written, and the reason, by one thread at a time.
    """

    def __init__(
        self,
        service: StreamService,
        listing: StreamListing,
        *,
        options: RequestOptions,
        ordered: bool,
        group: Group = by_key,
        failed: Callable[[Line, str], object],
    ) -> None:
        self._stream = listing.name
        self._failed = failed
        self._group = group
        self._deliverer = Deliverer(service.write, pace_of=partial(PACES.of, service), ordered=ordered, group=group)
        self._batcher = Batcher(lambda _stream: listing.limits, options=options)
        queues, threads = (options.in_flight, 1) if ordered else (1, options.in_flight)
        self._queues = [DaemonThreads(threads, "put") for _ in range(queues)]
        self._room = threading.Semaphore(2 * options.in_flight)
        self._lock = threading.Lock()
        self._ready: list[Delivery] = []
        self._unfinished: dict[Delivery, Future[None]] = {}
        self._error: Exception | None = None
        self.written = 0
        self.failures = 0

    def put(self, line: Line, record: PutRecord) -> None:
        """Put the record of a line.

        Raises:
            DISError: the writing has ended because of an earlier failure. This line isn't put.
            Exception: what ``failed`` raised for an earlier line.
        """
        if self._error is not None:
            raise self._error
        try:
            full = self._batcher.add(self._stream, queue_of(self._group(record), len(self._queues)), record, line)
        except EncodeError as error:
            self.fail(line, str(error))
            return
        if full:
            self._submit(full)

    def fail(self, line: Line, reason: str) -> None:
        """Count a line as failed, and report it."""
        with self._lock:
            self.failures += 1
            self._failed(line, reason)

    def flush(self) -> None:
        """Send what was put, without waiting for it."""
        self._submit(self._batcher.close_all())

    def finish(self) -> None:
        """Send what was put, and wait for the results. Raises as ``put`` does."""
        self.flush()
        wait(self._futures())
        if self._error is not None:
            raise self._error

    def stop(self, *, seconds: float = _STOPPING_SECONDS) -> None:
        """Send nothing more, wait for the requests in flight for so many ``seconds`` at most, and report the lines that are left."""
        self._deliverer.stop()
        wait(self._futures(), seconds)
        with self._lock:
            for delivery in list(self._unfinished):
                self._report(delivery, MAYBE_SENT)
            for delivery in [*self._ready, *map(Delivery, self._batcher.close_all())]:
                self._report(delivery, self._why_unsent())

    def _futures(self) -> list[Future[None]]:
        with self._lock:
            return list(self._unfinished.values())

    def _submit(self, batches: Sequence[Batch]) -> None:
        self._ready += map(Delivery, batches)
        while self._ready:
            self._room.acquire()  # an interruption here loses no line: see stop
            with self._lock:  # so that it isn't finished before it is noted
                delivery = self._ready.pop(0)
                self._unfinished[delivery] = self._queues[delivery.batch.queue].submit(self._deliver, delivery)

    def _deliver(self, delivery: Delivery) -> None:
        try:
            self._deliverer.deliver(delivery)
        except Exception as error:  # noqa: BLE001 - carried to the caller's thread, which raises it
            self._end(error)
        try:
            with self._lock:
                if delivery in self._unfinished:
                    self._report(delivery, self._why_unsent())
        except Exception as error:  # noqa: BLE001 - of ``failed``
            self._end(error)
        finally:
            self._room.release()

    def _end(self, error: Exception) -> None:
        self._error = self._error or error
        self._deliverer.stop()

    def _why_unsent(self) -> str:
        return NOT_SENT if self._error is None else str(self._error)

    def _report(self, delivery: Delivery, unsent_reason: str) -> None:
        """Count the lines of a batch, and report those that weren't written; those that are still to be sent with this reason."""
        self._unfinished.pop(delivery, None)
        unsent = set(delivery.to_send)
        for index, answer in enumerate(delivery.answers):
            if isinstance(answer, Written) and index not in unsent:
                self.written += 1
                continue
            self.failures += 1
            again = index in unsent or isinstance(answer, Written)
            reason = unsent_reason if again else delivery.reason(index, answer)  # type: ignore[arg-type]
            self._failed(delivery.batch.origins[index], reason)
