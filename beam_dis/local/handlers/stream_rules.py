"""Checks the properties of a stream when it is created or changed [T5-3, T5-29].

Values of a request become values of the store. A value that isn't allowed is refused with DIS.4200, a schema that isn't
Avro with DIS.4360, too many tags with DIS.4601.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from beam_dis.formats.avro_rules import avro_problem
from beam_dis.local.handlers.tag_rules import checked_tag
from beam_dis.local.store import Stream, StreamDefinition
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import DEFAULT_RETENTION_HOURS, MAX_TAGS, RETENTION_HOURS, STREAM_NAME
from beam_dis.wire.streams import (
    COMPRESSION_FORMATS,
    DATA_TYPES,
    STREAM_TYPES,
    CreateStreamRequest,
    Tag,
    UpdateStreamRequest,
)


def checked_definition(request: CreateStreamRequest) -> StreamDefinition:
    """The stream that a request describes, with defaults for the properties that it leaves out."""
    if STREAM_NAME.fullmatch(request.stream_name) is None:
        raise Refusal(4200, f"stream_name {request.stream_name[:64]!r} is not 1 to 64 of A-Z a-z 0-9 _ -")
    if request.partition_count < 1:
        raise Refusal(4200, f"partition_count {request.partition_count} is not above 0")
    csv = request.csv_properties
    return StreamDefinition(
        name=request.stream_name,
        partition_count=request.partition_count,
        stream_type=_one_of(request.stream_type, STREAM_TYPES, "stream_type") or STREAM_TYPES[0],
        data_type=_one_of(request.data_type, DATA_TYPES, "data_type") or DATA_TYPES[0],
        data_schema=_avro(request.data_schema),
        delimiter=None if csv is None else csv.delimiter,
        compression_format=_one_of(request.compression_format, COMPRESSION_FORMATS, "compression_format"),
        retention_hours=_hours(request.data_duration) or DEFAULT_RETENTION_HOURS,
        tags=_tags(request.tags or ()),
        sys_tags=tuple(request.sys_tags or ()),
        **_auto_scale(request, None),
    )


def checked_changes(stream: Stream, request: UpdateStreamRequest) -> dict[str, Any]:
    """The properties that a request changes, by their name in the store."""
    changes = {
        "retention_hours": _hours(request.data_duration),
        "data_type": _one_of(request.data_type, DATA_TYPES, "data_type"),
        "data_schema": _avro(request.data_schema),
    }
    given = {name: value for name, value in changes.items() if value is not None}
    return {**given, **_auto_scale(request, stream)}


def _auto_scale(request: CreateStreamRequest | UpdateStreamRequest, stream: Stream | None) -> dict[str, Any]:
    enabled = _first_given(request.auto_scale_enabled, stream.auto_scale_enabled if stream else None, False)
    least = _first_given(
        request.auto_scale_min_partition_count, stream.auto_scale_min_partition_count if stream else None, 0
    )
    most = _first_given(
        request.auto_scale_max_partition_count, stream.auto_scale_max_partition_count if stream else None, 0
    )
    if enabled and not 1 <= least <= most:
        raise Refusal(4200, f"auto scaling needs 1 <= minimum <= maximum partitions, not {least} and {most}")
    return {
        "auto_scale_enabled": enabled,
        "auto_scale_min_partition_count": least if enabled else 0,
        "auto_scale_max_partition_count": most if enabled else 0,
    }


def _first_given(*values: Any) -> Any:
    return next(value for value in values if value is not None)


def _one_of(value: str | None, allowed: Sequence[str], name: str) -> str | None:
    if value is not None and value not in allowed:
        raise Refusal(4200, f"{name} {value!r} is not one of {', '.join(allowed)}")
    return value


def _hours(value: int | None) -> int | None:
    if value is not None and value not in RETENTION_HOURS:
        raise Refusal(4200, f"data_duration {value} is not within {RETENTION_HOURS[0]} to {RETENTION_HOURS[-1]} hours")
    return value


def _avro(schema: str | None) -> str | None:
    problem = avro_problem(schema) if schema else ""
    if problem:
        raise Refusal(4360, problem)
    return schema or None


def _tags(tags: Sequence[Tag]) -> tuple[Tag, ...]:
    if len(tags) > MAX_TAGS:
        raise Refusal(4601)
    return tuple({tag.key: checked_tag(tag) for tag in tags}.values())
