"""What the store holds, as values: streams, partitions, apps, checkpoints, records.

Law: frozen snapshots of committed state; they never change under whoever holds one. Lists inside them (tags, rules,
scalings) are the wire's own messages in tuples, to be read only. Times are epoch milliseconds, periods hours.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from beam_dis.wire.limits import DEFAULT_RETENTION_HOURS
from beam_dis.wire.ranges import Range
from beam_dis.wire.streams import ACTIVE, RUNNING, PartitionCountUpdate, PolicyRule, Tag

HOUR_MS = 3_600_000


class Partition(msgspec.Struct, frozen=True, kw_only=True):
    """One partition: it holds the records ``[earliest, next)``.

    ``hash_range`` is None unless it is ACTIVE; ``since_ms`` is when it took its status; ``last_ms`` the time of its
    newest record ever (0 before the first); ``incarnation`` counts how often it came back from EXPIRED.
    """

    number: int
    status: str = ACTIVE
    hash_range: Range | None = None
    earliest: int = 0
    next: int = 0
    incarnation: int = 0
    since_ms: int = 0
    last_ms: int = 0


class Stream(msgspec.Struct, frozen=True, kw_only=True):
    """One stream as of the last commit, with every partition it ever had, by number.

    ``generation`` counts the changes of everything but the positions of partitions: what is computed from a stream's
    layout (routing, say) stays good while ``(stream_id, generation)`` does. ``row`` is the store's own key.
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
        """How long a record is held."""
        return self.retention_hours * HOUR_MS

    def partition(self, number: int) -> Partition | None:
        """The partition of that number; None where there never was one."""
        return self.partitions[number] if 0 <= number < len(self.partitions) else None


class StreamDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """What a new stream is to be; the server has checked every value."""

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


class App(msgspec.Struct, frozen=True, kw_only=True):
    """One app: the owner of checkpoints in any stream of its project."""

    project: str
    name: str
    app_id: str
    created_ms: int


class StoredCheckpoint(NamedTuple):
    """The number an app reads next in a partition, and what it noted with it."""

    sequence_number: int
    metadata: str | None


class Entry(NamedTuple):
    """A record to append."""

    partition: int
    key: str | None
    data: bytes


class Placed(NamedTuple):
    """Where an appended record is now."""

    partition: int
    sequence_number: int


class StoredRecord(NamedTuple):
    """A record as it is held; its time is its arrival."""

    sequence_number: int
    key: str | None
    data: bytes
    timestamp_ms: int


class Run(NamedTuple):
    """Consecutive records of one arrival time, in columns: ``keys[i]`` and ``datas[i]`` have the number ``first + i``."""

    first: int
    timestamp_ms: int
    keys: list[str | None]
    datas: list[bytes]
