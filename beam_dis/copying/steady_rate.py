"""Keeps what is written to one partition below the service's limits, so that no record of a request is refused.

A record that is refused in the middle of a request would be stored after the records that follow it.
"""

from __future__ import annotations

from collections.abc import Callable

from beam_dis.wire.limits import PartitionThroughput

SHARE = 0.9
"""The part of the service's limits that is used."""


class SteadyRate:
    """The allowance of one partition; for one thread.

    Args:
        limits: what the partition takes in a second.
        limited: whether to keep to it from the start; otherwise from the first refusal on.
        clock: seconds that never go back.
        sleep: pauses.
    """

    def __init__(
        self,
        limits: PartitionThroughput,
        *,
        limited: bool,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self.limited = limited
        self.most_bytes = int(SHARE * limits.write_bytes)
        self.most_records = int(SHARE * limits.write_records)
        self._clock = clock
        self._sleep = sleep
        self._bytes = float(self.most_bytes)
        self._records = float(self.most_records)
        self._at = clock()

    def wait(self, size: int, count: int) -> None:
        """Wait until ``count`` records of ``size`` bytes in all may be sent, and count them; one that is too large alone too."""
        if not self.limited:
            return
        self._refill()
        missing = max(
            (min(size, self.most_bytes) - self._bytes) / self.most_bytes,
            (min(count, self.most_records) - self._records) / self.most_records,
        )
        if missing > 0:
            self._sleep(missing)
            self._refill()
        self._bytes -= size
        self._records -= count

    def refused(self) -> None:
        """The service has refused a record: nothing is left of its allowance."""
        self.limited = True
        self._bytes = self._records = 0.0
        self._at = self._clock()

    def _refill(self) -> None:
        now = self._clock()
        passed, self._at = now - self._at, now
        self._bytes = min(self.most_bytes, self._bytes + passed * self.most_bytes)
        self._records = min(self.most_records, self._records + passed * self.most_records)
