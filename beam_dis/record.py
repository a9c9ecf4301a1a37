"""The records that a pipeline reads, and the records to put.

Rules:

1. Plain values, no Beam and no HTTP. ``beam_dis.coders`` registers the Beam coder.
2. Beam reads the annotations at run time, so this file has no ``from __future__ import annotations`` and no ``|``.
"""

from datetime import datetime, timedelta, timezone
from typing import NamedTuple, Optional, Union

import msgspec

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class DISRecord(NamedTuple):
    """A record of a stream.

    Attributes:
        stream: the stream's name.
        partition_id: the partition's id, such as ``"shardId-0000000000"``.
        sequence_number: the record's number in its partition, counted from 0.
        partition_key: the producer's key; None if it gave none.
        data: the record's bytes.
        timestamp: the arrival time as the service reports it, in milliseconds since 1970 UTC.
        client_info: what the producer gave beside the data; None if it gave nothing, as for every record of DIS.
    """

    stream: str
    partition_id: str
    sequence_number: int
    partition_key: Optional[str]  # noqa: UP045 - Beam makes an untyped field of ``str | None``
    data: bytes
    timestamp: int
    client_info: Optional[bytes] = None  # noqa: UP045

    @property
    def arrival_time(self) -> datetime:
        """``timestamp`` as an aware datetime in UTC, exact to the millisecond."""
        return _EPOCH + timedelta(milliseconds=self.timestamp)


class PutRecord(msgspec.Struct, frozen=True, gc=False):
    """A record to put, and what chooses its partition.

    ``partition_id`` takes precedence over ``explicit_hash_key``, and that over ``partition_key``. Without any of them the
    service chooses.

    Attributes:
        data: the record's bytes.
        partition_key: text whose hash chooses the partition; it is stored with the record.
        explicit_hash_key: takes the place of that hash: 0 to 2^63-1, an int or decimal text.
        partition_id: a number (``0``) or an id (``"shardId-0000000000"``).
        timestamp: milliseconds since 1970, sent along as the vendor's Java client does. The API reference doesn't have it: a
            record is read with the time of its arrival.
        client_info: up to 16 bytes that V3IO keeps beside the data. DIS has nothing of the kind.
    """

    data: bytes
    partition_key: Optional[str] = None  # noqa: UP045
    explicit_hash_key: Union[int, str, None] = None  # noqa: UP007
    partition_id: Union[int, str, None] = None  # noqa: UP007
    timestamp: Optional[int] = None  # noqa: UP045
    client_info: Optional[bytes] = None  # noqa: UP045
