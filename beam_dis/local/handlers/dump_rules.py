"""Checks the properties of a dump task when it is created or changed [T5-81 to T5-83].

A request becomes a destination with every default filled in. A value that isn't allowed is refused with DIS.4200, a cluster
with DIS.4208, parquet without a schema with DIS.4360.
"""

from __future__ import annotations

from collections.abc import Sequence

from beam_dis.local.dump.files import DELIMITERS, JSON, file_opener
from beam_dis.local.store import Stream
from beam_dis.wire import dump_tasks as wire
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import (
    BUCKET_NAME,
    DEFAULT_DELIVER_SECONDS,
    DELIVER_MEGABYTES,
    DELIVER_SECONDS,
    DUMP_TASK_NAME,
    FILE_PREFIX,
)

_MAX_AGENCY_CHARS = 64
_MAX_RETRY_SECONDS = 7200
_NO_FOLDERS = {"", "N/A"}


def checked_destination(request: wire.DumpTaskRequest, stream: Stream) -> wire.OBSDestination:
    """The bucket that a request describes, and how objects are made, with defaults for what it leaves out."""
    kind = request.destination_type or wire.OBS
    if kind not in wire.DESTINATION_TYPES:
        raise Refusal(4200, f"destination_type {kind!r} is not one of {', '.join(wire.DESTINATION_TYPES)}")
    if kind == wire.MRS:
        raise Refusal(4208, "this server has no clusters: give destination_type OBS")
    if kind != wire.OBS:
        raise Refusal(4200, f"this server can't copy to {kind}: give destination_type OBS")
    given = request.obs_destination_descriptor
    if given is None:
        raise Refusal(4200, "obs_destination_descriptor is missing")
    if DUMP_TASK_NAME.fullmatch(given.task_name) is None:
        raise Refusal(4200, f"task_name {given.task_name[:64]!r} is not 1 to 64 of A-Z a-z 0-9 _ -")
    if BUCKET_NAME.fullmatch(given.obs_bucket_path) is None:
        raise Refusal(4200, f"obs_bucket_path {given.obs_bucket_path[:64]!r} is not the name of a bucket")
    checked = wire.OBSDestination(
        task_name=given.task_name,
        obs_bucket_path=given.obs_bucket_path,
        agency_name=_agency(given.agency_name),
        deliver_time_interval=_within(
            given.deliver_time_interval or DEFAULT_DELIVER_SECONDS, DELIVER_SECONDS, "deliver_time_interval"
        ),
        deliver_size_interval=_within(given.deliver_size_interval, DELIVER_MEGABYTES, "deliver_size_interval"),
        consumer_strategy=_one_of(given.consumer_strategy, wire.CONSUMER_STRATEGIES, "consumer_strategy"),
        file_prefix=_prefix(given.file_prefix or ""),
        partition_format=_layout(given.partition_format or ""),
        destination_file_type=_one_of(given.destination_file_type, wire.FILE_TYPES, "destination_file_type"),
        record_delimiter=_delimiter(given.record_delimiter),
        processing_schema=_processing(given.processing_schema, stream),
        compression_format=_compression(given.compression_format),
        retry_duration=_retry_seconds(given.retry_duration),
    )
    file_opener(checked, stream)
    return checked


def _agency(name: str | None) -> str:
    agency = name or wire.DEFAULT_AGENCY
    if len(agency) > _MAX_AGENCY_CHARS:
        raise Refusal(4200, f"agency_name has {len(agency)} characters, more than {_MAX_AGENCY_CHARS}")
    return agency


def _within(value: int | None, allowed: range, name: str) -> int | None:
    if value is not None and value not in allowed:
        raise Refusal(4200, f"{name} {value} is not within {allowed[0]} to {allowed[-1]}")
    return value


def _one_of(value: str | None, allowed: Sequence[str], name: str) -> str:
    """The value, or the first of those that are allowed if there is none."""
    if value and value not in allowed:
        raise Refusal(4200, f"{name} {value!r} is not one of {', '.join(allowed)}")
    return value or allowed[0]


def _prefix(prefix: str) -> str:
    if FILE_PREFIX.fullmatch(prefix) is None:
        raise Refusal(
            4200, f"file_prefix {prefix[:50]!r} is not up to 50 of A-Z a-z 0-9 _, separated by single slashes"
        )
    return prefix.removesuffix("/")


def _layout(layout: str) -> str:
    return "" if layout in _NO_FOLDERS else _one_of(layout, wire.PARTITION_FORMATS, "partition_format")


def _delimiter(delimiter: str | None) -> str:
    if delimiter is None:
        return "\n"
    if delimiter not in DELIMITERS:
        raise Refusal(4200, f"record_delimiter {delimiter[:20]!r} is not , or ; or | or a newline, nor NULL for none")
    return "\n" if DELIMITERS[delimiter] == b"\n" else delimiter


def _processing(schema: wire.ProcessingSchema | None, stream: Stream) -> wire.ProcessingSchema | None:
    if schema is None:
        return None
    if stream.data_type != JSON:
        raise Refusal(4200, f"processing_schema needs records of JSON, and stream {stream.name} has {stream.data_type}")
    if not schema.timestamp_name:
        raise Refusal(4200, "timestamp_name is empty")
    if not schema.timestamp_type or schema.timestamp_type not in wire.TIMESTAMP_TYPES:
        raise Refusal(4200, f"timestamp_type {schema.timestamp_type!r} is not one of {', '.join(wire.TIMESTAMP_TYPES)}")
    if schema.timestamp_type == "String" and schema.timestamp_format not in wire.TIMESTAMP_FORMATS:
        formats = ", ".join(wire.TIMESTAMP_FORMATS)
        raise Refusal(4200, f"timestamp_format {schema.timestamp_format!r} is not one of {formats}")
    return schema


def _compression(name: str | None) -> str | None:
    """JSDK sends ``none`` too."""
    return None if not name or name == "none" else _one_of(name, (wire.GZIP,), "compression_format")


def _retry_seconds(given: int | str | None) -> int:
    """Seconds, also as text; a task of type OBS doesn't use them, and they are answered as they were given."""
    text = str(given or 0)
    if not (text.isascii() and text.isdigit()) or int(text) > _MAX_RETRY_SECONDS:
        raise Refusal(4200, f"retry_duration {text[:20]} is not within 0 to {_MAX_RETRY_SECONDS}")
    return int(text)
