"""Makes the records of a put: from records that the sink has checked, or from any that a user gives."""

from __future__ import annotations

from typing import Any

import msgspec

from beam_dis.errors import EncodeError
from beam_dis.names import canonical_partition_id
from beam_dis.plain_values import described, plain_bytes, shown
from beam_dis.record import PutRecord
from beam_dis.record_checks import checked_record
from beam_dis.v3io.connection import V3IOConnection
from beam_dis.v3io.messages import NewRecord
from beam_dis.wire.ranges import partition_number


def checked_new_record(record: Any) -> NewRecord:
    """Check a record as that of a put to DIS is checked, and convert it. Raises EncodeError, which names the field."""
    if not isinstance(record, PutRecord):
        raise EncodeError(f"it is {described(record)}: give PutRecord(data, partition_key=…)")
    for name in ("explicit_hash_key", "timestamp"):
        if getattr(record, name) is not None:
            raise EncodeError(f"{name}={shown(getattr(record, name))}: {V3IOConnection.lacks[name]}")
    info: Any = record.client_info
    try:
        client_info = None if info is None else plain_bytes(info)
    except TypeError:
        raise EncodeError(f"client_info={shown(info)} is of type {type(info).__name__}, not bytes") from None
    plain = checked_record(msgspec.structs.replace(record, client_info=None))
    return new_record(msgspec.structs.replace(plain, client_info=client_info))


def new_record(record: PutRecord) -> NewRecord:
    """Convert a checked record. Raises EncodeError for one with an explicit hash key."""
    if record.explicit_hash_key is not None:
        raise EncodeError(
            f"explicit_hash_key={record.explicit_hash_key!r}: {V3IOConnection.lacks['explicit_hash_key']}"
        )
    shard = None
    if record.partition_id is not None:
        shard = partition_number(canonical_partition_id(record.partition_id))
    return NewRecord(record.data, record.partition_key, shard, record.client_info)
