"""Messages about apps, the named consumers that own checkpoints [§5.2].

Fields are named as the official clients parse them. A partition without a checkpoint has sequence number "-1" (ours).
"""

from __future__ import annotations

from beam_dis.wire.messages import Message, Query, WireAnswer


class CreateAppRequest(Message):
    """POST /v2/{project_id}/apps [T5-39]; answered 201 with an empty body [SDK]."""

    app_name: str


class ListAppsQuery(Query):
    """GET /v2/{project_id}/apps [T5-41]; 1 to 100 names after ``start_app_name``, 10 without a limit."""

    limit: int | None = None
    start_app_name: str | None = None
    stream_name: str | None = None


class AppInfo(WireAnswer):
    """An app [T5-44], with the streams in which it has committed a checkpoint."""

    app_id: str = ""
    app_name: str = ""
    create_time: int = 0
    commit_checkpoint_stream_names: list[str] = []


class ListAppsResult(WireAnswer):
    """A page of apps, by name [T5-43]."""

    has_more_app: bool = False
    apps: list[AppInfo] = []
    total_number: int = 0


class ConsumerStateQuery(Query):
    """GET /v2/{project_id}/apps/{app_name}/streams/{stream_name} [T5-51]; partitions after the given one."""

    checkpoint_type: str | None = None
    limit: int | None = None
    start_partition_id: str | None = None
    stream_id: str | None = None


class PartitionConsumingState(WireAnswer):
    """How far an app is in one partition [T5-53]; ``partition_id`` is the bare number; the offsets are the ends of the partition."""

    partition_id: str = ""
    sequence_number: str = "-1"
    latest_offset: int = 0
    earliest_offset: int = 0
    checkpoint_type: str = "LAST_READ"
    status: str | None = None
    metadata: str | None = None


class ConsumerStateResult(WireAnswer):
    """How far an app is in a stream [§5.2.5; the field that the sample misspells is not sent]."""

    has_more: bool = False
    stream_name: str = ""
    app_name: str = ""
    partition_consuming_states: list[PartitionConsumingState] = []
