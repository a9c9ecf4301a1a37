"""Sends one batch, until every record has a final answer.

Rules:
1. Only the records that failed are sent again (with ordering, see ``ordering``), after full-jitter pauses. Records that were
   throttled wait for the pace of their partition, see ``pace``.
2. A batch that makes progress is never given up. It fails ``deadline`` seconds after the last progress: a record of its own
   that was written or, while it waits for its pace, a record of any sender that its partitions accepted.
3. A record that names no partition isn't at fault if its partition doesn't exist or has expired: the stream is being scaled.
   It is sent again for a minute, and is refused for good after that.
4. After ``stop`` all that wait return at once, and nothing more is sent.
5. Thread-safe. Time, sleep and randomness are parameters.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import cache
from time import monotonic

from beam_dis.backoff import full_jitter, own_random
from beam_dis.errors import DISError, ServiceError, WriteError
from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, Written
from beam_dis.write.delivery import Delivery
from beam_dis.write.failures import (
    SECONDS_OF_SCALING,
    FailureAction,
    action_on,
    answer_for_each,
    is_of_scaling,
    seconds_to_wait,
)
from beam_dis.write.ordering import Group, by_key
from beam_dis.write.pace import StreamPace
from beam_dis.write.throttled_seconds import ThrottledSeconds

Write = Callable[[str, Sequence[PutRecord]], "list[Written | NotWritten]"]

DEADLINE = 120.0


class Deliverer:
    """Sends batches through ``write``, from any number of threads.

    Args:
        write: sends one request to a stream, and returns one answer per record.
        pace_of: the pace of a stream, shared by all senders; by default the deliverer has its own.
        deadline: seconds for a batch, from its last progress.
        ordered: keep the order of each key of a batch.
        group: what is kept in order instead of keys.
        clock: seconds, monotonic.
        sleep: waits for so many seconds; by default until ``stop``, at most.
        random: a number between 0 and 1, for the pauses.
    """

    def __init__(
        self,
        write: Write,
        *,
        pace_of: Callable[[str], StreamPace] | None = None,
        deadline: float = DEADLINE,
        ordered: bool = False,
        group: Group = by_key,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], object] | None = None,
        random: Callable[[], float] = own_random,
    ) -> None:
        self._write = write
        self._pace_of = pace_of or cache(lambda _stream: StreamPace(clock=clock))
        self._deadline = deadline
        self._ordered = ordered
        self._group = group
        self._clock = clock
        self._stop = threading.Event()
        self._sleep = sleep or self._stop.wait
        self._random = random
        self.throttled_seconds = ThrottledSeconds(clock=clock)

    def stop(self) -> None:
        """Send nothing more."""
        self._stop.set()

    def resume(self) -> None:
        """Send again, after ``stop``."""
        self._stop.clear()

    def deliver(self, delivery: Delivery) -> None:
        """Send a batch until nothing is left to send, or until ``stop``.

        Raises:
            WriteError: the deadline has passed.
            DISError: a request failed for no fault of its records.
        """
        batch, pace = delivery.batch, self._pace_of(delivery.batch.stream)
        delays = full_jitter(random=self._random)
        progress = self._clock()
        while delivery.to_send and not self._stop.is_set():
            indexes, delay = pace.admit(batch, delivery.to_send)
            if not indexes:
                accepted = pace.progress(batch, delivery.to_send)
                self._pause(delivery, delay, max(progress, accepted), throttled=pace.throttled)
                continue
            before = len(delivery.to_send)
            records = [batch.records[index] for index in indexes]
            answers: list[Written | NotWritten] = []
            try:
                answers = self._answers(delivery, records, written=pace.written)
                answers = self._while_scaling(delivery, records, answers)
            finally:
                pace.learn(batch, indexes, () if delivery.request_throttled else answers)
            pace.spread.note(batch.stream, records, answers, batch.limits.partitions)
            delivery.add_answers(indexes, answers, ordered=self._ordered, group=self._group)
            if len(delivery.to_send) < before:  # progress, so the pauses start short again
                delays = full_jitter(random=self._random)
                progress = self._clock()
            if delivery.request_throttled:
                pace.pause(max(next(delays), _asked_seconds(delivery.error)))
            elif delivery.failed:
                self._pause(delivery, max(next(delays), _asked_seconds(delivery.error)), progress)

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
                if delivery.error is not None:  # the pause after it is for the rest too
                    return first + [first[-1]] * (len(records) - half)
                return first + self._answers(delivery, records[half:], written=written)
            delivery.error = None if action is FailureAction.DIVIDE else error
            delivery.request_throttled = action is FailureAction.SLOW_DOWN
            return [answer_for_each(error, action)] * len(records)

    def _while_scaling(
        self, delivery: Delivery, records: Sequence[PutRecord], answers: list[Written | NotWritten]
    ) -> list[Written | NotWritten]:
        """The answers, with those as retriable that pass once the stream is scaled, unless they have lasted for a minute."""
        passing: list[bool] = []
        if NotWritten in map(type, answers):
            passing = [is_of_scaling(record, answer) for record, answer in zip(records, answers, strict=True)]
        if not any(passing):
            delivery.scaling_since = None
            return answers
        now = self._clock()
        if delivery.scaling_since is None:
            delivery.scaling_since = now
        if now > delivery.scaling_since + SECONDS_OF_SCALING:
            return answers
        return [
            NotWritten(answer.code, answer.message, retriable=True)
            if passes and isinstance(answer, NotWritten)
            else answer
            for answer, passes in zip(answers, passing, strict=True)
        ]

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


def _asked_seconds(error: DISError | None) -> float:
    """The seconds that an answer asks to wait in its Retry-After header; 0 if it doesn't."""
    return error.retry_after or 0.0 if isinstance(error, ServiceError) else 0.0
