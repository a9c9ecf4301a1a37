"""How far a read is behind, by partition: records, milliseconds, and the time until unread records expire.

Rules:

1. A partition is read up to the arrival time of its last record, or up to the time at which it had no more records. So its oldest
   unread record arrived at that time or later, and expires then plus the retention, or later.
2. A partition that has caught up is 0 behind, and its next record has the whole retention. Otherwise it falls further behind as time
   goes on, also while its requests fail.
3. A range that was split has several parts. What they have left is added up, and the one that is furthest behind counts.
4. Parts that this process doesn't read aren't known here.
5. Single operations on dicts are enough, without a lock, because an abandoned part is forgotten during garbage collection.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple


class Lag(NamedTuple):
    """How far a partition is behind.

    Attributes:
        records: how many records are unread.
        up_to: the service's clock (ms) up to which everything was read; 0 once nothing of it is left to read.
        millis_behind: how long ago that was; 0 if the partition has caught up.
        expires_in: milliseconds until unread records can expire; None if the retention isn't known.
        unread_share: the part of the retention that has passed for the oldest unread record; 0 if the partition has caught up.
    """

    records: int
    up_to: int
    millis_behind: int
    expires_in: int | None
    unread_share: float


class _Part(NamedTuple):
    """What is left of one part of a partition."""

    left: int
    up_to: int
    caught_up: bool


class Lags:
    """The partitions of one read in one process; thread-safe."""

    def __init__(self) -> None:
        self._parts: dict[Hashable, dict[Hashable, _Part]] = {}

    def after_records(
        self, partition: Hashable, part: Hashable, *, left: int, up_to: int, now: int, retention: int | None
    ) -> Lag:
        """Records were read.

        Args:
            partition: tells it from other partitions of the read.
            part: tells a part of the partition from its other parts.
            left: how many records are unread.
            up_to: the arrival time (ms) of the last record.
            now: the service's clock (ms).
            retention: for how long (ms) the stream keeps a record; None if that isn't known.
        """
        parts = self._parts.setdefault(partition, {})
        known = parts.get(part)
        parts[part] = _Part(left, up_to if known is None else max(up_to, known.up_to), caught_up=False)
        return _lag(parts, now, retention)

    def after_catching_up(self, partition: Hashable, part: Hashable, *, at: int, retention: int | None) -> Lag:
        """There were no more records at a time (ms) of the service's clock."""
        parts = self._parts.setdefault(partition, {})
        parts[part] = _Part(0, at, caught_up=True)
        return _lag(parts, at, retention)

    def after_nothing(
        self, partition: Hashable, part: Hashable, *, left: int, now: int, retention: int | None
    ) -> Lag | None:
        """A request failed, or had no records although there may be more; None if nothing was read before."""
        parts = self._parts.get(partition, {})
        known = parts.get(part)
        if known is None:
            return None
        parts[part] = _Part(left, known.up_to, caught_up=False)
        return _lag(parts, now, retention)

    def after_end(self, partition: Hashable, part: Hashable, *, now: int, retention: int | None) -> Lag:
        """A part was read to its end, or is given up; nothing is left of it."""
        self.forget(partition, part)
        return _lag(self._parts.get(partition, {}), now, retention)

    def forget(self, partition: Hashable, part: Hashable) -> None:
        """A part isn't read here any more."""
        self._parts.get(partition, {}).pop(part, None)


def _lag(parts: dict[Hashable, _Part], now: int, retention: int | None) -> Lag:
    known = list(parts.values())
    left, up_to = sum([part.left for part in known]), min([part.up_to for part in known], default=0)
    if all(part.caught_up for part in known):
        return Lag(left, up_to, 0, retention, 0.0)
    behind = max(0, now - up_to)
    if retention is None:
        return Lag(left, up_to, behind, None, 0.0)
    return Lag(left, up_to, behind, max(0, retention - behind), behind / retention)
