"""The record as a pipeline sees it.

Law: plain values only, no Beam and no HTTP. The Beam coder for it is registered in ``beam_dis.coders``. Beam reads the
annotations as they are, so they are types and not text: no ``from __future__ import annotations`` here, no ``|``.
"""

from datetime import datetime, timedelta, timezone
from typing import NamedTuple, Optional

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class DISRecord(NamedTuple):
    """One record of a stream, at one sequence number of one partition.

    ``stream`` is the stream's name and ``partition_id`` the service's word for the partition
    (``"shardId-0000000000"``). ``sequence_number`` counts records within the partition from 0.
    ``partition_key`` is None where the producer set none. ``timestamp`` is the arrival time in
    milliseconds since 1970 UTC, as the service reports it; ``event_time`` is the same as a datetime.
    """

    stream: str
    partition_id: str
    sequence_number: int
    partition_key: Optional[str]  # noqa: UP045 - Beam makes an untyped field of ``str | None``
    data: bytes
    timestamp: int

    @property
    def event_time(self) -> datetime:
        """``timestamp`` as an aware datetime in UTC, exact to the millisecond."""
        return _EPOCH + timedelta(milliseconds=self.timestamp)
