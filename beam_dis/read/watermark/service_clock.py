"""Which of the service's clocks to believe, and how exactly to know it: watermarks follow it, and never go back.

Rules:

1. An answer's clock is believed if it agrees with earlier answers, by this machine's monotonic clock. The first answer is believed
   if it agrees with this machine's time.
2. Another clock is believed after five answers in a row agree on it, over three seconds at least: a machine was suspended, or the
   clock was set. Until then time goes on from the earlier answers; without them it is the earlier of both times.
3. A Date has whole seconds: the service's time is that of the Date or up to a second later. All believed answers together
   show it more exactly, so that windows don't wait for the next whole second. It is the earliest time that agrees with them.
4. An answer that contradicts them within the tolerance moves time back at once, but forward only by a tenth of the seconds that
   have passed. So a single answer that is some seconds ahead moves it by a second at most, and a clock that drifts is bounded.
5. A clock that isn't believed is logged with its value, and so is one that is believed after all.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime, timezone

from beam_dis.forks import ForkSafeLock

TOLERANCE_SECONDS = 5.0
"""Servers of one service differ, and this machine's clock may be wrong by as much."""
AGREEING_ANSWERS = 5
AGREEING_SECONDS = 3.0
RISE = 0.1
"""By how many seconds the believed time may move forward, in each second."""
_DATE_SECONDS = 1.0
_LOG_SECONDS = 60.0

_log = logging.getLogger(__name__)


class ServiceClock:
    """The clock of one service; thread-safe.

    Args:
        subject: the service, for messages.
        clock: seconds that never go back.
        wall: this machine's time, in seconds since 1970.
    """

    def __init__(
        self,
        subject: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._subject = subject
        self._clock = clock
        self._wall = wall
        self._lock = ForkSafeLock()
        self._believed: float | None = None  # seconds that the service's time is ahead of the monotonic clock at least
        self._most = 0.0  # the same at most
        self._believed_at = 0.0
        self._other: float | None = None
        self._answers = 0
        self._since = 0.0
        self._logged_at = float("-inf")

    def checked(self, as_of: int, requested_at: float) -> int:
        """The service's time (ms) when a request was sent, to be believed.

        Args:
            as_of: the same by the answer.
            requested_at: the same by the monotonic clock, or up to the time of the request's repetitions earlier.
        """
        with self._lock:
            now = self._clock()
            ahead, took = as_of / 1000 - requested_at, now - requested_at
            reference = self._wall() - now if self._believed is None else self._believed
            if _agree(ahead, reference, took):
                self._other = None
                believed = self._believe(ahead, took, now)
                return int(max(believed + requested_at, min(as_of / 1000, believed + now)) * 1000)
            if self._other is None or not _agree(ahead, self._other, took):
                self._other, self._answers, self._since = ahead, 0, now
            self._answers += 1
            expected = int((reference + requested_at) * 1000)
            believed = self._answers >= AGREEING_ANSWERS and now - self._since >= AGREEING_SECONDS
            if believed:
                self._believed = self._other = None
                self._believe(ahead, took, now)
            else:
                as_of, answered = (min(as_of, expected) if self._believed is None else expected), as_of
            due = now - self._logged_at >= _LOG_SECONDS
            if due and not believed:
                self._logged_at = now
        if believed:
            _log.warning("%s: its clock is believed to be %s, since answers agree", self._subject, _text(as_of))
        elif due:
            _log.warning(
                "%s: its clock says %s, but by %s it is %s: the clock isn't believed until five answers agree",
                self._subject,
                _text(answered),
                "this machine" if self._believed is None else "earlier answers",
                _text(expected),
            )
        return as_of

    def now(self) -> int | None:
        """The service's time (ms) now at least, by the answers that are believed; None if there are none."""
        with self._lock:
            return None if self._believed is None else int((self._believed + self._clock()) * 1000)

    def _believe(self, ahead: float, took: float, now: float) -> float:
        """Adjust the time to an answer; return by how many seconds it is ahead of the monotonic clock at least."""
        least, most = ahead - took, ahead + took + _DATE_SECONDS
        if self._believed is None:
            self._believed, self._most = least, most
        else:
            self._most = min(self._most + RISE * (now - self._believed_at), most)
            self._believed = min(max(self._believed, least), self._most)
        self._believed_at = now
        return self._believed


def _agree(ahead: float, reference: float, took: float) -> bool:
    """Whether two clocks agree; ``ahead`` may be too high by the seconds that the request took."""
    return reference - TOLERANCE_SECONDS <= ahead <= reference + TOLERANCE_SECONDS + took


def _text(milliseconds: int) -> str:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, timezone.utc).isoformat(timespec="seconds")
    except (OverflowError, ValueError, OSError):
        return f"{milliseconds} ms"
