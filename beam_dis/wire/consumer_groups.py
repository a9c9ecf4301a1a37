"""Messages of consumer groups, which share the partitions of streams among the members of an app [Kafka adapter of the SDK].

The service documents none of them. A failure is a ``state`` in an answer with status 200, and fields are in camel case.
"""

from __future__ import annotations

from beam_dis.wire.messages import Message, WireAnswer

OK, WAITING, REJOIN = "OK", "WAITING", "REJOIN"
ERR_SUBSCRIPTION, GROUP_NOT_EXIST = "ERR_SUBSCRIPTION", "GROUP_NOT_EXIST"
"""States of a join or a sync: done; ask again; join again; no such streams; no such app."""

JOINING, SYNCING, STABLE = "JOINING", "SYNCING", "STABLE"
"""States of a heartbeat, which say what the member does next: join, sync, or go on."""


class JoinGroupRequest(Message, rename="camel"):
    """POST /v2/{project_id}/apps/{app_name}/consumers: become a member, for some streams or for those of a pattern."""

    client_id: str
    group_id: str | None = None
    interested_stream: list[str] | None = None
    interested_stream_id_list: list[str] | None = None
    stream_pattern: str | None = None
    accelerate_assign_enabled: bool | None = None
    rebalance_timeout_ms: int | None = None


class JoinGroupResult(WireAnswer, rename="camel"):
    """The streams that the member gets partitions of, and for how long it should wait before it syncs."""

    state: str = OK
    subscription: list[str] = []
    sync_delayed_time_ms: int = 0


class SyncGroupRequest(Message, rename="camel"):
    """POST …/consumers/{client_id}/partitions: ask for partitions. The first ``generation`` is -1."""

    group_id: str | None = None
    client_id: str | None = None
    generation: int | None = None


class SyncGroupResult(WireAnswer):
    """The numbers of the member's partitions by stream, and the generation that they are valid in."""

    state: str = OK
    generation: int = -1
    assignment: dict[str, list[int]] = {}


class HeartbeatRequest(Message, rename="camel"):
    """POST …/consumers/{client_id}/heartbeats: say that the member is alive."""

    group_id: str | None = None
    client_id: str | None = None
    generation: int | None = None


class HeartbeatResult(WireAnswer):
    """What the member does next."""

    state: str = STABLE
