"""Plain values of a format, and the same as Beam rows.

Law: decoding gives rows of ``row_type`` with Beam Timestamps; encoding takes them, and beam.Row, dicts, dataclasses and
users' own NamedTuples with the schema's field names, with aware datetimes where they like. What doesn't fit passes as it
is: the format checks every value and names the field.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from apache_beam.utils.timestamp import Timestamp

from beam_dis.coders.schemas import row_type
from beam_dis.formats import times
from beam_dis.formats.schema import Record
from beam_dis.formats.walk import Change, change_of

_TIMESTAMPS = frozenset({"timestamp-millis", "timestamp-micros"})


def to_row(record: Record) -> Change:
    """What makes a row of a decoded value; it may raise Misfit."""
    return _always(change_of(record, lambda name: _timestamp if name in _TIMESTAMPS else None, _make_row))


def from_row(record: Record) -> Change:
    """What makes a value to encode of a row or its like; it may raise Misfit."""
    return _always(change_of(record, lambda name: _datetime if name in _TIMESTAMPS else None, _make_mapping))


def _always(change: Change | None) -> Change:
    return (lambda value: value) if change is None else change


def _make_row(record: Record, fields: Change | None) -> Change:
    make = row_type(record)._make
    if fields is None:
        return lambda value: make(value.values())
    return lambda value: make(fields(value).values())


def _make_mapping(_record: Record, fields: Change | None) -> Change:
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
