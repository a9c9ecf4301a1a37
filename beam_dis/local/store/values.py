"""What the store keeps, as values: streams, partitions, apps, checkpoints, records.

Rule 1: a value is a frozen snapshot of committed state; later commits make new values.
Rule 2: tags, policies and partition count updates are the wire's own messages, in tuples; nobody changes them.
Rule 3: times are epoch milliseconds, periods are hours.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from beam_dis.wire.limits import DEFAULT_RETENTION_HOURS
from beam_dis.wire.ranges import Range
from beam_dis.wire.streams import ACTIVE, RUNNING, PartitionCountUpdate, PolicyRule, Tag

HOUR_MS = 3_600_000


class Partition(msgspec.Struct, frozen=True, kw_only=True):
    """One partition; its records have the numbers ``[earliest, next)``.

    ``hash_range`` is None unless the partition is ACTIVE. ``put_bytes`` counts the data that was ever put. ``since_ms`` is the time of its last change of status, and
    ``last_ms`` the arrival time of its newest record, also once that has expired (0 before the first record).
    """

    number: int
    status: str = ACTIVE
    hash_range: Range | None = None
    earliest: int = 0
    next: int = 0
    put_bytes: int = 0
    since_ms: int = 0
    last_ms: int = 0


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """One stream as of the last commit, with every partition that it ever had, by number.

    ``generation`` counts the changes of everything except the positions of partitions: a put leaves it as it is, and then
    the stream's own row isn't written again. ``row`` is the key of that row.
    """

    project: str
    stream_id: str
    name: str
    row: int
    created_ms: int
    modified_ms: int
    generation: int = 0
    status: str = RUNNING
    stream_type: str = "COMMON"
    data_type: str = "BLOB"
    data_schema: str | None = None
    delimiter: str | None = None
    compression_format: str | None = None
    retention_hours: int = DEFAULT_RETENTION_HOURS
    auto_scale_enabled: bool = False
    auto_scale_min_partition_count: int = 0
    auto_scale_max_partition_count: int = 0
    tags: tuple[Tag, ...] = ()
    sys_tags: tuple[Tag, ...] = ()
    policies: tuple[PolicyRule, ...] = ()
    updates: tuple[PartitionCountUpdate, ...] = ()
    partitions: tuple[Partition, ...] = ()

    @property
    def active_count(self) -> int:
        """How many partitions take records."""
        return sum(partition.status == ACTIVE for partition in self.partitions)

    @property
    def retention_ms(self) -> int:
        """How long a record is kept."""
        return self.retention_hours * HOUR_MS

    def partition(self, number: int) -> Partition | None:
        """The partition of that number; None if there never was one."""
        return self.partitions[number] if 0 <= number < len(self.partitions) else None


class StreamDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """The properties of a stream to create; the server has checked every value."""

    name: str
    partition_count: int
    stream_type: str = "COMMON"
    data_type: str = "BLOB"
    data_schema: str | None = None
    delimiter: str | None = None
    compression_format: str | None = None
    retention_hours: int = DEFAULT_RETENTION_HOURS
    auto_scale_enabled: bool = False
    auto_scale_min_partition_count: int = 0
    auto_scale_max_partition_count: int = 0
    tags: tuple[Tag, ...] = ()
    sys_tags: tuple[Tag, ...] = ()


class StoredApp(msgspec.Struct, frozen=True, kw_only=True):
    """One app: the owner of checkpoints in any stream of its project."""

    project: str
    name: str
    app_id: str
    created_ms: int


class StoredCheckpoint(NamedTuple):
    """The number that an app reads next in a partition, and the metadata that it committed with it."""

    sequence_number: int
    metadata: str | None


class StoredRecords(NamedTuple):
    """Consecutive records of one arrival time, as columns: ``keys[i]`` and ``datas[i]`` have the number ``first + i``."""

    first: int
    timestamp_ms: int
    keys: list[str | None]
    datas: list[bytes]
