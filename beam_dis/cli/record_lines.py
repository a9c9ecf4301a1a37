"""A record as one line of JSON: what ``tail --json`` and ``export`` write, and what ``import`` reads.

Rules:

1. Data that is UTF-8 text is in the field ``text``, other data in base64 in ``data``. So every record comes back byte by byte.
2. A field that a record lacks is left out.
"""

from __future__ import annotations

from typing import Any

import msgspec

from beam_dis.stream_service import PageRecord


class RecordLine(msgspec.Struct, omit_defaults=True, gc=False):
    """A record with its place and its time of arrival in milliseconds since 1970; ``value`` is its decoded data."""

    partition_id: str
    sequence_number: int
    timestamp: int
    partition_key: str | None = None
    text: str | None = None
    data: bytes | None = None
    value: Any = None


_ENCODER = msgspec.json.Encoder()


def line_of(partition_id: str, record: PageRecord, value: Any = None) -> bytes:
    """The line of a record, without its end."""
    return _ENCODER.encode(_line_of(partition_id, record, value))


def lines_of(partition_id: str, records: list[PageRecord]) -> bytes:
    """The lines of records of a partition, each with its end."""
    return _ENCODER.encode_lines([_line_of(partition_id, record) for record in records])


def json_of(value: Any) -> bytes:
    """A decoded value as JSON. Times are ISO texts and bytes are base64."""
    return _ENCODER.encode(value)


def _line_of(partition_id: str, record: PageRecord, value: Any = None) -> RecordLine:
    try:
        text, data = record.data.decode(), None
    except UnicodeDecodeError:
        text, data = None, record.data
    return RecordLine(
        partition_id, record.sequence_number, record.timestamp, record.partition_key or None, text, data, value
    )
