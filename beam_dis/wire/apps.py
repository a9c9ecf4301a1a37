"""Messages about apps, the named consumers that own checkpoints [§5.2].

Law: fields as the official clients parse them; a partition without a checkpoint stands at "-1" (ours).
"""

from __future__ import annotations

from beam_dis.wire.messages import Answer, Message, Query


class CreateAppRequest(Message):
    """POST /v2/{project_id}/apps [T5-39]; answered 201 with an empty body [SDK]."""

    app_name: str


class ListAppsQuery(Query):
    """GET /v2/{project_id}/apps [T5-41]; 1 to 100 names behind ``start_app_name``, 10 where no limit is given."""

    limit: int | None = None
    start_app_name: str | None = None
    stream_name: str | None = None


class App(Answer):
    """One app [T5-44]; the streams in which it has committed a checkpoint."""

    app_id: str = ""
    app_name: str = ""
    create_time: int = 0
    commit_checkpoint_stream_names: list[str] = []


class ListAppsResult(Answer):
    """A page of apps, by name [T5-43]."""

    has_more_app: bool = False
    apps: list[App] = []
    total_number: int = 0


class ConsumerStateQuery(Query):
    """GET /v2/{project_id}/apps/{app_name}/streams/{stream_name} [T5-51]; partitions behind the given one."""

    checkpoint_type: str | None = None
    limit: int | None = None
    start_partition_id: str | None = None


class PartitionConsumingState(Answer):
    """How far an app is in one partition [T5-53]; ``partition_id`` is the bare number, offsets are the range's ends."""

    partition_id: str = ""
    sequence_number: str = "-1"
    latest_offset: int = 0
    earliest_offset: int = 0
    checkpoint_type: str = "LAST_READ"
    status: str | None = None
    metadata: str | None = None


class ConsumerStateResult(Answer):
    """How far an app is in a stream [§5.2.5; the sample's misspelt field is not sent]."""

    has_more: bool = False
    stream_name: str = ""
    app_name: str = ""
    partition_consuming_states: list[PartitionConsumingState] = []
