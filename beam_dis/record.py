"""Records: as a pipeline reads them, and as they are put.

Law: plain values only, no Beam and no HTTP. The Beam coder for it is registered in ``beam_dis.coders``. Beam reads the
annotations as they are, so they are types and not text: no ``from __future__ import annotations`` here, no ``|``.
"""

from datetime import datetime, timedelta, timezone
from typing import NamedTuple, Optional, Union

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class DISRecord(NamedTuple):
    """One record of a stream, at one sequence number of one partition.

    ``stream`` is the stream's name and ``partition_id`` the service's word for the partition
    (``"shardId-0000000000"``). ``sequence_number`` counts records within the partition from 0.
    ``partition_key`` is None where the producer set none. ``timestamp`` is the arrival time in
    milliseconds since 1970 UTC, as the service reports it; ``arrival_time`` is the same as a datetime.
    """

    stream: str
    partition_id: str
    sequence_number: int
    partition_key: Optional[str]  # noqa: UP045 - Beam makes an untyped field of ``str | None``
    data: bytes
    timestamp: int

    @property
    def arrival_time(self) -> datetime:
        """``timestamp`` as an aware datetime in UTC, exact to the millisecond."""
        return _EPOCH + timedelta(milliseconds=self.timestamp)


class PutRecord(msgspec.Struct, frozen=True, gc=False):
    """A record to put: its data, and where it goes.

    ``partition_id`` wins over ``explicit_hash_key``, which wins over ``partition_key``; with none of them the service
    chooses. ``partition_key`` is kept with the record. ``explicit_hash_key`` is a number of 0 to 2^63-1, as an int or as
    decimal text; ``partition_id`` is a number (``0``) or an id (``"shardId-0000000000"``).
    """

    data: bytes
    partition_key: Optional[str] = None  # noqa: UP045
    explicit_hash_key: Union[int, str, None] = None  # noqa: UP007
    partition_id: Union[int, str, None] = None  # noqa: UP007
