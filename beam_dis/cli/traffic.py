"""What happens in streams between two listings: rates, and partitions that are hot. Pure functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from beam_dis.stream_service import StreamListing

HOT_SHARE_OF_LIMIT = 0.8
"""A partition is hot if it takes so much of what the service documents for a partition in a second,"""
HOT_TIMES_MEAN = 2.0
"""or so many times the mean of its stream's partitions, if that is a tenth of the documented rate or more."""
_NOTABLE_SHARE_OF_LIMIT = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionTraffic:
    """The traffic of one partition: records written in a second, their percentage of the documented limit, and the records it holds."""

    stream: str
    partition: str
    written_per_s: float
    percent_of_limit: float
    held: int
    hot: bool


def traffic_of(before: StreamListing, after: StreamListing, seconds: float) -> list[PartitionTraffic]:
    """The traffic of the readable partitions of a stream between two listings, the busiest first.

    A stream that was recreated in between counts from its first record.
    """
    same = before.stream_id == after.stream_id
    first = {partition.partition_id: partition.next for partition in before.partitions} if same else {}
    partitions = [partition for partition in after.partitions if partition.readable]
    rates = {
        partition.partition_id: max(0, partition.next - first.get(partition.partition_id, 0)) / seconds
        for partition in partitions
    }
    mean = sum(rates.values()) / max(1, sum(partition.writable for partition in partitions))
    found = [
        PartitionTraffic(
            stream=after.name,
            partition=partition.partition_id,
            written_per_s=rates[partition.partition_id],
            percent_of_limit=100 * rates[partition.partition_id] / after.limits.partition_records,
            held=partition.next - partition.earliest,
            hot=_is_hot(rates[partition.partition_id], mean, after.limits.partition_records),
        )
        for partition in partitions
    ]
    return sorted(found, key=lambda each: (-each.written_per_s, each.partition))


def stream_row(stream: str, partitions: list[PartitionTraffic]) -> dict[str, Any]:
    """The partitions of one stream, the busiest first, as one row."""
    busiest = partitions[0] if partitions and partitions[0].written_per_s else None
    return {
        "stream": stream,
        "partitions": len(partitions),
        "written_per_s": sum(each.written_per_s for each in partitions),
        "busiest": busiest.partition if busiest else None,
        "busiest_per_s": busiest.written_per_s if busiest else 0.0,
        "hot": sum(each.hot for each in partitions),
        "held": sum(each.held for each in partitions),
    }


def _is_hot(rate: float, mean: float, limit: int) -> bool:
    share = rate / limit
    return share >= HOT_SHARE_OF_LIMIT or (share >= _NOTABLE_SHARE_OF_LIMIT and rate >= HOT_TIMES_MEAN * mean)
