"""How many bytes a number of records is, by what this process has read so far.

Law: an estimate, cheap, never raising, 0 for nothing left, without I/O; races between threads only blur it. Runners weigh
restrictions against each other by it.
"""

from __future__ import annotations

from collections import Counter

_ASSUMED_BYTES = 256


class Backlog:
    """The mean size of a record, from the counts of ``records_read`` and ``bytes_read``."""

    _read: Counter[str] = Counter()

    @classmethod
    def note(cls, name: str, n: int) -> None:
        """Something was counted."""
        cls._read[name] += n

    @classmethod
    def bytes(cls, records: int) -> float:
        """The estimated size of some records."""
        seen = cls._read["records_read"]
        return records * (cls._read["bytes_read"] / seen if seen else _ASSUMED_BYTES)
