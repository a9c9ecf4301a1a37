"""Messages about checkpoints [§5.3].

A checkpoint is the *next* sequence number that an app will read, as the official Kafka adapter commits it. There is one per
app, stream and partition, and LAST_READ is the only type. Some clients name a stream by its id alone [SDK].
"""

from __future__ import annotations

from beam_dis.wire.messages import Message, Query

LAST_READ = "LAST_READ"


class CommitCheckpointRequest(Message, kw_only=True):
    """POST /v2/{project_id}/checkpoints [T5-56]; answered 201; ``metadata`` has up to 1000 characters."""

    app_name: str
    checkpoint_type: str
    stream_name: str | None = None
    partition_id: str
    sequence_number: str
    metadata: str | None = None
    stream_id: str | None = None
    client_id: str | None = None
    generation_id: int | None = None


class GetCheckpointQuery(Query, kw_only=True):
    """GET /v2/{project_id}/checkpoints [T5-58]."""

    stream_name: str | None = None
    partition_id: str
    app_name: str
    checkpoint_type: str
    stream_id: str | None = None


class Checkpoint(Message):
    """A checkpoint [T5-60]; answered 200, with ``{}`` if there is none [SDK]."""

    sequence_number: str | None = None
    metadata: str | None = None


class DeleteCheckpointQuery(Query, kw_only=True):
    """DELETE /v2/{project_id}/checkpoints [T5-62]; all partitions if none is named; answered 204."""

    stream_name: str | None = None
    app_name: str
    checkpoint_type: str | None = None
    partition_id: str | None = None
    stream_id: str | None = None
