"""What each request changes, as functions on a draft.

Law: pure; a change reads the draft, sets values in it and returns its answer, or raises Refusal and has set nothing.
The time is a parameter, in milliseconds; new ids come from the caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from beam_dis.local.store.catalogue import CheckpointKey, Draft
from beam_dis.local.store.rows import with_hash_ranges
from beam_dis.local.store.values import App, Partition, StoredCheckpoint, Stream, StreamDefinition
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import APP_QUOTA, PARTITION_QUOTA
from beam_dis.wire.ranges import partition_id
from beam_dis.wire.streams import ACTIVE, DELETED, EXPIRED, PartitionCountUpdate, PolicyRule

_RESTORING_ORDER = {DELETED: 0, EXPIRED: 1}


def create_stream(
    draft: Draft, now_ms: int, project: str, definition: StreamDefinition, *, stream_id: str, row: int
) -> Stream:
    """A new stream, all its partitions ACTIVE and empty; refused with DIS.4307 or DIS.4308."""
    if any(stream.name == definition.name for stream in draft.project_streams(project)):
        raise Refusal(4307, definition.name)
    _check_quota(draft, project, definition.stream_type, definition.partition_count)
    facts = msgspec.structs.asdict(definition)
    count = facts.pop("partition_count")
    stream = Stream(
        project=project,
        stream_id=stream_id,
        row=row,
        created_ms=now_ms,
        modified_ms=now_ms,
        partitions=tuple(Partition(number=number, since_ms=now_ms) for number in range(count)),
        **facts,
    )
    stream = with_hash_ranges(stream)
    draft.put_stream(stream)
    return stream


def delete_stream(draft: Draft, _now_ms: int, stream_id: str) -> None:
    """The stream and every checkpoint in it are gone; refused with DIS.4301."""
    _existing(draft, stream_id)
    for key in draft.checkpoint_keys(stream_id=stream_id):
        draft.checkpoints[key] = None
    draft.streams[stream_id] = None


def update_stream(draft: Draft, now_ms: int, stream_id: str, changes: Mapping[str, Any]) -> Stream:
    """The stream with other facts, named as the fields of Stream."""
    return _put(draft, now_ms, _existing(draft, stream_id), **changes)


def add_policy(draft: Draft, now_ms: int, stream_id: str, rule: PolicyRule) -> None:
    """One more permission on a stream; one that is there already changes nothing."""
    stream = _existing(draft, stream_id)
    if rule not in stream.policies:
        _put(draft, now_ms, stream, policies=(*stream.policies, rule))


def scale(draft: Draft, now_ms: int, stream_id: str, target: int) -> tuple[int, int]:
    """``target`` ACTIVE partitions: DELETED ones come back first, then EXPIRED ones, then new ones are made;
    downwards the highest-numbered become DELETED. The counts before and after; refused with DIS.4200 or 4308.
    """
    if target < 1:
        raise Refusal(4200, f"target_partition_count {target} is not above 0")
    stream = _existing(draft, stream_id)
    before = stream.active_count
    if target == before:
        return before, target
    _check_quota(draft, stream.project, stream.stream_type, target - before)
    grown = _grown(stream, target - before, now_ms) if target > before else _shrunk(stream, before - target, now_ms)
    update = PartitionCountUpdate(now_ms, before, target)
    _put(draft, now_ms, with_hash_ranges(grown), updates=(*stream.updates, update))
    return before, target


def create_app(draft: Draft, now_ms: int, project: str, name: str, *, app_id: str) -> App:
    """A new app; refused with DIS.4330 or DIS.4329."""
    if draft.app(project, name) is not None:
        raise Refusal(4330, name)
    if draft.app_count(project) >= APP_QUOTA:
        raise Refusal(4329, APP_QUOTA)
    app = App(project=project, name=name, app_id=app_id, created_ms=now_ms)
    draft.apps[(project, name)] = app
    return app


def delete_app(draft: Draft, _now_ms: int, project: str, name: str) -> None:
    """The app and its checkpoints are gone; refused with DIS.4332."""
    _check_app(draft, project, name)
    for key in draft.checkpoint_keys(app=(project, name)):
        draft.checkpoints[key] = None
    draft.apps[(project, name)] = None


def commit_checkpoint(draft: Draft, _now_ms: int, key: CheckpointKey, checkpoint: StoredCheckpoint) -> None:
    """The number that an app reads next in a partition; refused with DIS.4332, 4301 or 4302."""
    _check_app(draft, key.project, key.app)
    if _existing(draft, key.stream_id).partition(key.partition) is None:
        raise Refusal(4302, partition_id(key.partition))
    draft.checkpoints[key] = checkpoint


def delete_checkpoints(
    draft: Draft, _now_ms: int, project: str, app: str, stream_id: str, partition: int | None
) -> None:
    """An app's checkpoints in a stream, or in one partition of it, are gone."""
    _check_app(draft, project, app)
    for key in draft.checkpoint_keys(app=(project, app), stream_id=stream_id):
        if partition in (None, key.partition):
            draft.checkpoints[key] = None


def retire_partitions(draft: Draft, now_ms: int) -> None:
    """Partitions that were scaled away a retention ago become EXPIRED."""
    for stream in draft.project_streams():
        due = [p for p in stream.partitions if p.status == DELETED and p.since_ms + stream.retention_ms <= now_ms]
        if due:
            retired = {p.number: _as(p, EXPIRED, now_ms, earliest=p.next) for p in due}
            _put(draft, stream.modified_ms, _with_partitions(stream, retired))


def _existing(draft: Draft, stream_id: str) -> Stream:
    stream = draft.stream(stream_id)
    if stream is None:
        raise Refusal(4301, stream_id)
    return stream


def _check_app(draft: Draft, project: str, name: str) -> None:
    if draft.app(project, name) is None:
        raise Refusal(4332)


def _check_quota(draft: Draft, project: str, stream_type: str, more: int) -> None:
    quota = PARTITION_QUOTA[stream_type]
    used = sum(s.active_count for s in draft.project_streams(project) if s.stream_type == stream_type)
    if more > 0 and used + more > quota:
        raise Refusal(4308, f"{used + more} {stream_type} partitions are more than the {quota} of a project")


def _put(draft: Draft, now_ms: int, stream: Stream, **changes: Any) -> Stream:
    changed = msgspec.structs.replace(stream, modified_ms=now_ms, generation=stream.generation + 1, **changes)
    draft.put_stream(changed)
    return changed


def _grown(stream: Stream, more: int, now_ms: int) -> Stream:
    closed = [partition for partition in stream.partitions if partition.status in _RESTORING_ORDER]
    closed.sort(key=lambda partition: (_RESTORING_ORDER[partition.status], partition.number))
    restored = {p.number: _restored(p, now_ms) for p in closed[:more]}
    grown = _with_partitions(stream, restored)
    first = len(stream.partitions)
    new = [Partition(number=first + index, since_ms=now_ms) for index in range(more - len(restored))]
    return msgspec.structs.replace(grown, partitions=(*grown.partitions, *new))


def _restored(partition: Partition, now_ms: int) -> Partition:
    """Numbers go on where they were; back from EXPIRED, it is another incarnation."""
    reborn = partition.status == EXPIRED
    return _as(partition, ACTIVE, now_ms, incarnation=partition.incarnation + reborn)


def _shrunk(stream: Stream, fewer: int, now_ms: int) -> Stream:
    active = [partition for partition in stream.partitions if partition.status == ACTIVE]
    return _with_partitions(stream, {p.number: _as(p, DELETED, now_ms) for p in active[-fewer:]})


def _as(partition: Partition, status: str, now_ms: int, **changes: Any) -> Partition:
    return msgspec.structs.replace(partition, status=status, since_ms=now_ms, **changes)


def _with_partitions(stream: Stream, others: Mapping[int, Partition]) -> Stream:
    partitions = tuple(others.get(partition.number, partition) for partition in stream.partitions)
    return msgspec.structs.replace(stream, partitions=partitions)
