"""Sends batches, several requests at a time, each until every record has a final answer.

Rules:
1. Only the records that failed are sent again (with ordering, see ``ordering``), after full-jitter pauses. Records that were
   throttled wait for the pace of their partition, see ``pace``.
2. A batch that makes progress is never given up. It fails ``deadline`` seconds after the last progress: a record of its own
   that was written or, while it waits for its pace, a record of any sender that its partitions accepted. What is still
   unwritten then raises WriteError, and the runner repeats the bundle.
3. No request is in flight when ``finish`` or ``abandon`` return, or when an error is raised: otherwise a late request
   could overtake its own repetition.
4. The first failure stops everything that waits, at once.
5. The threads never keep a process from ending, and neither does ``close``, whatever a request in flight waits for.
6. Time, sleep and randomness are parameters.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, wait
from functools import cache
from time import monotonic

from beam_dis.backoff import full_jitter, own_random
from beam_dis.daemon_threads import DaemonThreads
from beam_dis.errors import DISError, WriteError
from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, Written
from beam_dis.write.batching import Batch
from beam_dis.write.delivery import Delivery
from beam_dis.write.failures import FailureAction, action_on, answer_for_each, seconds_to_wait
from beam_dis.write.pace import StreamPace
from beam_dis.write.throttled_seconds import ThrottledSeconds

Write = Callable[[str, Sequence[PutRecord]], "list[Written | NotWritten]"]

IN_FLIGHT = 4
DEADLINE = 120.0
CLOSING_SECONDS = 1.0


class Sender:
    """Sends batches through ``write`` on threads of its own; used by one thread.

    Args:
        write: sends one request to a stream, and returns one answer per record.
        pace_of: the pace of a stream, shared by all senders; by default the sender has its own.
        in_flight: how many requests are sent at a time. As many batches wait.
        deadline: seconds for a batch, from its last progress.
        ordered: send the batches of one queue one after the other, and keep the order of each key.
        clock: seconds, monotonic.
        sleep: waits for so many seconds; by default until the sender stops, at most.
        random: a number between 0 and 1, for the pauses.
    """

    def __init__(
        self,
        write: Write,
        *,
        pace_of: Callable[[str], StreamPace] | None = None,
        in_flight: int = IN_FLIGHT,
        deadline: float = DEADLINE,
        ordered: bool = False,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], object] | None = None,
        random: Callable[[], float] = own_random,
    ) -> None:
        self._write = write
        self._pace_of = pace_of or cache(lambda _stream: StreamPace(clock=clock))
        self._deadline = deadline
        self._ordered = ordered
        self._clock = clock
        self._stop = threading.Event()
        self._sleep = sleep or self._stop.wait
        self._random = random
        self._max_unfinished = 2 * in_flight
        queues, threads = (in_flight, 1) if ordered else (1, in_flight)
        self._queues = [DaemonThreads(threads, "PutRecords") for _ in range(queues)]
        self._unfinished: list[Future[Delivery | None]] = []
        self._failure: Exception | None = None
        self._interrupted = False
        self.throttled_seconds = ThrottledSeconds(clock=clock)

    @property
    def queues(self) -> int:
        """The number of queues that batches may be for; 1 without ordering."""
        return len(self._queues)

    @property
    def unfinished(self) -> int:
        """The number of batches that are being sent, wait, or weren't returned yet."""
        return len(self._unfinished)

    def send(self, batch: Batch) -> list[Delivery]:
        """Queue a batch, after waiting until there is room for it.

        Returns:
            The deliveries that have finished since the last call.

        Raises:
            DISError: an earlier batch failed.
        """
        if len(self._unfinished) >= self._max_unfinished:
            self._wait(FIRST_COMPLETED)
        finished = self._take_finished()
        self._unfinished.append(self._queues[batch.queue % self.queues].submit(self._run, batch))
        return finished

    def finish(self) -> list[Delivery]:
        """Wait for all batches, and return the deliveries that ``send`` didn't. Raises the first failure."""
        self._wait(ALL_COMPLETED)
        return self._take_finished()

    def abandon(self) -> None:
        """Send nothing more, wait for the requests in flight, and forget all batches: the bundle has failed."""
        self._stop.set()
        wait(self._unfinished)
        self._unfinished.clear()
        self._stop.clear()
        self._failure = None
        self._interrupted = False

    def close(self) -> None:
        """Send nothing more, and end the threads.

        Requests in flight are waited for only with ordering, which a late request would break, and not if the process is
        being interrupted.
        """
        self._stop.set()
        wait(self._unfinished, None if self._ordered and not self._interrupted else CLOSING_SECONDS)
        for queue in self._queues:
            queue.shutdown(wait=False, cancel_futures=True)

    def _wait(self, until: str) -> None:
        try:
            wait(self._unfinished, return_when=until)
        except BaseException:  # KeyboardInterrupt, or what a signal handler raises
            self._interrupted = True
            self._stop.set()
            raise

    def _take_finished(self) -> list[Delivery]:
        failure = self._failure
        if failure is not None:
            self.abandon()
            raise failure
        done = [future for future in self._unfinished if future.done()]
        self._unfinished = [future for future in self._unfinished if not future.done()]
        return [delivery for future in done if (delivery := future.result()) is not None]

    def _run(self, batch: Batch) -> Delivery | None:
        try:
            return self._deliver(batch)
        except Exception as error:  # noqa: BLE001 - carried to the caller's thread, which raises it
            self._failure = self._failure or error
            self._stop.set()
            return None

    def _deliver(self, batch: Batch) -> Delivery | None:
        """Send a batch until nothing is left to send.

        Returns:
            The finished delivery; None if sending was stopped.

        Raises:
            WriteError: the deadline has passed.
            DISError: a request failed for no fault of its records.
        """
        delivery, pace = Delivery(batch), self._pace_of(batch.stream)
        delays = full_jitter(random=self._random)
        progress = self._clock()
        while delivery.to_send and not self._stop.is_set():
            indexes, delay = pace.admit(batch.records, delivery.to_send, batch.limits)
            if not indexes:
                accepted = pace.progress(batch.records, delivery.to_send, batch.limits)
                self._pause(delivery, delay, max(progress, accepted), throttled=True)
                continue
            before = len(delivery.to_send)
            records = [batch.records[index] for index in indexes]
            answers: list[Written | NotWritten] = []
            try:
                answers = self._answers(delivery, records, written=pace.written)
            finally:
                pace.learn(records, () if delivery.request_throttled else answers, batch.limits)
            delivery.add_answers(indexes, answers, ordered=self._ordered)
            if len(delivery.to_send) < before:  # progress, so the pauses start short again
                delays = full_jitter(random=self._random)
                progress = self._clock()
            if delivery.request_throttled:
                pace.pause(next(delays))
            elif delivery.failed:
                self._pause(delivery, next(delays), progress)
        return None if delivery.to_send else delivery

    def _answers(
        self, delivery: Delivery, records: Sequence[PutRecord], *, written: bool
    ) -> list[Written | NotWritten]:
        """Send records once; one answer for each, also if the request failed as a whole."""
        delivery.requests += 1
        delivery.request_throttled = False
        delivery.error = None
        try:
            return self._write(delivery.batch.stream, records)
        except DISError as error:
            action = action_on(error, written=written)
            if action is FailureAction.RAISE:
                raise
            if action is FailureAction.DIVIDE and len(records) > 1:
                half = len(records) // 2
                first = self._answers(delivery, records[:half], written=written)
                return first + self._answers(delivery, records[half:], written=written)
            delivery.error = None if action is FailureAction.DIVIDE else error
            delivery.request_throttled = action is FailureAction.SLOW_DOWN
            return [answer_for_each(error, action)] * len(records)

    def _pause(self, delivery: Delivery, delay: float, progress: float, *, throttled: bool = False) -> None:
        """Wait, unless the deadline is over before. Raises WriteError, or the refusal that was given all the time."""
        deadline, error = self._deadline, delivery.error
        if error is not None:
            deadline = min(deadline, seconds_to_wait(error, written=True))
        if self._clock() + delay > progress + deadline:
            if error is not None and action_on(error, written=False) is FailureAction.RAISE:
                raise error
            raise WriteError(delivery.timeout_message(deadline)) from error
        if throttled:
            self.throttled_seconds.add(delay)
        self._sleep(delay)
