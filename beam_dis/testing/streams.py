"""Rows in streams, for the fixtures of the pytest plugin: they are written and read by the schema of their stream.

Rules:

1. A stream with a ``data_schema`` holds rows: dicts, NamedTuples or dataclasses to write, dicts when they are read.
2. A stream without one holds bytes. Text is written as UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from beam_dis.client.dis_client import DISClient
from beam_dis.errors import ConfigurationError, DISError
from beam_dis.field_values import FieldValue
from beam_dis.formats import Format, Rows, format_of
from beam_dis.formats.compression import CompressedFormat
from beam_dis.plain_values import described
from beam_dis.record import PutRecord

_REQUEST_RECORDS = 500


def put_rows(client: DISClient, stream: str, rows: Iterable[Any], partition_key: str | None = None) -> None:
    """Put rows into a stream.

    Args:
        client: a client of the DIS.
        stream: the stream's name.
        rows: rows by the stream's schema, or bytes or text if it has none.
        partition_key: the field with the partition key; None spreads the rows over the partitions.

    Raises:
        EncodeError: a row doesn't fit the schema, or lacks the field.
        DISError: the DIS refuses a record.
    """
    format_ = _format(client, stream)
    encode = _bytes if format_ is None else format_.encode
    key = _no_key if partition_key is None else FieldValue(partition_key)
    records = (PutRecord(encode(row), partition_key=_text(key(row))) for row in rows)
    while batch := list(islice(records, _REQUEST_RECORDS)):
        refused = [result for result in client.put_records(stream, batch).records if result.error_code]
        if refused:
            raise DISError(
                f"{stream} refused {len(refused)} of {len(batch)} rows: {refused[0].error_code} {refused[0].error_message}"
            )


def rows_of(client: DISClient, stream: str) -> list[Any]:
    """All rows of a stream, or their bytes if it has no schema; partition by partition, those of each in order.

    Raises:
        DecodeError: a record doesn't fit the schema.
    """
    format_ = _format(client, stream)
    found: list[Any] = []
    for partition in client.describe_stream(stream).partitions:
        cursor = client.get_cursor(stream, partition_id=partition.partition_id, cursor_type="TRIM_HORIZON")
        while (page := client.get_records(cursor)).records:
            for record in page.records:
                value = record.data if format_ is None else format_.decode(record.data)
                found += value if isinstance(value, Rows) else [value]
            cursor = page.next_partition_cursor
    return found


def _format(client: DISClient, stream: str) -> Format | None:
    """The format of a stream's rows; None if it has no schema."""
    found = client.describe_stream(stream)
    if not found.data_schema:
        return None
    delimiter = found.csv_properties.delimiter if found.csv_properties else None
    format_ = format_of(found.data_type, found.data_schema, delimiter=delimiter or ",")
    compression = found.compression_format
    return format_ if compression in (None, "", "none") else CompressedFormat(format_, compression)


def _bytes(row: Any) -> bytes:
    if isinstance(row, str):
        return row.encode()
    if isinstance(row, bytes):
        return row
    raise ConfigurationError(
        f"row {described(row)} is neither bytes nor text, which a stream without data_schema holds: give the stream a schema"
    )


def _no_key(_row: Any) -> None:
    return None


def _text(key: Any) -> str | None:
    return None if key is None else str(key)
