"""The functions of streams: create, update, describe, list the shards, delete.

Official clients delete a stream as they delete a folder: they list its shards, delete each, and then the folder [V]. Here a stream
keeps its shards until its own path is deleted.
"""

from __future__ import annotations

from datetime import datetime, timezone
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

from beam_dis.local.folder_service import project_of
from beam_dis.local.handlers.call import durable
from beam_dis.local.store import Stream, StreamDefinition
from beam_dis.local.v3io.context import V3IOContext
from beam_dis.local.v3io.refusals import V3IORefusal
from beam_dis.local.v3io.targets import Target, shard_number, stream_path
from beam_dis.v3io import messages as wire
from beam_dis.wire.error_codes import Refusal

MAX_SHARDS = 10_000
"""The most shards of a stream (ours: no limit is documented, and thousands are said to cost nothing [D])."""

MAX_RETENTION_HOURS = 100 * 365 * 24
"""The longest retention (ours)."""

MAX_PATH_CHARS = 1024
"""The longest path of a stream (ours)."""

_STREAM_TYPE = "V3IO"
_NOT_LARGER = "DIS.4200"


async def create_stream(context: V3IOContext, target: Target, request: wire.CreateStream) -> None:
    """Create a stream, which can be used at once."""
    path = _checked_path(stream_path(target, request.stream_name))
    shards = wire.DEFAULT_SHARDS if request.shard_count is None else request.shard_count
    hours = wire.DEFAULT_RETENTION_HOURS if request.retention_period_hours is None else request.retention_period_hours
    _check_within("RetentionPeriodHours", hours, MAX_RETENTION_HOURS)
    definition = StreamDefinition(
        name=path, partition_count=_checked_shards(shards), stream_type=_STREAM_TYPE, retention_hours=hours
    )
    await durable(context.store.create_stream(project_of(_checked_path(target.container)), definition))


async def update_stream(context: V3IOContext, target: Target, request: wire.UpdateStream) -> None:
    """Add shards to a stream, up to a number that is larger than it has."""
    stream = context.stream(target.container, stream_path(target, request.stream_name))
    try:
        await durable(context.store.grow(stream, _checked_shards(request.shard_count)))
    except Refusal as refusal:
        if refusal.code == _NOT_LARGER:
            raise V3IORefusal(wire.SHARD_COUNT, refusal.message) from refusal
        raise


async def describe_stream(context: V3IOContext, target: Target, request: wire.DescribeStream) -> wire.DescribedStream:
    """How many shards a stream has, and how long it keeps records."""
    stream = context.stream(target.container, stream_path(target, request.stream_name))
    return wire.DescribedStream(len(stream.partitions), stream.retention_hours)


async def list_shards(context: V3IOContext, target: Target, query: str) -> bytes:
    """The shards of the stream whose path is the prefix in the query, as the XML of a listing of objects."""
    prefix = parse_qs(query).get("prefix", [""])[0]
    path = "/".join(filter(None, prefix.split("/")))
    if target.names or not path:
        raise V3IORefusal(wire.NOT_FOUND, "there are no objects here: list a stream by GET /<container>?prefix=<path>/")
    return await context.blocking(_listing, context, context.stream(target.container, path), target.container)


async def delete(context: V3IOContext, target: Target) -> None:
    """Delete the stream of a path. For the path of a shard nothing happens.

    Without a slash at its end, a path that could be that of a shard and of a stream is that of the shard.
    """
    path = stream_path(target, None)
    stream = context.store.stream(project_of(target.container), path)
    above, _, name = path.rpartition("/")
    parent, number = context.store.stream(project_of(target.container), above), shard_number(name)
    is_shard = parent is not None and number is not None and parent.partition(number) is not None
    if stream is not None and not (is_shard and not target.folder):
        await durable(context.store.delete_stream(stream))
    elif not is_shard:
        raise V3IORefusal(wire.NOT_FOUND, f"there is no {path!r} in container {target.container!r}")


def _listing(context: V3IOContext, stream: Stream, container: str) -> bytes:
    root = ET.Element("ListBucketResult")
    for name, value in (("Name", container), ("NextMarker", ""), ("MaxKeys", len(stream.partitions))):
        ET.SubElement(root, name).text = str(value)
    ET.SubElement(root, "IsTruncated").text = "false"
    for shard in stream.partitions:
        found = ET.SubElement(root, "Contents")
        size = context.store.stored_bytes(stream, shard.number, shard.earliest, shard.next)
        changed = datetime.fromtimestamp(max(shard.last_ms, shard.since_ms) / 1000, timezone.utc)
        ET.SubElement(found, "Key").text = f"{stream.name}/{shard.number}"
        ET.SubElement(found, "Size").text = str(size)
        ET.SubElement(found, "LastModified").text = changed.strftime("%Y-%m-%dT%H:%M:%SZ")
    listing: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return listing


def _checked_shards(count: int) -> int:
    _check_within("ShardCount", count, MAX_SHARDS)
    return count


def _check_within(name: str, value: int, most: int) -> None:
    if not 1 <= value <= most:
        raise V3IORefusal(wire.INVALID_ARGUMENT, f"{name} {value} is not within 1 to {most}")


def _checked_path(path: str) -> str:
    if len(path) > MAX_PATH_CHARS or not path.isprintable():
        shown = f"{path[:MAX_PATH_CHARS]!r}"
        raise V3IORefusal(
            wire.INVALID_ARGUMENT, f"{shown} is longer than {MAX_PATH_CHARS} characters, or not printable"
        )
    return path
