"""How far an app is behind in each partition of a stream.

Rules:

1. Records that have expired unread aren't behind: a checkpoint before the oldest record counts as that record.
2. A partition without a checkpoint counts in full.
3. The seconds behind are the age of the oldest unread record, by the service's clock; 0 if there is none.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass

from beam_dis.errors import OutOfRangeError, PartitionExpiredError
from beam_dis.stream_service import PartitionDescription, ReadPosition, StreamListing, StreamService

_PAGE_BYTES = 24 * 1024
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionLag:
    """The lag in one partition.

    ``committed`` is the number that the app reads next, None without a checkpoint. ``newest`` is the number of the newest record, None
    if the partition has none.
    """

    partition_id: str
    committed: int | None
    newest: int | None
    records: int
    seconds: float


def lags_of(
    service: StreamService, listing: StreamListing, checkpoints: Mapping[str, int | None], *, executor: Executor
) -> list[PartitionLag]:
    """The lags in all partitions that can be read.

    Args:
        service: reads the oldest unread record of each partition.
        listing: the stream.
        checkpoints: the app's checkpoints by partition id.
        executor: runs the requests.
    """

    def lag(partition: PartitionDescription) -> PartitionLag:
        committed = checkpoints.get(partition.partition_id)
        first = max(partition.earliest, committed or 0)
        behind = max(0, partition.next - first)
        return PartitionLag(
            partition_id=partition.partition_id,
            committed=committed,
            newest=partition.next - 1 if partition.next > partition.earliest else None,
            records=behind,
            seconds=_age(service, listing, partition.partition_id, first) if behind else 0.0,
        )

    return list(executor.map(lag, [partition for partition in listing.partitions if partition.readable]))


def _age(service: StreamService, listing: StreamListing, partition_id: str, number: int) -> float:
    """The age (s) of the record with a number, or of the oldest one if that has expired meanwhile."""
    for _ in range(_ATTEMPTS):
        try:
            page = service.read(ReadPosition(listing.name, listing.stream_id, partition_id, number), _PAGE_BYTES)
        except PartitionExpiredError:
            return 0.0
        except OutOfRangeError as error:
            if error.earliest is None or error.earliest <= number:
                raise
            number = error.earliest
            continue
        if not page.records:
            return 0.0
        return max(0.0, (page.latest_time - page.records[0].timestamp) / 1000)
    return 0.0
