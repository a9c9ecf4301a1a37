"""Notices partitions whose pages stay empty although listings have records there.

The watermark of such a partition waits, so the warning is due once it was so for a minute, and again only after records came.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Hashable

EMPTY_SECONDS = 60.0


class EmptyPageAlarm:
    """The alarm of one read in one process; ``clock`` in seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[Hashable, float] = {}

    def note_records(self, partition: Hashable) -> None:
        """A partition returned records, or has no more by the listings too."""
        self._since.pop(partition, None)

    def claim_warning(self, partition: Hashable) -> bool:
        """A page was empty although a listing has records there: whether to log it now."""
        now = self._clock()
        if now - self._since.setdefault(partition, now) < EMPTY_SECONDS:
            return False
        self._since[partition] = math.inf
        return True
