"""DISProducer: writes records from a program without a pipeline, as the sink does.

Rules:
1. Batches, pace and retries are those of ``beam_dis.write``. No Beam is imported.
2. A batch is sent when it is full, or ``linger`` seconds after its first record at the latest.
3. Memory is bounded: ``put`` waits while as many batches wait as are in flight.
4. A record that isn't written is passed to ``on_failed``. Without it, the next put, flush or close raises WriteError, once.
5. ``flush`` and ``close`` return after all records that were put before have their result.
6. Callbacks run on the producer's threads. They may put records, but they can't flush or close.
7. A producer that is open at the end of the process is closed then, since its records would be lost without a word.
8. After Ctrl-C nothing is waited for. A forked child has none of its parent's records.
"""

from __future__ import annotations

import atexit
import logging
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial
from types import TracebackType
from typing import Any, final
from weakref import WeakSet

from beam_dis.connection import DISConnection
from beam_dis.daemon_threads import DaemonThreads
from beam_dis.errors import ConfigurationError, DISError, EncodeError, WriteError
from beam_dis.forks import FORKS
from beam_dis.names import checked_bool, checked_stream
from beam_dis.plain_values import described, plain_value
from beam_dis.record import PutRecord
from beam_dis.record_checks import checked_record
from beam_dis.services import shared_service
from beam_dis.stream_service import Written
from beam_dis.write.batching import DEFAULT_OPTIONS, Batch, Batcher, RequestOptions
from beam_dis.write.deliverer import Deliverer
from beam_dis.write.delivery import Delivery, WrittenRecord
from beam_dis.write.ordering import queue_of
from beam_dis.write.pace import PACES
from beam_dis.write.streams import Streams

LONGEST_LINGER = 3600.0

_log = logging.getLogger(__name__)


@final
class DISProducer:
    """Writes records to a stream in the background, in batches, at least once; thread-safe.

    ::

        with DISProducer("orders", connection=connection) as out:
            out.put(b"…", partition_key="k")

    Args:
        stream: its name, or its id if another project shares it.
        connection: endpoint, region, project, credentials. What is left out comes from the environment.
        ordered: keep the order of each partition key, as the sink does.
        linger: for how many seconds a batch that isn't full waits for more records; with 0 each record is sent at once.
        in_flight: how many requests are sent at a time, 1 to 64.
        batch_records: the most records of a request, up to 1000. By default requests are as large as the service allows.
        batch_bytes: the most bytes of data of a request. A larger record is sent alone.
        on_written: called with each record that was written, and the WrittenRecord that says where it is.
        on_failed: called with each record that wasn't written, and the reason, a DISError. Without it the failure is raised.

    Raises:
        ConfigurationError: an argument is wrong, or the endpoint or the project isn't known.
    """

    def __init__(
        self,
        stream: str,
        *,
        connection: DISConnection | None = None,
        ordered: bool = False,
        linger: float = 0.1,
        in_flight: int = DEFAULT_OPTIONS.in_flight,
        batch_records: int | None = None,
        batch_bytes: int | None = None,
        on_written: Callable[[PutRecord, WrittenRecord], object] | None = None,
        on_failed: Callable[[PutRecord, DISError], object] | None = None,
    ) -> None:
        self._stream = checked_stream("stream", stream)
        self._options = RequestOptions(in_flight=in_flight, batch_records=batch_records, batch_bytes=batch_bytes)
        self._ordered = checked_bool("ordered", ordered)
        self._linger = _checked_linger(linger)
        self._on_written = _checked_callback("on_written", on_written)
        self._on_failed = _checked_callback("on_failed", on_failed)
        if connection is not None and not isinstance(connection, DISConnection):
            raise ConfigurationError(f"connection={described(connection)}: give a DISConnection(endpoint=…)")
        self._service = shared_service((connection or DISConnection()).resolved())
        self._closed = False
        self.after_fork()
        FORKS.register(self)
        _OPEN.add(self)

    def after_fork(self) -> None:
        """Begin without records, threads and failures."""
        pace_of = partial(PACES.of, self._service)
        self._lock = threading.Lock()  # of the batches
        self._changed = threading.Condition()  # of what follows
        self._sending = 0
        self._failures = 0
        self._first_failure: WriteError | None = None
        self._batches: dict[Future[None], Batch] = {}
        self._opened = threading.Event()
        self._ended = threading.Event()
        self._lingering: threading.Thread | None = None
        self._in_callback = threading.local()
        self._deliverer = Deliverer(self._service.write, pace_of=pace_of, ordered=self._ordered)
        self._known = Streams(self._service.describe, written=lambda stream: pace_of(stream).written)
        self._batcher = Batcher(self._known.limits, options=self._options)
        queues, threads = (self._options.in_flight, 1) if self._ordered else (1, self._options.in_flight)
        self._queues = [DaemonThreads(threads, "DISProducer") for _ in range(queues)]

    def __repr__(self) -> str:
        return f"DISProducer({self._stream!r})"

    def put(
        self,
        data: bytes,
        *,
        partition_key: str | None = None,
        explicit_hash_key: int | str | None = None,
        partition_id: int | str | None = None,
        timestamp: int | None = None,
    ) -> None:
        """Put a record. Waits while too many batches are unfinished.

        Args:
            data: 1 byte to 1 MiB.
            partition_key: text whose hash chooses the partition; it is stored with the record.
            explicit_hash_key: takes the place of that hash: 0 to 2^63-1, an int or decimal text.
            partition_id: the partition, a number or an id. Without any of the three the service spreads the records.
            timestamp: milliseconds since 1970, sent along; see ``PutRecord``.

        Raises:
            EncodeError: this record can't be sent.
            WriteError: an earlier record wasn't written. This one isn't put.
            ConfigurationError: the producer is closed.
            DISError: the stream isn't there, or can't be described. This record isn't put.
        """
        try:
            record = checked_record(PutRecord(data, partition_key, explicit_hash_key, partition_id, timestamp))
        except EncodeError as error:
            raise EncodeError(f"a record for stream {self._stream!r}: {error}") from error
        called_back = getattr(self._in_callback, "active", False)
        with self._lock:
            if not called_back:
                self._wait_for_room()
                self._raise_failure()
            if self._ended.is_set() or (self._closed and not called_back):
                raise self._closed_error()
            queue = queue_of(record.partition_key, len(self._queues))
            full = self._batcher.add(self._stream, queue, record, None)
            for batch in full if self._linger else (*full, *self._batcher.close_all()):
                self._submit(batch)
        if self._linger and not self._opened.is_set():
            self._opened.set()
            self._start_lingering()

    def flush(self) -> None:
        """Send all records that were put, and wait for their results.

        Raises:
            WriteError: a record wasn't written.
            ConfigurationError: the producer is closed, or a callback flushes.
        """
        self._check_not_called_back()
        if self._closed:
            raise self._closed_error()
        wait(self._send_open_batches())
        self._raise_failure()

    def close(self) -> None:
        """Take no more records, and flush. Raises as ``flush`` does; to close again does nothing."""
        self._check_not_called_back()
        if self._closed:
            return
        try:
            unfinished = self._send_open_batches(closing=True)
            while unfinished:  # callbacks may put more
                wait(unfinished)
                unfinished = self._send_open_batches()
        finally:
            self._end()
        self._raise_failure()

    def close_at_exit(self) -> None:
        """Close a producer that the program left open; called at the end of the process. A failure is logged."""
        if isinstance(getattr(sys, "last_value", None), KeyboardInterrupt):
            self._end()
            return
        try:
            self.close()
        except DISError as failure:
            _log.error("%s", failure)  # nobody is left who could catch it

    def __enter__(self) -> DISProducer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, KeyboardInterrupt):
            self._end()
        elif error is None:
            self.close()
        else:
            try:
                self.close()
            except DISError as failure:
                _log.warning("%s", failure)  # the error of the block is raised

    def _wait_for_room(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._sending < 2 * self._options.in_flight or self._closed)

    def _check_not_called_back(self) -> None:
        if getattr(self._in_callback, "active", False):
            raise ConfigurationError("a callback of a DISProducer can't flush or close it: it would wait for itself")

    def _closed_error(self) -> ConfigurationError:
        return ConfigurationError(f"the producer of stream {self._stream!r} is closed: make another one")

    def _send_open_batches(self, *, closing: bool = False) -> list[Future[None]]:
        """Send the open batches, and return all that are unfinished. ``closing``: no more records are put from now on."""
        with self._lock:
            self._closed = self._closed or closing
            for batch in self._batcher.close_all():
                self._submit(batch)
            return [future for future in self._batches if not future.done()]

    def _submit(self, batch: Batch) -> None:
        with self._changed:
            self._batches = {future: sent for future, sent in self._batches.items() if not future.done()}
            self._batches[self._queues[batch.queue].submit(self._deliver, batch)] = batch
            self._sending += 1

    def _deliver(self, batch: Batch) -> None:
        delivery, error = Delivery(batch), None
        try:
            self._deliverer.deliver(delivery)
        except DISError as failure:
            error = failure
        except Exception as failure:  # noqa: BLE001 - it would be lost on this thread
            error = WriteError(f"{type(failure).__name__}: {failure}")
            error.__cause__ = failure
        finally:
            with self._changed:
                self._sending -= 1
                self._changed.notify_all()
        if delivery.to_send and error is None:
            return  # stopped
        self._in_callback.active = True
        try:
            self._report(delivery, error)
        except Exception as failure:  # noqa: BLE001 - of a callback
            raised = WriteError(f"a callback of {self!r} raised {type(failure).__name__}: {failure}")
            raised.__cause__ = failure
            self._note_failure(raised)
        finally:
            self._in_callback.active = False

    def _report(self, delivery: Delivery, error: DISError | None) -> None:
        unsent = set(delivery.to_send)
        for index, (record, answer) in enumerate(zip(delivery.batch.records, delivery.answers, strict=True)):
            if index not in unsent and isinstance(answer, Written):
                if self._on_written is not None:
                    place = answer.partition_id, answer.sequence_number
                    self._on_written(record, WrittenRecord(self._stream, *place, record.partition_key))
                continue
            if index in unsent or isinstance(answer, Written):
                failure = WriteError(f"{delivery.subject(index)} was not written: {error}")
            else:
                failure = WriteError(f"{delivery.reason(index, answer)} (it was refused for good)")
            failure.__cause__ = error
            if self._on_failed is not None:
                self._on_failed(record, failure)
            else:
                self._note_failure(failure)

    def _note_failure(self, failure: WriteError) -> None:
        with self._changed:
            self._failures += 1
            self._first_failure = self._first_failure or failure

    def _raise_failure(self) -> None:
        with self._changed:
            first, count = self._first_failure, self._failures
            self._first_failure, self._failures = None, 0
        if first is not None:
            raise WriteError(f"{first}; failures since the last report: {count}") from first.__cause__

    def _start_lingering(self) -> None:
        with self._lock:
            if self._lingering is None and not self._closed:
                self._lingering = threading.Thread(target=self._send_lingering, name="DISProducer linger", daemon=True)
                self._lingering.start()

    def _send_lingering(self) -> None:
        """Send the batches that were open half a linger ago, again and again."""
        before: list[Batch] = []
        while not self._ended.is_set():
            self._opened.wait()
            self._ended.wait(self._linger / 2)
            with self._lock:
                if self._ended.is_set():
                    return
                if self._sending < 2 * self._options.in_flight:  # otherwise they wait, and grow
                    for batch in self._batcher.close_some(before):
                        self._submit(batch)
                before = self._batcher.open_batches()
                if not before:
                    self._opened.clear()

    def _end(self) -> None:
        """Take no more records, and end the threads, without waiting for them."""
        self._closed = True
        _OPEN.discard(self)
        self._deliverer.stop()
        self._ended.set()
        self._opened.set()
        for queue in self._queues:
            queue.shutdown(wait=False, cancel_futures=True)
        with self._changed:
            self._changed.notify_all()
            unfinished = [batch for future, batch in self._batches.items() if future.cancelled() or not future.done()]
        lost = sum(len(batch.records) for batch in [*unfinished, *self._batcher.open_batches()])
        if lost:
            _log.warning("the producer of stream %r was interrupted: %d records may not be written", self._stream, lost)


_OPEN: WeakSet[DISProducer] = WeakSet()


@atexit.register
def _close_open_producers() -> None:
    for producer in list(_OPEN):
        producer.close_at_exit()


def _checked_linger(given: Any) -> float:
    seconds = plain_value(given)
    if type(seconds) not in (int, float) or not 0 <= seconds <= LONGEST_LINGER:
        raise ConfigurationError(f"linger={described(given)}: give seconds, 0 to {LONGEST_LINGER:g}")
    return float(seconds)


def _checked_callback(argument: str, given: Any) -> Callable[[Any, Any], object] | None:
    if given is not None and not callable(given):
        raise ConfigurationError(f"{argument}={described(given)}: give a function of the record and its result")
    callback: Callable[[Any, Any], object] | None = given
    return callback
