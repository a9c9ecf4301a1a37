"""Consumer groups: which member of an app reads which partitions, in memory.

Rules:

1. Whenever a member joins, leaves, or is silent for too long, or the partitions of its streams change, a new generation begins.
2. A member that joins waits a moment for others that join at the same time.
3. No member gets partitions of a generation before every member has asked for them: then nobody reads those of the generation
   before. A member that doesn't ask is dropped as a silent one.
4. The partitions of a stream are shared evenly among the members that asked for the stream, by the order of their ids.
5. Groups aren't stored: after a restart their members join again, in later generations than before.

Not thread-safe: a server uses them in its event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from beam_dis.wire.error_codes import Refusal

JOIN_SECONDS = 1.0
"""How long a member that joins waits for others."""

SESSION_SECONDS = 30.0
"""After how much silence a member is dropped; the vendor's adapter sends a heartbeat every 10 s."""

Partitions = Mapping[str, Sequence[int]]
"""The numbers of the readable partitions of streams, by name."""

GroupStream = tuple[str, str]
"""The name of a stream, and the id of one that is named by it, else ""."""

GroupKey = tuple[str, str]
"""A project and an app in it."""


@dataclass(slots=True)
class _Member:
    streams: tuple[GroupStream, ...]
    seen: float
    generation: int = -1
    """The last generation for which it has asked for its partitions."""


@dataclass(slots=True)
class _Group:
    generation: int
    members: dict[str, _Member] = field(default_factory=dict)
    ready_at: float = 0.0
    partitions: Partitions = field(default_factory=dict)
    """The partitions of the members' streams in this generation."""


class ConsumerGroups:
    """The groups of a server. ``clock`` gives epoch seconds; ``partitions_of`` gives the partitions of streams of a project now."""

    def __init__(
        self, clock: Callable[[], float], partitions_of: Callable[[str, Sequence[GroupStream]], Partitions]
    ) -> None:
        self._clock = clock
        self._partitions_of = partitions_of
        self._groups: dict[GroupKey, _Group] = {}

    def join(self, key: GroupKey, client_id: str, streams: Sequence[GroupStream]) -> float:
        """Add a member; returns for how many seconds it should wait before it syncs.

        Raises:
            Refusal: DIS.4339, if there would be more members than partitions.
        """
        now = self._clock()
        group = self._current(key) or _Group(generation=int(now))
        others = {name: member for name, member in group.members.items() if name != client_id}
        wanted = {stream for member in others.values() for stream in member.streams} | set(streams)
        count = sum(map(len, self._partitions_of(key[0], sorted(wanted)).values()))
        if len(others) >= count:
            raise Refusal(4339, f"{len(others) + 1} members are more than {count} partitions")
        group.members = {**others, client_id: _Member(tuple(streams), now)}
        self._groups[key] = group
        self._begin(key, group)
        group.ready_at = now + JOIN_SECONDS
        return JOIN_SECONDS

    def sync(self, key: GroupKey, client_id: str) -> tuple[int, dict[str, list[int]]] | None:
        """The generation and the partitions of a member; None if it has to wait.

        Raises:
            KeyError: It isn't a member.
        """
        group, member = self._seen(key, client_id)
        if member.seen < group.ready_at:
            return None
        member.generation = group.generation
        if any(other.generation != group.generation for other in group.members.values()):
            return None
        return group.generation, _share(group, client_id)

    def is_stable(self, key: GroupKey, client_id: str, generation: int | None) -> bool:
        """Note that a member is alive; whether it goes on with the partitions of a generation.

        Raises:
            KeyError: It isn't a member.
        """
        group, member = self._seen(key, client_id)
        return group.generation == member.generation == (member.generation if generation is None else generation)

    def leave(self, key: GroupKey, client_id: str) -> None:
        """Drop a member, if it is one."""
        group = self._current(key)
        if group is not None and group.members.pop(client_id, None) is not None:
            self._begin(key, group)

    def has_members(self, key: GroupKey) -> bool:
        """Whether a group has members that are alive."""
        return self._current(key) is not None

    def check_commit(self, key: GroupKey, client_id: str, generation: int | None) -> None:
        """Check that a member may commit a checkpoint.

        Raises:
            Refusal: DIS.4702 if it isn't a member, 4703 in another generation than its own, 4701 while a new one begins.
        """
        group = self._current(key)
        member = None if group is None else group.members.get(client_id)
        if group is None or member is None:
            raise Refusal(4702, client_id)
        if generation is not None and generation != member.generation:
            raise Refusal(4703, generation)
        if any(other.generation != group.generation for other in group.members.values()):
            raise Refusal(4701)

    def _seen(self, key: GroupKey, client_id: str) -> tuple[_Group, _Member]:
        """A member, which was heard from just now, and its group. Raises KeyError if it isn't a member."""
        group = self._current(key)
        if group is None:
            raise KeyError(client_id)
        member = group.members[client_id]
        member.seen = self._clock()
        return group, member

    def _current(self, key: GroupKey) -> _Group | None:
        """The group without silent members, in a new generation if its members or its partitions have changed; None without any."""
        group = self._groups.get(key)
        if group is None:
            return None
        alive = {name: m for name, m in group.members.items() if m.seen + SESSION_SECONDS > self._clock()}
        changed = len(alive) < len(group.members)
        group.members = alive
        if changed or self._partitions(key, group) != group.partitions:
            self._begin(key, group)
        return self._groups.get(key)

    def _begin(self, key: GroupKey, group: _Group) -> None:
        """Begin a new generation; a group without members ends."""
        if not group.members:
            self._groups.pop(key, None)
            return
        group.generation += 1
        group.partitions = self._partitions(key, group)

    def _partitions(self, key: GroupKey, group: _Group) -> Partitions:
        return self._partitions_of(key[0], sorted({stream for m in group.members.values() for stream in m.streams}))


def _share(group: _Group, client_id: str) -> dict[str, list[int]]:
    """The partitions of a member; streams take turns in who gets one more, so that the members have about as many in all."""
    found: dict[str, list[int]] = {}
    given = 0
    for stream, numbers in sorted(group.partitions.items()):
        names = sorted(
            name for name, member in group.members.items() if stream in {asked for asked, _ in member.streams}
        )
        if client_id in names:
            place = (names.index(client_id) - given) % len(names)
            found[stream] = list(numbers[place :: len(names)])
        given += len(numbers)
    return found
