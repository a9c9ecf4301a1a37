"""The names of objects: ``{bucket}/{file_prefix}/{time folders}/{task}-{partition}-{first}-{last}`` with an ending.

Rule 1: a name depends on the task, the records and the time of the flush only. Times are UTC.
Rule 2: with a ``processing_schema`` the time is the record's own; a record without a readable one has the time of the flush.
Rule 3: text has no ending, as the service's objects; ``.gz`` and ``.parquet`` say how the others are read (ours).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import msgspec

from beam_dis.local.store import DumpTask
from beam_dis.wire.dump_tasks import GZIP, PARQUET, TIMESTAMP_FORMATS, OBSDestination, ProcessingSchema
from beam_dis.wire.ranges import partition_id

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DIRECTIVES = {"yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S"}

FolderOf = Callable[[bytes], str]
"""The folder of a record, below the prefix; "" for none."""


def folder_of_time(partition_format: str, milliseconds: int) -> str:
    """The folder of a time: ``yyyy/MM/dd`` → ``2018/10/07``.

    Raises:
        OverflowError: The time is after the year 9999.
    """
    time = _EPOCH + timedelta(milliseconds=milliseconds)
    # each part but the year has two digits: strftime writes years before 1000 with fewer than four
    return time.strftime(_directives(partition_format)).zfill(len(partition_format)) if partition_format else ""


def folders_of(destination: OBSDestination, flushed_ms: int) -> FolderOf | None:
    """The function that gives the folder of each record; None if all have the folder of the flush."""
    schema, layout = destination.processing_schema, destination.partition_format or ""
    if schema is None or not layout:
        return None
    of_flush = folder_of_time(layout, flushed_ms)

    def folder(data: bytes) -> str:
        time = _time_of(schema, data)
        try:
            return of_flush if time is None else folder_of_time(layout, time)
        except OverflowError:
            return of_flush

    return folder


def object_key(task: DumpTask, destination: OBSDestination, number: int, folder: str, first: int, last: int) -> str:
    """The key of an object, with its bucket."""
    name = f"{task.name}.{task.task_id}-{partition_id(number)}-{first}-{last}{_ending(destination)}"
    return "/".join(part for part in (destination.obs_bucket_path, destination.file_prefix, folder, name) if part)


def _ending(destination: OBSDestination) -> str:
    if destination.destination_file_type == PARQUET:
        return ".parquet"
    return ".gz" if destination.compression_format == GZIP else ""


def _directives(layout: str) -> str:
    for letters, directive in _DIRECTIVES.items():
        layout = layout.replace(letters, directive)
    return layout


_PARSED_BY = {layout: _directives(layout) for layout in TIMESTAMP_FORMATS}


def _time_of(schema: ProcessingSchema, data: bytes) -> int | None:
    """The milliseconds in a record's attribute; None if it has none that can be read."""
    try:
        fields = msgspec.json.decode(data)
        value = fields.get(schema.timestamp_name) if isinstance(fields, dict) else None
        if schema.timestamp_type == "String":
            time = datetime.strptime(value or "", _PARSED_BY[schema.timestamp_format or ""]).replace(
                tzinfo=timezone.utc
            )
            return (time - _EPOCH) // timedelta(milliseconds=1)
        number = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
        return number if type(number) is int and number >= 0 else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError, ValueError):
        return None
