"""How many bytes a number of records is, by what has been read so far.

Law: an estimate, cheap, never raising, 0 for nothing left; one per stream and process, without I/O. Runners weigh
restrictions against each other by it.
"""

from __future__ import annotations

from beam_dis.record import DISRecord

_ASSUMED_BYTES = 256
_backlogs: dict[str, Backlog] = {}


class Backlog:
    """The mean size of a stream's records; races between threads only blur it."""

    def __init__(self) -> None:
        self._records = 0
        self._bytes = 0

    @staticmethod
    def of(stream: str) -> Backlog:
        """The one of this process for a stream."""
        return _backlogs.setdefault(stream, Backlog())

    def note(self, records: list[DISRecord]) -> None:
        """A page was read."""
        self._records += len(records)
        self._bytes += sum([len(record.data) for record in records])

    def bytes(self, records: int) -> float:
        """The estimated size of some records."""
        return records * (self._bytes / self._records if self._records else _ASSUMED_BYTES)
