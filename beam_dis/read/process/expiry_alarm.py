"""Notices partitions whose unread records are about to expire.

The warning is due once less than a fifth of the retention was left for a minute, and again only after the partition has caught up. A
read that begins at the earliest record is often out of that range sooner.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable

SHARE_LEFT = 0.2
IN_DANGER_SECONDS = 60.0


class ExpiryAlarm:
    """The alarm of one read in one process; ``clock`` in seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[Hashable, float] = {}

    def claim_warning(self, partition: Hashable, share: float) -> bool:
        """Whether to log it now, by the part of the retention that has passed for the oldest unread record; 0 if there is none."""
        since = self._since.get(partition)
        if share <= 1 - SHARE_LEFT:
            if since is not None and (since != math.inf or share == 0):
                del self._since[partition]
            return False
        now = self._clock()
        if since is None:
            self._since[partition] = now
            return False
        if now - since < IN_DANGER_SECONDS:
            return False
        self._since[partition] = math.inf
        return True
