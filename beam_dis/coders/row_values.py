"""Converts between the plain values of a format and Beam rows.

Rules:
1. Decoding gives rows of ``row_type``, with Beam Timestamps.
2. Encoding takes those, and beam.Row, dicts, dataclasses and users' NamedTuples with the field names of the schema. Times
   may be Beam Timestamps or aware datetimes.
3. A value that doesn't fit is passed on as it is: the format checks every value and names the field.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from apache_beam.utils.timestamp import Timestamp

from beam_dis.coders.schemas import row_type
from beam_dis.formats import times
from beam_dis.formats.conversions import Conversion, conversion_of
from beam_dis.formats.schema import RecordType

_TIMESTAMPS = frozenset({"timestamp-millis", "timestamp-micros"})


def to_row(record: RecordType) -> Conversion:
    """The function that makes a row from a decoded value; it may raise ValueMismatch."""
    return _or_identity(conversion_of(record, lambda name: _timestamp if name in _TIMESTAMPS else None, _make_row))


def from_row(record: RecordType) -> Conversion:
    """The function that makes a value to encode from a row or the like; it may raise ValueMismatch."""
    return _or_identity(conversion_of(record, lambda name: _datetime if name in _TIMESTAMPS else None, _make_mapping))


def _or_identity(conversion: Conversion | None) -> Conversion:
    return (lambda value: value) if conversion is None else conversion


def _make_row(record: RecordType, fields: Conversion | None) -> Conversion:
    make = row_type(record)._make
    if fields is None:
        return lambda value: make(value.values())
    return lambda value: make(fields(value).values())


def _make_mapping(_record: RecordType, fields: Conversion | None) -> Conversion:
    return _mapping if fields is None else lambda row: fields(_mapping(row))


def _mapping(row: Any) -> Any:
    if isinstance(row, (dict, Mapping)):
        return row
    if hasattr(row, "_asdict"):
        return row._asdict()
    if dataclasses.is_dataclass(row) and not isinstance(row, type):
        return {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    return row


def _timestamp(time: datetime) -> Timestamp:
    return Timestamp(micros=times.time_to_micros(time))


def _datetime(time: Any) -> Any:
    return times.micros_to_time(time.micros) if isinstance(time, Timestamp) else time
