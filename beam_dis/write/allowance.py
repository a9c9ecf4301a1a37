"""How much may be sent to one partition of a stream, before it throttles and after it has.

Rules of both allowances:
1. An allowance is refilled at a rate. A rate of 1 is a partition's documented throughput, and a record costs its share of the
   records or of the bytes of a second, whichever is more.
2. Small amounts are collected, so that they make fewer requests.
3. Not thread-safe. Times are seconds that never go back. Time and randomness are parameters.

Rules before anything is throttled:
4. The rate begins at the documented one and grows with what is accepted. Once two seconds' worth were accepted, a burst of a
   second's worth is sent at once.
5. At most half as much as was accepted is in flight, at first one record or a twentieth of a second's worth. Otherwise processes
   that begin together would exceed the limit with all that they send before the first answer.
6. A partition that takes three seconds' worth more than is documented has another limit, if any.
7. When a partition throttles, all senders together have used up what is documented. The share of it that this process was given
   is its first rate afterwards.

Rules after that:
8. A partition that throttles takes less than the rate, and at least what it accepted since the refusal before. The next rate
   is the mean of both, less three tenths, which leaves room for some seconds of growth.
9. The rate grows as long as records wait. The steps depend on the square root of the rate: a slow process gains more than a
   fast one, and their rates approach each other.
10. After two seconds the steps double every second, so that a partition that takes more is soon used. If it takes only a few
    records a second, all steps are smaller.
11. After a refusal nothing is sent for a tenth of a second, and for longer each time as long as nothing at all is accepted. A
    random part of a request's time comes on top, so that processes that were refused together don't send together again.
12. Refusals that would be as many at a lower rate, see ``refused_share``, change nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt

from beam_dis.backoff import own_random
from beam_dis.write.refused_share import RefusedShare, SentRecords

POLL_SECONDS = 0.005
"""The shortest wait before records are offered again."""

_FIRST_SECONDS = 0.05
_FIRST_GROWTH = 12.0
_FIRST_REQUEST_SECONDS = 0.02
_FIRST_GROWN = 2.0
_PROOF_SECONDS = 3.0
_LEAST_SHARE = 0.1
_REQUEST_SECONDS = 0.1
_LONGEST_WAIT = 5.0
_MEASURED_SECONDS = 0.2
_BACK = 0.3
_STEP = 0.035
_EVEN_STEPS = 2.0
_FINE_RECORDS = 20.0


class FirstAllowance:
    """How much may be sent to a partition that has never throttled.

    Args:
        now: the time.
        documented: the documented throughput; more than 1 if this is the allowance of several partitions.

    ``progress`` is when the partition last accepted a record.
    """

    def __init__(self, now: float, documented: float = 1.0) -> None:
        self.progress = now
        self._documented = documented
        self._left = _FIRST_SECONDS * documented
        self._in_flight = 0.0
        self._ever_accepted = 0.0
        self._spare = documented
        self._accepted = 0.0
        self._since = now
        self._now = now

    @property
    def takes_more(self) -> bool:
        """Whether the partition has taken much more than is documented."""
        return self._spare < -_PROOF_SECONDS * self._documented

    def take(self, costs: Sequence[float], now: float) -> tuple[int, float]:
        """Take what the first of some records cost.

        Returns:
            How many records may be sent now; if none may, the seconds until some may.
        """
        self._refill(now)
        rate, most = self._rate(), max(_FIRST_SECONDS * self._documented, self._grown() / 2) - self._in_flight
        enough = min(sum(costs), max(costs[0], rate * _FIRST_REQUEST_SECONDS), self._documented)
        idle = self._in_flight == 0.0
        if not idle and enough > min(most, self._left):
            return 0, min(max(POLL_SECONDS, (enough - self._left) / rate), _FIRST_REQUEST_SECONDS)
        count = 0
        while count < len(costs) and ((idle and count == 0) or costs[count] <= min(most, self._left)):
            self._left -= costs[count]
            self._in_flight += costs[count]
            most -= costs[count]
            count += 1
        return count, 0.0

    def learn(self, sent: float, accepted: float, now: float) -> None:
        """Learn from the answer to a request: what its records cost, and those of them that were accepted."""
        self._refill(now)
        self._in_flight = max(0.0, self._in_flight - sent) if self._in_flight - sent > 1e-9 else 0.0
        self._ever_accepted += accepted
        self._accepted += accepted
        self._spare -= accepted
        if accepted:
            self.progress = now

    def share(self, now: float) -> float:
        """The rate that the partition gives this process if it has given all senders what is documented."""
        return max(_LEAST_SHARE * self._documented, self._accepted / (1.0 + now - self._since))

    def after_fork(self) -> None:
        """Begin without requests in flight: those of the parent are answered in the parent."""
        self._in_flight = 0.0

    def _grown(self) -> float:
        """What was accepted in this burst, and at first also in earlier ones."""
        return max(self._accepted, min(self._ever_accepted, _FIRST_GROWN * self._documented))

    def _rate(self) -> float:
        return self._documented + _FIRST_GROWTH * self._grown()

    def _refill(self, now: float) -> None:
        seconds, self._now = max(0.0, now - self._now), now
        self._left = min(self._left + self._rate() * seconds, self._documented)
        self._spare = min(self._spare + self._documented * seconds, self._documented)
        if self._spare == self._documented:
            self._accepted, self._since = 0.0, now


class Allowance:
    """How much may be sent to a partition that throttles: ``left``, which is refilled at ``rate``.

    Args:
        now: the time.
        rate: the first rate.
        documented: the documented throughput; more than 1 if this is the allowance of several partitions.
        random: uniform in [0, 1).

    ``progress`` is when the partition last accepted a record.
    """

    def __init__(
        self, now: float, rate: float, documented: float = 1.0, *, random: Callable[[], float] = own_random
    ) -> None:
        self.rate = rate
        self.left = 0.0
        self.progress = now
        self._documented = documented
        self._random = random
        self._now = now
        self._since = now
        self._accepted = 0.0
        self._records_wait = True
        self._always_waited = True
        self._waited = 0.0
        self._first_cost = 0.0
        self._pause = _REQUEST_SECONDS
        self._paused_until = now
        self._refused = RefusedShare()

    def take(self, costs: Sequence[float], now: float) -> tuple[int, float]:
        """Take what the first of some records cost.

        The first record is sent every five seconds at least, to find out whether a partition takes records again.

        Returns:
            How many records may be sent now; if none may, the seconds until some may.
        """
        first = min(costs[0], max(self._documented, self.rate))  # a larger one is sent once the allowance is full
        self._first_cost = first
        self.rate = max(self.rate, first / _LONGEST_WAIT)
        self._refill(now)
        enough = max(first, min(sum(costs), self.rate * _REQUEST_SECONDS))
        wait = max((enough - self.left) / self.rate, self._paused_until - now)
        if wait > 1e-9:
            self._records_wait = True
            return 0, max(POLL_SECONDS, wait)
        count = 0
        while count < len(costs) and (count == 0 or costs[count] <= self.left):
            self.left -= costs[count]
            count += 1
        if count == len(costs) and self.left > self.rate * _REQUEST_SECONDS:
            self._records_wait = self._always_waited = False
        return count, 0.0

    def learn(self, accepted: float, records: SentRecords, now: float) -> None:
        """Learn from the answer to a request: the cost of the records that were accepted, and how many were refused."""
        self._refill(now)
        self._accepted += accepted
        if accepted:
            self.progress = now
            self._pause = _REQUEST_SECONDS
        if self._refused.expects(self.rate, records):
            return
        seconds = now - self._since
        if seconds > _MEASURED_SECONDS:  # otherwise this request and the one refused before were in flight together
            accepted = self._accepted + self._first_cost / 2  # there may have been room for half a record
            taken = accepted / (1.0 - self._refused.share) / seconds
            fits = (taken + self.rate) / 2 if self._always_waited else self.rate
            before, self.rate = self.rate, max(fits * (1.0 - _BACK / self._coarseness()), self.rate / 2)
            self._refused.lowered(before, self.rate)
            self._accepted, self._since = 0.0, now
        self.left = min(self.left, 0.0)
        if now >= self._paused_until:  # otherwise the request was in flight when the pause began
            self.left -= self._random() * max(self._first_cost, self.rate * _REQUEST_SECONDS)
            self._paused_until = now + self._pause
            self._pause = min(2 * self._pause, _LONGEST_WAIT)
        self._waited = 0.0
        self._records_wait = self._always_waited = True

    def _coarseness(self) -> float:
        """How much smaller the steps of a partition are that takes only a few records a second: it would refuse too many."""
        return max(1.0, sqrt(_FINE_RECORDS * self._first_cost / self.rate))

    def _refill(self, now: float) -> None:
        seconds, self._now = max(0.0, now - self._now), now
        if self._records_wait:
            step_seconds = seconds / self._coarseness()
            self._waited += step_seconds
            faster = 2 ** min(max(0.0, self._waited - _EVEN_STEPS), 10.0)
            self.rate += min(self.rate, _STEP * faster * sqrt(self.rate) * step_seconds)
        self.left = min(self.left + self.rate * seconds, max(self._documented, self.rate))
