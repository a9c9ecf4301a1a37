"""The protocol of V3IO streams as values: functions, messages, errors and limits.

Rules:

1. A request is ``POST`` or ``PUT /<container>/<path of the stream>/`` or ``…/<shard>/``, with the function in the header
   ``X-v3io-function`` [D]. Seek has a second name, which official clients send [V].
2. ``Data`` and ``ClientInfo`` are bytes here and base64 on the wire. A location is text that only the service understands.
3. Sequence numbers are unique in their shard, and later records have higher ones. They need not be consecutive [D].
4. The name of a stream and the shard may also be in the body: then the path names the folder or the stream [D].
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

MAX_REQUEST_RECORDS = 1000
"""More records fail the whole request [D]."""

MAX_BODY_BYTES = 10 * 1000 * 1000
"""The JSON of a request, and the data of an answer to GetRecords [D]; read as decimal megabytes, the smaller reading."""

MAX_RECORD_BYTES = 1024 * 1024
"""The data of a record. PutRecords documents 1 MB, GetRecords 2 MB [D]."""

MAX_CLIENT_INFO_BYTES = 16
MAX_PARTITION_KEY_BYTES = 256
DEFAULT_LIMIT = 1000
"""The records of a page, unless GetRecords asks for fewer or more [D]."""

DEFAULT_SHARDS = 1
DEFAULT_RETENTION_HOURS = 24


class FunctionRequest(msgspec.Struct, rename="pascal", omit_defaults=True):
    """A JSON object of the protocol; None is not sent."""


class FunctionAnswer(msgspec.Struct, rename="pascal"):
    """A JSON object that the service sends, with every field."""


class CreateStream(FunctionRequest):
    """Creates a stream, which can be used at once; the answer has no body. Without values the defaults above count [D]."""

    shard_count: int | None = None
    retention_period_hours: int | None = None
    stream_name: str | None = None


class UpdateStream(FunctionRequest):
    """Sets the number of shards, which can only grow; the answer has no body [D]."""

    shard_count: int
    stream_name: str | None = None


class DescribeStream(FunctionRequest):
    """Asks for the configuration of a stream; the body may be missing [V]."""

    stream_name: str | None = None


class DescribedStream(FunctionAnswer):
    """All that the service says about a stream [D]."""

    shard_count: int
    retention_period_hours: int


class NewRecord(msgspec.Struct, rename="pascal", omit_defaults=True, gc=False):
    """A record to put. ``shard_id`` takes precedence over ``partition_key``; without either the service chooses [D]."""

    data: bytes
    partition_key: str | None = None
    shard_id: int | None = None
    client_info: bytes | None = None


class PutRecords(FunctionRequest):
    """Adds records to a stream [D]."""

    records: list[NewRecord]
    stream_name: str | None = None


class RecordResult(msgspec.Struct, rename="pascal", omit_defaults=True, gc=False):
    """The result of one record: its number and shard, or an error [D]."""

    sequence_number: int | None = None
    shard_id: int | None = None
    error_code: int | None = None
    error_message: str | None = None


class PutResults(FunctionAnswer):
    """The results in the order of the records [D]."""

    failed_record_count: int
    records: list[RecordResult]


EARLIEST, LATEST, SEQUENCE, TIME = "EARLIEST", "LATEST", "SEQUENCE", "TIME"
SEEK_TYPES = (EARLIEST, LATEST, SEQUENCE, TIME)


class Seek(FunctionRequest, kw_only=True):
    """Asks for a location in a shard [D].

    SEQUENCE is the record with exactly ``starting_sequence_number``. TIME is the first record at or after ``timestamp_sec`` and
    ``timestamp_nsec``, both required, or else the end of the shard.
    """

    type: str
    starting_sequence_number: int | None = None
    timestamp_sec: int | None = None
    timestamp_nsec: int | None = msgspec.field(name="TimestampNSec", default=None)
    stream_name: str | None = None
    shard_id: int | None = None


class FoundLocation(FunctionAnswer):
    """A location, for GetRecords [D]."""

    location: str


class GetRecords(FunctionRequest):
    """Asks for the records at a location [D]."""

    location: str
    limit: int | None = None
    stream_name: str | None = None
    shard_id: int | None = None


class ShardRecord(msgspec.Struct, rename="pascal", omit_defaults=True, gc=False):
    """A record as it is read; key and client information are missing if none were put [D]."""

    sequence_number: int
    arrival_time_sec: int
    arrival_time_nsec: int = msgspec.field(name="ArrivalTimeNSec")
    data: bytes
    partition_key: str | None = None
    client_info: bytes | None = None


class RecordPage(FunctionAnswer):
    """A page of records and the location after it.

    ``msec_behind_latest`` and ``records_behind_latest`` are the time and the number of records from the last one of the page to
    the newest one of the shard; 0 if none follows [D].
    """

    next_location: str
    msec_behind_latest: int = msgspec.field(name="MSecBehindLatest")
    records_behind_latest: int
    records: list[ShardRecord]


class FunctionError(FunctionAnswer):
    """An error: ``error_message`` is its name [D]."""

    error_code: int
    error_message: str


class Function(NamedTuple):
    """A function of the protocol: its request, its answer (None: no body), and whether it may be sent twice without harm."""

    request: type[FunctionRequest]
    answer: type[FunctionAnswer] | None
    idempotent: bool


FUNCTIONS = {
    "CreateStream": Function(CreateStream, None, idempotent=False),
    "UpdateStream": Function(UpdateStream, None, idempotent=False),
    "DescribeStream": Function(DescribeStream, DescribedStream, idempotent=True),
    "PutRecords": Function(PutRecords, PutResults, idempotent=False),
    "Seek": Function(Seek, FoundLocation, idempotent=True),
    "SeekShard": Function(Seek, FoundLocation, idempotent=True),
    "GetRecords": Function(GetRecords, RecordPage, idempotent=True),
}
"""The functions by the value of ``X-v3io-function``."""


class ErrorName(NamedTuple):
    """What is known of an error: its number, its HTTP status, the class in ``beam_dis.errors``, and what to do about it.

    The numbers of the first two and the negative errno are documented [D]; the others are ours [I].
    """

    number: int
    status: int
    error: str
    advice: str


INVALID_ARGUMENT = "InvalidArgumentException"
SHARD_OUT_OF_RANGE = "ShardIDOutOfRangeException"
NOT_FOUND = "ResourceNotFoundException"
NOT_A_STREAM = "ResourceIsnotStream"
DENIED = "Permission denied"
ILLEGAL_LOCATION = "IllegalLocationException"
SHARD_COUNT = "InvalidShardCountException"
ALREADY_EXISTS = "ResourceInUseException"

ERRORS = {
    INVALID_ARGUMENT: ErrorName(-201326592, 400, "InvalidRequestError", ""),
    SHARD_OUT_OF_RANGE: ErrorName(
        -201326594, 400, "PartitionNotFoundError", "use a shard of 0 to one less than the stream's shard count"
    ),
    ILLEGAL_LOCATION: ErrorName(-201326593, 400, "CursorRefusedError", "seek again: records may have moved"),
    SHARD_COUNT: ErrorName(-201326595, 400, "InvalidRequestError", "give more shards than the stream has"),
    NOT_A_STREAM: ErrorName(-201326596, 400, "StreamNotFoundError", "check the path: it is not that of a stream"),
    NOT_FOUND: ErrorName(-2, 404, "StreamNotFoundError", "create the stream, or check its path and the container"),
    ALREADY_EXISTS: ErrorName(-17, 409, "AlreadyExistsError", "choose another path, or use the existing stream"),
    DENIED: ErrorName(-13, 403, "AccessDeniedError", "check the access key and its permissions"),
}
"""The errors by the name that the service sends; that of ALREADY_EXISTS is not documented: MLRun looks for it [S]."""
