"""The handlers of checkpoints: commit, get, delete [§5.3].

Rules:

1. A checkpoint may be any sequence number, even one that the partition doesn't have, because no client handles a refusal
   (ours).
2. A request is checked in this order: fields, stream, app, partition, group.
3. A commit that names a member of a group is refused unless the member has the generation that it names.
"""

from __future__ import annotations

import re

from beam_dis.local.handlers.call import Call, durable, partition_of
from beam_dis.wire.checkpoints import (
    LAST_READ,
    Checkpoint,
    CommitCheckpointRequest,
    DeleteCheckpointQuery,
    GetCheckpointQuery,
)
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import MAX_METADATA_CHARS
from beam_dis.wire.ranges import MAX_SEQUENCE_NUMBER, partition_number
from beam_dis.wire.streams import GET_RECORDS

_NUMBER = re.compile("[0-9]{1,19}")


async def commit_checkpoint(call: Call, request: CommitCheckpointRequest) -> None:
    """Set the number that an app reads next in a partition."""
    check_type(request.checkpoint_type)
    partition_number(request.partition_id)
    check_named(request.stream_name, request.stream_id)
    number = _sequence_number(request.sequence_number)
    if len(request.metadata or "") > MAX_METADATA_CHARS:
        raise Refusal(4200, f"metadata has {len(request.metadata or '')} characters, more than {MAX_METADATA_CHARS}")
    stream = call.stream(request.stream_name, request.stream_id, GET_RECORDS)
    app = call.app(request.app_name)
    partition = partition_of(stream, request.partition_id)
    if request.client_id is not None:
        call.context.groups.check_commit((call.project, app.name), request.client_id, request.generation_id)
    change = call.store.commit_checkpoint(call.project, app, stream, partition.number, number, request.metadata)
    await durable(change)


async def get_checkpoint(call: Call, request: GetCheckpointQuery) -> Checkpoint:
    """The checkpoint of an app in a partition; empty if it has none."""
    check_type(request.checkpoint_type)
    partition_number(request.partition_id)
    check_named(request.stream_name, request.stream_id)
    stream = call.stream(request.stream_name, request.stream_id, GET_RECORDS)
    app = call.app(request.app_name)
    partition = partition_of(stream, request.partition_id)
    stored = call.store.checkpoint(call.project, app, stream.stream_id, partition.number)
    return Checkpoint() if stored is None else Checkpoint(str(stored.sequence_number), stored.metadata)


async def delete_checkpoint(call: Call, request: DeleteCheckpointQuery) -> None:
    """Delete an app's checkpoints in a stream, or in one partition of it."""
    check_type(LAST_READ if request.checkpoint_type is None else request.checkpoint_type)
    number = None if request.partition_id is None else partition_number(request.partition_id)
    check_named(request.stream_name, request.stream_id)
    stream = call.stream(request.stream_name, request.stream_id, GET_RECORDS)
    app = call.app(request.app_name)
    if number is not None:
        partition_of(stream, str(number))
    if not call.store.checkpoints(call.project, app, stream.stream_id):
        raise Refusal(4375)
    await durable(call.store.delete_checkpoints(call.project, app, stream, number))


def check_type(checkpoint_type: str) -> None:
    """Refuse any type except LAST_READ, the only one, with DIS.4200."""
    if checkpoint_type != LAST_READ:
        raise Refusal(4200, f"checkpoint_type {checkpoint_type!r} is not {LAST_READ}")


def check_named(stream_name: str | None, stream_id: str | None) -> None:
    """Refuse a request that names no stream, neither by its name nor by its id, with DIS.4200."""
    if not (stream_name or stream_id):
        raise Refusal(4200, "stream_name is missing")


def _sequence_number(text: str) -> int:
    if _NUMBER.fullmatch(text) is None or int(text) > MAX_SEQUENCE_NUMBER:
        raise Refusal(4216, text)
    return int(text)
