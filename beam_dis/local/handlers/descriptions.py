"""Describes streams and partitions as the service does [T5-11, T5-19, T5-20].

Rules:

1. The ACTIVE partitions are writable; the ACTIVE and the DELETED ones are readable.
2. A partition that has expired has no range of sequence numbers; one that isn't ACTIVE has the hash range ``[-1 : -1]``.
"""

from __future__ import annotations

from beam_dis.local.store import Partition, Stream
from beam_dis.wire.ranges import Range, partition_id
from beam_dis.wire.streams import ACTIVE, EXPIRED, CSVProperties, PartitionResult, StreamDescription, StreamInfo

_NO_HASHES = "[-1 : -1]"


def partition_result(partition: Partition) -> PartitionResult:
    """A partition in the description of a stream."""
    numbers = None if partition.status == EXPIRED else str(Range(partition.earliest, partition.next))
    hashes = _NO_HASHES if partition.hash_range is None else str(partition.hash_range)
    return PartitionResult(partition.status, partition_id(partition.number), hashes, numbers)


def stream_description(stream: Stream, page: list[PartitionResult], *, has_more: bool) -> StreamDescription:
    """The description of a stream with a page of its partitions."""
    statuses = [partition.status for partition in stream.partitions]
    return StreamDescription(
        stream_id=stream.stream_id,
        stream_name=stream.name,
        create_time=stream.created_ms,
        last_modified_time=stream.modified_ms,
        retention_period=stream.retention_hours,
        status=stream.status,
        stream_type=stream.stream_type,
        data_type=stream.data_type,
        data_schema=stream.data_schema,
        compression_format=stream.compression_format,
        csv_properties=None if stream.delimiter is None else CSVProperties(stream.delimiter),
        writable_partition_count=statuses.count(ACTIVE),
        readable_partition_count=len(statuses) - statuses.count(EXPIRED),
        partitions=page,
        has_more_partitions=has_more,
        update_partition_counts=list(stream.updates),
        tags=list(stream.tags),
        sys_tags=list(stream.sys_tags),
        auto_scale_enabled=stream.auto_scale_enabled,
        auto_scale_min_partition_count=stream.auto_scale_min_partition_count,
        auto_scale_max_partition_count=stream.auto_scale_max_partition_count,
    )


def stream_info(stream: Stream) -> StreamInfo:
    """A stream in a listing."""
    return StreamInfo(
        stream_id=stream.stream_id,
        stream_name=stream.name,
        create_time=stream.created_ms,
        retention_period=stream.retention_hours,
        status=stream.status,
        stream_type=stream.stream_type,
        data_type=stream.data_type,
        data_schema=stream.data_schema,
        partition_count=stream.active_count,
        auto_scale_enabled=stream.auto_scale_enabled,
        auto_scale_min_partition_count=stream.auto_scale_min_partition_count,
        auto_scale_max_partition_count=stream.auto_scale_max_partition_count,
        tags=list(stream.tags),
        sys_tags=list(stream.sys_tags),
    )
