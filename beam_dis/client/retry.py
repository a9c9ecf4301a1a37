"""Repeats attempts that failed: which ones, how soon, and until when.

Rule 1: a deadline bounds all attempts and the pauses between them; each attempt gets the time that is left.
Rule 2: if no connection was made, or the service answered with a code whose remedy is to retry: repeat.
Rule 3: if the answer was lost (cut, timed out, unreadable, an HTTP 5xx from something in between) or damaged (a 400 without
a DIS code, from a service that has answered as a DIS before): repeat only if ``retry_lost`` says so.
Rule 4: if the service throttles: repeat after longer pauses, unless the caller slows down itself.
Rule 5: if the answer has a Retry-After header, the pause is at least that long. If the deadline is earlier, raise at once.
Rule 6: raise any other error at once, also that of an answer that is too large, since the next one would be as large. A
TransportError says ``maybe_done`` if any attempt may have been carried out.
Rule 7: the error that is raised after several attempts says how many there were. If the last one got no answer, it names the
last refusal, or it is the error of an earlier answer that wasn't of a DIS: both say more than that the time was over.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from copy import copy
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar

from beam_dis.backoff import full_jitter
from beam_dis.errors import AnswerTooLargeError, ServiceError, TransportError
from beam_dis.outages import Refusals
from beam_dis.wire.error_codes import Remedy

_LOG = logging.getLogger(__name__)
_FIRST_PAUSE = 0.05
_FIRST_PAUSE_WHEN_THROTTLED = 0.5

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Retry:
    """The attempts at one request.

    Args:
        deadline: seconds for all attempts.
        retry_lost: repeat after a lost answer: the operation is idempotent, or the user asked for it.
        retry_throttling: repeat when the service throttles.
        known_dis: the service has answered as a DIS before.
        clock: seconds that never go back.
        sleep: pauses.
        random: uniform in [0, 1).
    """

    deadline: float
    retry_lost: bool
    retry_throttling: bool
    known_dis: bool = False
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    random: Callable[[], float]
    maybe_done: bool = field(default=False, init=False)
    """Whether an attempt without an answer may have been carried out."""
    _attempts: int = field(default=0, init=False)
    _refusals: Refusals = field(default_factory=Refusals, init=False)
    _not_a_dis: TransportError | None = field(default=None, init=False)
    """The last error of an answer that wasn't of a DIS."""

    def run(self, attempt: Callable[[float], T]) -> T:
        """Return the first success of ``attempt(seconds left)``, or raise the last error."""
        start = self.clock()
        pauses = full_jitter(_FIRST_PAUSE, random=self.random)
        throttled = full_jitter(_FIRST_PAUSE_WHEN_THROTTLED, random=self.random)
        while True:
            self._attempts += 1
            try:
                return attempt(start + self.deadline - self.clock())
            except (TransportError, ServiceError) as error:
                self.maybe_done = self.maybe_done or lost_answer(error)
                self._refusals.note(error)
                if isinstance(error, TransportError) and error.not_a_dis:
                    self._not_a_dis = error
                pause = next(throttled if _is_throttling(error) else pauses)
                if isinstance(error, ServiceError) and error.retry_after is not None:
                    pause = max(pause, error.retry_after)
                passed = self.clock() - start
                if not self._repeats(error) or passed + pause >= self.deadline:
                    said = self._not_a_dis if self._not_a_dis and isinstance(error, TransportError) else error
                    raise self._final(said, passed) from said.__cause__
                _LOG.debug("attempt %d failed, next one in %.3f s: %s", self._attempts, pause, error)
            self.sleep(pause)

    def _repeats(self, error: TransportError | ServiceError) -> bool:
        if isinstance(error, AnswerTooLargeError):
            return False
        if lost_answer(error):
            return self.retry_lost
        if isinstance(error, TransportError) or error.remedy is Remedy.RETRY:
            return True
        if self.known_dis and error.status == HTTPStatus.BAD_REQUEST and not error.code:
            return self.retry_lost  # damaged on its way
        return self.retry_throttling and _is_throttling(error)

    def _final(self, error: TransportError | ServiceError, passed: float) -> TransportError | ServiceError:
        """The error to raise, without the traceback, whose frames contain the request."""
        final = copy(error)
        if self._attempts > 1:
            refused = self._refusals.among(self._attempts, named=isinstance(error, ServiceError))
            final.args = (f"{error} ({self._attempts} attempts in {passed:.1f} s{refused})",)
        if isinstance(final, TransportError):
            final.maybe_done = self.maybe_done
        return final


def lost_answer(error: TransportError | ServiceError) -> bool:
    """Whether the request may have been carried out although there is no answer of the service.

    A DIS code means that the service refused, and so does HTTP's 503. Any other 5xx may come from a gateway, which has codes
    of its own (``APIG.0201``: its backend timed out).
    """
    if isinstance(error, TransportError):
        return error.maybe_done
    return not error.is_of_service and error.status >= 500 and error.status != 503


def _is_throttling(error: TransportError | ServiceError) -> bool:
    return isinstance(error, ServiceError) and error.remedy is Remedy.SLOW_DOWN
