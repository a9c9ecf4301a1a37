"""Several requests in flight, each sent until nothing in it is left to send.

Law: plain Python, no Beam; time, sleep and randomness are parameters. Only what failed is sent again (with ordering,
see ``ordering``), with full-jitter backoff, within a deadline; what is still unwritten then raises WriteError, so that
the runner repeats the bundle. Nothing is in flight any more when ``finish`` or ``abandon`` return, or when an error is
raised: a straggler never overtakes its own retry. The first failure stops everything that waits.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from time import monotonic
from time import sleep as _sleep

from beam_dis.backoff import full_jitter, own_random
from beam_dis.errors import DISError, WriteError
from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, Written
from beam_dis.write.batching import Batch
from beam_dis.write.delivery import Delivery
from beam_dis.write.outcome import Action, Settled, action_on, refusal_of
from beam_dis.write.pace import Pace

Write = Callable[[str, Sequence[PutRecord]], "list[Written | NotWritten]"]

IN_FLIGHT = 4
DEADLINE = 120.0


class Sender:
    """Sends batches through ``write`` on threads of its own; used by one thread.

    ``in_flight`` requests at once, and as many batches wait. ``deadline`` in seconds, from a batch's first attempt.
    With ``ordered`` batches of one lane go one after the other, and keys keep their order.
    """

    def __init__(
        self,
        write: Write,
        *,
        in_flight: int = IN_FLIGHT,
        deadline: float = DEADLINE,
        ordered: bool = False,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], None] = _sleep,
        random: Callable[[], float] = own_random,
    ) -> None:
        self._write = write
        self._deadline = deadline
        self._ordered = ordered
        self._clock = clock
        self._sleep = sleep
        self._random = random
        self._most = 2 * in_flight
        lanes, threads = (in_flight, 1) if ordered else (1, in_flight)
        self._threads = [ThreadPoolExecutor(threads, "PutRecords") for _ in range(lanes)]
        self._under_way: list[Future[Settled | None]] = []
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self.pace = Pace(clock=clock, sleep=sleep)

    @property
    def lanes(self) -> int:
        """How many lanes a batcher may use: one where there is no order to keep."""
        return len(self._threads)

    def send(self, batch: Batch) -> list[Settled]:
        """Send a batch, waiting while enough are under way; what has been settled meanwhile."""
        if len(self._under_way) >= self._most:
            wait(self._under_way, return_when=FIRST_COMPLETED)
        settled = self._settled()
        self._under_way.append(self._threads[batch.lane % self.lanes].submit(self._run, batch))
        return settled

    def finish(self) -> list[Settled]:
        """Wait for all; the rest of what was settled. Raises the first failure."""
        wait(self._under_way)
        return self._settled()

    def abandon(self) -> None:
        """Wait for the requests in flight, send nothing more, and forget everything: the bundle has failed."""
        self._stop.set()
        wait(self._under_way)
        self._under_way.clear()
        self._stop.clear()
        self._failure = None

    def close(self) -> None:
        """Let the threads go."""
        self.abandon()
        for threads in self._threads:
            threads.shutdown()

    def _settled(self) -> list[Settled]:
        failure = self._failure
        if failure is not None:
            self.abandon()
            raise failure
        done = [future for future in self._under_way if future.done()]
        self._under_way = [future for future in self._under_way if not future.done()]
        return [settled for future in done if (settled := future.result()) is not None]

    def _run(self, batch: Batch) -> Settled | None:
        try:
            return self._deliver(batch)
        except Exception as error:  # noqa: BLE001 - carried to the caller's thread, which raises it
            self._failure = self._failure or error
            self._stop.set()
            return None

    def _deliver(self, batch: Batch) -> Settled | None:
        """Send until settled; None where sending was stopped. Raises WriteError when the time is up."""
        delivery = Delivery(batch)
        delays = full_jitter(random=self._random)
        until = self._clock() + self._deadline
        while delivery.left:
            self.pace.wait()
            if self._stop.is_set():
                return None
            if self._attempt(delivery):
                delays = full_jitter(random=self._random)
            if delivery.left:
                self._back_off(delivery, next(delays), until)
        return delivery.settled()

    def _attempt(self, delivery: Delivery) -> bool:
        """Send what is left, once; whether that made progress."""
        before = len(delivery.left)
        records = [delivery.batch.records[place] for place in delivery.left]
        delivery.take(self._answers(delivery, records), ordered=self._ordered)
        return len(delivery.left) < before

    def _answers(self, delivery: Delivery, records: Sequence[PutRecord]) -> list[Written | NotWritten]:
        delivery.requests += 1
        try:
            return self._write(delivery.batch.stream, records)
        except DISError as error:
            action = action_on(error)
            if action is Action.RAISE:
                raise
            if action is Action.DIVIDE and len(records) > 1:
                half = len(records) // 2
                return self._answers(delivery, records[:half]) + self._answers(delivery, records[half:])
            return [refusal_of(error, action)] * len(records)

    def _back_off(self, delivery: Delivery, delay: float, until: float) -> None:
        if self._clock() + delay > until:
            raise WriteError(delivery.unwritten(self._deadline))
        if delivery.throttled:
            self.pace.slow_down(delay)
        else:
            self._sleep(delay)
