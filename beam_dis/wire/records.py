"""Messages about records: put, get and cursors [§5.4].

``data`` is bytes here and base64 on the wire; sequence numbers are decimal text. The results of a put have the order of its
records; a refused one has a code instead of partition and number.
"""

from __future__ import annotations

import msgspec

from beam_dis.wire.messages import Query

CURSOR_TYPES = ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER", "TRIM_HORIZON", "LATEST", "AT_TIMESTAMP")
TIMESTAMP_TYPE = "CreateTime"


class PutRecordsRequestEntry(msgspec.Struct, omit_defaults=True, gc=False):
    """One record to put [T5-66]. ``partition_id`` takes precedence over ``explicit_hash_key``, and that over ``partition_key``.

    Some clients send ``timestamp`` (ms); the service sets the arrival time itself.
    """

    data: bytes | None = None
    partition_key: str | None = None
    explicit_hash_key: str | None = None
    partition_id: str | None = None
    timestamp: int | None = None


class PutRecordsRequest(msgspec.Struct, omit_defaults=True):
    """POST /v2/{project_id}/records [T5-65]; ``stream_id`` counts if the name isn't found."""

    stream_name: str | None = None
    stream_id: str | None = None
    records: list[PutRecordsRequestEntry] | None = None


class PutRecordsResultEntry(msgspec.Struct, omit_defaults=True, gc=False):
    """The result of one record [T5-68]: its partition and number, or a code and a message."""

    partition_id: str | None = None
    sequence_number: str | None = None
    error_code: str | None = None
    error_message: str | None = None


class PutRecordsResult(msgspec.Struct):
    """The answer to a put [T5-67]; the status is 200 even if every record was refused."""

    failed_record_count: int = 0
    records: list[PutRecordsResultEntry] = []


class GetRecordsQuery(Query):
    """GET /v2/{project_id}/records [T5-72]; ``max_fetch_bytes`` counts data before base64, ``limit`` has no effect."""

    partition_cursor: str = msgspec.field(name="partition-cursor")
    max_fetch_bytes: int | None = None
    limit: int | None = None
    app_name: str | None = None


class ReadRecord(msgspec.Struct, gc=False):
    """One record as it is read [T5-74]; ``timestamp`` in ms. The key is null, or absent [D], if none was put."""

    partition_key: str | None = None
    sequence_number: str = ""
    data: bytes = b""
    timestamp: int = 0
    timestamp_type: str = TIMESTAMP_TYPE


class GetRecordsResult(msgspec.Struct):
    """A page of records and the cursor after it [T5-73]; both are there even if the page is empty."""

    records: list[ReadRecord] = []
    next_partition_cursor: str = ""


class GetCursorQuery(Query, kw_only=True):
    """GET /v2/{project_id}/cursors [T5-79]; the default type is AT_SEQUENCE_NUMBER [SDK]."""

    stream_name: str | None = msgspec.field(name="stream-name", default=None)
    stream_id: str | None = msgspec.field(name="stream-id", default=None)
    partition_id: str = msgspec.field(name="partition-id")
    cursor_type: str | None = msgspec.field(name="cursor-type", default=None)
    starting_sequence_number: str | None = msgspec.field(name="starting-sequence-number", default=None)
    timestamp: int | None = None


class GetCursorResult(msgspec.Struct):
    """A cursor, valid for five minutes [T5-80]."""

    partition_cursor: str
