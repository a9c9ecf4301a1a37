"""Sends batches, several requests at a time, each until every record has a final answer.

Rules:
1. ``deliverer`` says how a batch is sent, and when it is given up. That raises WriteError, and the runner repeats the bundle.
2. No request is in flight when ``finish`` or ``abandon`` return, or when an error is raised: otherwise a late request
   could overtake its own repetition.
3. The first failure stops everything that waits, at once.
4. Neither the threads nor ``close`` keep a process from ending, even if a request in flight gets no answer.
5. Time, sleep and randomness are parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, wait
from time import monotonic

from beam_dis.backoff import own_random
from beam_dis.daemon_threads import DaemonThreads
from beam_dis.write.batching import Batch
from beam_dis.write.deliverer import DEADLINE, Deliverer, Write
from beam_dis.write.delivery import Delivery
from beam_dis.write.pace import StreamPace

IN_FLIGHT = 8
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
        self._deliverer = Deliverer(
            write, pace_of=pace_of, deadline=deadline, ordered=ordered, clock=clock, sleep=sleep, random=random
        )
        self._ordered = ordered
        self._max_unfinished = 2 * in_flight
        queues, threads = (in_flight, 1) if ordered else (1, in_flight)
        self._queues = [DaemonThreads(threads, "PutRecords") for _ in range(queues)]
        self._unfinished: list[Future[Delivery | None]] = []
        self._failure: Exception | None = None
        self._interrupted = False
        self.throttled_seconds = self._deliverer.throttled_seconds

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
        self._deliverer.stop()
        wait(self._unfinished)
        self._unfinished.clear()
        self._deliverer.resume()
        self._failure = None
        self._interrupted = False

    def close(self) -> None:
        """Send nothing more, and end the threads.

        Requests in flight are waited for only with ordering, which a late request would break, and not if the process is
        being interrupted.
        """
        self._deliverer.stop()
        wait(self._unfinished, None if self._ordered and not self._interrupted else CLOSING_SECONDS)
        for queue in self._queues:
            queue.shutdown(wait=False, cancel_futures=True)

    def _wait(self, until: str) -> None:
        try:
            wait(self._unfinished, return_when=until)
        except BaseException:  # KeyboardInterrupt, or what a signal handler raises
            self._interrupted = True
            self._deliverer.stop()
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
        delivery = Delivery(batch)
        try:
            self._deliverer.deliver(delivery)
        except Exception as error:  # noqa: BLE001 - carried to the caller's thread, which raises it
            self._failure = self._failure or error
            self._deliverer.stop()
        return None if delivery.to_send else delivery
