"""Which failures are tried again, how soon, and until when.

Rule 1: a deadline bounds all attempts and the waits between them; an attempt is told what is left of it.
Rule 2: no connection was made, or the service answered with a code whose remedy is to retry: again.
Rule 3: the answer was lost (cut, timed out, not understood, an HTTP 5xx from something in between), or spoilt on its way (a
400 without a DIS code, from a service that has answered as a DIS): again only where the request may be repeated, which is
where the route is harmless or the caller said so.
Rule 4: too much traffic: again after longer waits, unless the caller paces itself.
Rule 5: everything else is raised as it is. An error says it may have been carried out if any attempt may have been.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TypeVar

from beam_dis.backoff import full_jitter
from beam_dis.errors import ServiceError, TransportError
from beam_dis.wire.error_codes import Remedy

_LOG = logging.getLogger(__name__)
_FIRST_WAIT = 0.05
_FIRST_WAIT_WHEN_THROTTLED = 0.5

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Retry:
    """The attempts at one request; ``lost`` turns True when one may have been carried out without an answer.

    ``deadline`` in seconds; ``repeatable``: a lost answer is tried again; ``patient``: so is throttling. ``answered``: the
    service is known to be a DIS.
    """

    deadline: float
    repeatable: bool
    patient: bool
    answered: bool = False
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    random: Callable[[], float]
    lost: bool = False
    _attempts: int = field(default=0, init=False)

    def run(self, attempt: Callable[[float], T]) -> T:
        """The first success of ``attempt(seconds left)``, or the error that ends it."""
        start = self.clock()
        waits = full_jitter(_FIRST_WAIT, random=self.random)
        throttled = full_jitter(_FIRST_WAIT_WHEN_THROTTLED, random=self.random)
        while True:
            self._attempts += 1
            try:
                return attempt(start + self.deadline - self.clock())
            except (TransportError, ServiceError) as error:
                self.lost = self.lost or was_lost(error)
                wait = next(throttled if _is_throttling(error) else waits)
                passed = self.clock() - start
                if not self._again(error) or passed + wait >= self.deadline:
                    raise self._final(error, passed) from error.__cause__
                _LOG.debug("attempt %d failed, waiting %.3f s: %s", self._attempts, wait, error)
            self.sleep(wait)

    def _again(self, error: TransportError | ServiceError) -> bool:
        if was_lost(error):
            return self.repeatable
        if isinstance(error, TransportError) or error.remedy is Remedy.RETRY:
            return True
        if self.answered and _is_spoilt(error):
            return self.repeatable
        return self.patient and _is_throttling(error)

    def _final(self, error: TransportError | ServiceError, passed: float) -> TransportError | ServiceError:
        if isinstance(error, ServiceError):
            return error
        tried = f" ({self._attempts} attempts in {passed:.1f} s)" if self._attempts > 1 else ""
        return TransportError(f"{error}{tried}", maybe_done=self.lost)


def was_lost(error: TransportError | ServiceError) -> bool:
    """Whether the request may have been carried out although no answer of the service's says so.

    A DIS code is the service's word that it refused; 503 says so for HTTP; any other 5xx may come from a gateway, which
    has codes of its own (``APIG.0201`` is a backend that timed out).
    """
    if isinstance(error, TransportError):
        return error.maybe_done
    return not error.code.startswith("DIS.") and error.status >= 500 and error.status != 503


def _is_spoilt(error: ServiceError) -> bool:
    return error.status == HTTPStatus.BAD_REQUEST and not error.code


def _is_throttling(error: TransportError | ServiceError) -> bool:
    return isinstance(error, ServiceError) and error.remedy is Remedy.SLOW_DOWN
