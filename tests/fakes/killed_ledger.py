"""What clients know about a local DIS that is killed again and again: what it acknowledged, and what was under way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

RETENTION_TENS = 24 * 360
"""How long the stream ``scaled`` keeps records, in tens of seconds; the clock is counted in them."""

LAST_TENS = 6 * RETENTION_TENS
"""Where the clock stops being advanced by hours, since what happened is reported for seven days."""

KINDS = (
    "partitions",  # how many ACTIVE ones the stream ``scaled`` has
    "tens",  # the tens of seconds by which the clock was advanced
    "checkpoint",  # of the app ``alone``
    "group_checkpoint",  # of the app ``group``, which only a member may commit
    "tags",  # the value of both tags of ``scaled``
    "policies",  # the number in the names of both principals of ``fixed``; 0 without any
    "stream",  # 0: there is no stream ``brief``; 1: there is; 2: it has a dump task
    "app",  # 0: there is no app ``brief``; 1: there is; 2: it has a checkpoint
    "task",  # 0: ``fixed`` has no dump task ``brief``; 1: it has
    "running",  # 0: both dump tasks of ``scaled`` are stopped; 1: both are started
    "destination",  # the number in the prefix of ``plain``, a dump task of ``scaled``; its interval follows from it
)


class Place(NamedTuple):
    """Where a record is stored."""

    stream: str
    partition: int
    number: int


@dataclass
class Change:
    """The last value that was requested, the last that was acknowledged, and how many were acknowledged."""

    requested: int = 0
    done: int = 0
    count: int = 0

    def make(self, value: int, request: Callable[[int], None]) -> None:
        """Request a value. An error leaves open whether it was set."""
        self.requested = value
        request(value)
        self.done = value
        self.count += 1


class KnownRecord(NamedTuple):
    """A record's data, and the clock before it was put; ``acknowledged``, or found after a restart."""

    data: bytes
    tens: int
    acknowledged: bool


@dataclass
class Ledger:
    """Everything that the server acknowledged, and what it may have done besides.

    ``under_way`` has the data of the put to each stream that has no answer yet. ``reported`` has the highest value of each counter;
    ``members`` the member that was given a partition of a group's generation; ``objects`` the bytes of each object that was seen.
    """

    changes: dict[str, Change] = field(default_factory=lambda: {kind: Change() for kind in KINDS})
    records: dict[Place, KnownRecord] = field(default_factory=dict)
    under_way: dict[str, list[bytes]] = field(default_factory=dict)
    ranges: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    reported: dict[tuple[str, ...], float] = field(default_factory=dict)
    members: dict[tuple[int, int], str] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    generation: int = 0

    @property
    def tens(self) -> int:
        """The clock."""
        return self.changes["tens"].done

    def add_record(self, place: Place, data: bytes, tens: int) -> None:
        """Note a record that was acknowledged, or that was found though its put had no answer."""
        assert place not in self.records, f"{place} was given twice"
        self.records[place] = KnownRecord(data, tens, acknowledged=True)

    def may_have_expired(self, place: Place) -> bool:
        """Whether a record is older than its stream keeps records."""
        return place.stream == "scaled" and self.records[place].tens + RETENTION_TENS <= self.tens

    def note_counters(self, counters: Mapping[tuple[str, ...], float]) -> None:
        """Note what counters are reported to be; none may be lower than before."""
        lower = {
            key: (self.reported[key], value) for key, value in counters.items() if value < self.reported.get(key, 0)
        }
        assert lower == {}, f"counters went back: {lower}"
        self.reported.update(counters)

    def note_partition(self, generation: int, partition: int, member: str) -> None:
        """Note whom a group has given a partition: only one member gets it in a generation, and generations never go back."""
        assert generation >= self.generation, f"generation {self.generation} was followed by {generation}"
        self.generation = generation
        assert self.members.setdefault((generation, partition), member) == member, "two members have a partition"
