"""Checks a record to put into DIS before anything is sent, for the client and the producer."""

from __future__ import annotations

from typing import Any

from beam_dis.errors import ConfigurationError, EncodeError
from beam_dis.names import canonical_partition_id, checked_hash_key, checked_partition_key, checked_timestamp
from beam_dis.plain_values import described, plain_bytes, shown
from beam_dis.record import PutRecord


def checked_record(record: Any) -> PutRecord:
    """The same record with plain values. Raises EncodeError, which names the field, if it can't be sent."""
    if not isinstance(record, PutRecord):
        raise EncodeError(f"it is {described(record)}: give PutRecord(data, partition_key=…)")
    if record.client_info is not None:
        raise EncodeError(
            f"client_info={shown(record.client_info)}: records of DIS have no client information: put it into the data"
        )
    given: Any = record.data
    key, hash_key, partition = record.partition_key, record.explicit_hash_key, record.partition_id
    try:
        data = plain_bytes(given)
    except TypeError:
        advice = 'encode it, such as data="test".encode()' if isinstance(given, str) else "give bytes"
        raise EncodeError(f"data={shown(given)} is of type {type(given).__name__}, not bytes: {advice}") from None
    if not data:
        raise EncodeError("data is empty: give at least one byte")
    try:
        return PutRecord(
            data,
            None if key is None else checked_partition_key("partition_key", key),
            None if hash_key is None else checked_hash_key("explicit_hash_key", hash_key),
            None if partition is None else canonical_partition_id(partition),
            None if record.timestamp is None else checked_timestamp("timestamp", record.timestamp),
        )
    except ConfigurationError as error:
        raise EncodeError(str(error)) from error
