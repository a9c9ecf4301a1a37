"""Each kind of change, as a function on a draft.

Rule 1: a change reads the draft, sets values in it and returns its result; it does no I/O.
Rule 2: a change that is refused raises Refusal and has set nothing.
Rule 3: the time is a parameter, in epoch milliseconds, and new ids come from the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from beam_dis.local.store.catalogue import CheckpointKey, Draft
from beam_dis.local.store.dump_changes import mark_deleted
from beam_dis.local.store.rows import with_hash_ranges
from beam_dis.local.store.values import Partition, StoredApp, StoredCheckpoint, Stream, StreamDefinition
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import APP_QUOTA, MAX_TAGS, PARTITION_QUOTA
from beam_dis.wire.ranges import partition_id
from beam_dis.wire.streams import ACTIVE, DELETED, EXPIRED, PartitionCountUpdate, PolicyRule, Tag

_RESTORING_ORDER = {DELETED: 0, EXPIRED: 1}
"""The order in which scaling up makes closed partitions ACTIVE again."""

_NO_RESOURCE = 4603
"""The code by which operations on tags refuse a stream that doesn't exist."""


def create_stream(
    draft: Draft, now_ms: int, project: str, definition: StreamDefinition, *, stream_id: str, row: int
) -> Stream:
    """Create a stream whose partitions are all ACTIVE and empty; refused with DIS.4307 or DIS.4308."""
    if any(stream.name == definition.name for stream in draft.project_streams(project)):
        raise Refusal(4307, definition.name)
    _check_quota(draft, project, definition.stream_type, definition.partition_count)
    properties = msgspec.structs.asdict(definition)
    count = properties.pop("partition_count")
    stream = Stream(
        project=project,
        stream_id=stream_id,
        row=row,
        created_ms=now_ms,
        modified_ms=now_ms,
        partitions=tuple(Partition(number=number, since_ms=now_ms) for number in range(count)),
        **properties,
    )
    stream = with_hash_ranges(stream)
    draft.put_stream(stream)
    return stream


def delete_stream(draft: Draft, _now_ms: int, stream_id: str) -> None:
    """Delete a stream, every checkpoint in it and its dump tasks; refused with DIS.4301."""
    _existing(draft, stream_id)
    mark_deleted(draft, draft.dump_tasks_of(stream_id))
    for key in draft.checkpoint_keys(stream_id=stream_id):
        draft.checkpoints[key] = None
    draft.streams[stream_id] = None


def update_stream(draft: Draft, now_ms: int, stream_id: str, changes: Mapping[str, Any]) -> Stream:
    """Change properties of a stream, named as the fields of Stream; refused with DIS.4301."""
    return _put(draft, now_ms, _existing(draft, stream_id), **changes)


def add_policies(draft: Draft, now_ms: int, stream_id: str, rules: Sequence[PolicyRule]) -> None:
    """Add permissions to a stream, as far as they aren't there already; refused with DIS.4301."""
    stream = _existing(draft, stream_id)
    new = [rule for rule in rules if rule not in stream.policies]
    if new:
        _put(draft, now_ms, stream, policies=(*stream.policies, *new))


def delete_policies(draft: Draft, now_ms: int, stream_id: str, rules: Sequence[PolicyRule]) -> None:
    """Delete permissions of a stream, as far as they are there; refused with DIS.4301."""
    stream = _existing(draft, stream_id)
    left = tuple(rule for rule in stream.policies if rule not in rules)
    if len(left) < len(stream.policies):
        _put(draft, now_ms, stream, policies=left)


def put_tags(draft: Draft, now_ms: int, stream_id: str, tags: Sequence[Tag]) -> None:
    """Add tags to a stream; one whose key is there gets the new value. Refused with DIS.4603 or 4601."""
    stream = _existing(draft, stream_id, _NO_RESOURCE)
    merged = {tag.key: tag for tag in (*stream.tags, *tags)}
    if len(merged) > MAX_TAGS:
        raise Refusal(4601, f"{len(merged)} are more than {MAX_TAGS}")
    _put(draft, now_ms, stream, tags=tuple(merged.values()))


def delete_tag(draft: Draft, now_ms: int, stream_id: str, key: str) -> None:
    """Delete a tag; refused with DIS.4603, or 4604 if the stream doesn't have it."""
    if all(tag.key != key for tag in _existing(draft, stream_id, _NO_RESOURCE).tags):
        raise Refusal(4604, key)
    delete_tags(draft, now_ms, stream_id, [key])


def delete_tags(draft: Draft, now_ms: int, stream_id: str, keys: Sequence[str]) -> None:
    """Delete tags, as far as the stream has them; refused with DIS.4603."""
    stream = _existing(draft, stream_id, _NO_RESOURCE)
    _put(draft, now_ms, stream, tags=tuple(tag for tag in stream.tags if tag.key not in keys))


def scale(draft: Draft, now_ms: int, stream_id: str, target: int, *, auto: bool = False) -> tuple[int, int]:
    """Scale a stream to ``target`` ACTIVE partitions; ``auto`` says that nobody has asked for it.

    Scaling up makes DELETED partitions ACTIVE again first, then EXPIRED ones, and then adds new ones. Scaling down makes
    the highest-numbered ACTIVE partitions DELETED. Refused with DIS.4200, 4301 or 4308.

    Returns:
        The number of ACTIVE partitions before and after.
    """
    if target < 1:
        raise Refusal(4200, f"target_partition_count {target} is not above 0")
    stream = _existing(draft, stream_id)
    before = stream.active_count
    if target == before:
        return before, target
    _check_quota(draft, stream.project, stream.stream_type, target - before)
    if target > before:
        scaled = _scaled_up(stream, target - before, now_ms)
    else:
        active = [partition for partition in stream.partitions if partition.status == ACTIVE]
        deleted = {p.number: _with_status(p, DELETED, now_ms) for p in active[target - before :]}
        scaled = _with_partitions(stream, deleted)
    update = PartitionCountUpdate(now_ms, before, target, auto_scale=auto)
    _put(draft, now_ms, with_hash_ranges(scaled), updates=(*stream.updates, update))
    return before, target


def grow(draft: Draft, now_ms: int, stream_id: str, target: int) -> None:
    """Scale a stream up; refused with DIS.4200 unless ``target`` is more than it has, and as ``scale`` is."""
    before = _existing(draft, stream_id).active_count
    if target <= before:
        raise Refusal(4200, f"{target} partitions are not more than the {before} of the stream")
    scale(draft, now_ms, stream_id, target)


def free_partitions(draft: Draft, project: str, stream_type: str) -> int:
    """How many more partitions a project may have in streams of a type."""
    used = sum(s.active_count for s in draft.project_streams(project) if s.stream_type == stream_type)
    return PARTITION_QUOTA[stream_type] - used


def create_app(draft: Draft, now_ms: int, project: str, name: str, *, app_id: str) -> StoredApp:
    """Create an app; refused with DIS.4330 or DIS.4329."""
    if draft.app(project, name) is not None:
        raise Refusal(4330, name)
    if draft.app_count(project) >= APP_QUOTA:
        raise Refusal(4329, APP_QUOTA)
    app = StoredApp(project=project, name=name, app_id=app_id, created_ms=now_ms)
    draft.apps[(project, name)] = app
    return app


def delete_app(draft: Draft, _now_ms: int, project: str, name: str) -> None:
    """Delete an app and its checkpoints; refused with DIS.4332."""
    _check_app(draft, project, name)
    for key in draft.checkpoint_keys(app=(project, name)):
        draft.checkpoints[key] = None
    draft.apps[(project, name)] = None


def commit_checkpoint(draft: Draft, _now_ms: int, key: CheckpointKey, checkpoint: StoredCheckpoint) -> None:
    """Set the number that an app reads next in a partition; refused with DIS.4332, 4301 or 4302."""
    _check_app(draft, key.project, key.app)
    if _existing(draft, key.stream_id).partition(key.partition) is None:
        raise Refusal(4302, partition_id(key.partition))
    draft.checkpoints[key] = checkpoint


def delete_checkpoints(
    draft: Draft, _now_ms: int, project: str, app: str, stream_id: str, partition: int | None
) -> None:
    """Delete an app's checkpoints in a stream, or in one partition of it; refused with DIS.4332."""
    _check_app(draft, project, app)
    if partition is None:
        keys = draft.checkpoint_keys(app=(project, app), stream_id=stream_id)
    else:  # found without the others, of which there may be thousands
        keys = [CheckpointKey(project, app, stream_id, partition)]
    draft.checkpoints |= {key: None for key in keys if draft.has_checkpoint(key)}


def expire_partitions(draft: Draft, now_ms: int, streams: Iterable[Stream]) -> None:
    """Make partitions of these streams EXPIRED that have been DELETED for as long as their stream keeps records."""
    for stream in filter(None, [draft.stream(stream.stream_id) for stream in streams]):
        due = [p for p in stream.partitions if p.status == DELETED and p.since_ms + stream.retention_ms <= now_ms]
        if due:
            expired = {p.number: _with_status(p, EXPIRED, now_ms, earliest=p.next) for p in due}
            _put(draft, stream.modified_ms, _with_partitions(stream, expired))


def _existing(draft: Draft, stream_id: str, code: int = 4301) -> Stream:
    stream = draft.stream(stream_id)
    if stream is None:
        raise Refusal(code, stream_id)
    return stream


def _check_app(draft: Draft, project: str, name: str) -> None:
    if draft.app(project, name) is None:
        raise Refusal(4332)


def _check_quota(draft: Draft, project: str, stream_type: str, more: int) -> None:
    if stream_type not in PARTITION_QUOTA:
        return  # a type of another service than DIS, which has no quota
    free = free_partitions(draft, project, stream_type)
    if more > max(0, free):
        quota = PARTITION_QUOTA[stream_type]
        raise Refusal(4308, f"{quota - free + more} {stream_type} partitions are more than the {quota} of a project")


def _put(draft: Draft, now_ms: int, stream: Stream, **changes: Any) -> Stream:
    """Put a stream into the draft with a new generation; every change but a put of records goes through here."""
    changed = msgspec.structs.replace(stream, modified_ms=now_ms, generation=stream.generation + 1, **changes)
    draft.put_stream(changed)
    return changed


def _scaled_up(stream: Stream, more: int, now_ms: int) -> Stream:
    """The stream with so many more ACTIVE partitions; those that were closed go on with their next number."""
    closed = [partition for partition in stream.partitions if partition.status in _RESTORING_ORDER]
    closed.sort(key=lambda partition: (_RESTORING_ORDER[partition.status], partition.number))
    restored = {p.number: _with_status(p, ACTIVE, now_ms) for p in closed[:more]}
    scaled = _with_partitions(stream, restored)
    first = len(stream.partitions)
    new = [Partition(number=first + index, since_ms=now_ms) for index in range(more - len(restored))]
    return msgspec.structs.replace(scaled, partitions=(*scaled.partitions, *new))


def _with_status(partition: Partition, status: str, now_ms: int, **changes: Any) -> Partition:
    return msgspec.structs.replace(partition, status=status, since_ms=now_ms, **changes)


def _with_partitions(stream: Stream, others: Mapping[int, Partition]) -> Stream:
    partitions = tuple(others.get(partition.number, partition) for partition in stream.partitions)
    return msgspec.structs.replace(stream, partitions=partitions)
