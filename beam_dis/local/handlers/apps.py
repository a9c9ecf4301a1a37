"""The handlers of apps: create, list, delete, describe, and how far an app has read [§5.2]."""

from __future__ import annotations

from bisect import bisect_right

from beam_dis.local.handlers.call import Call, durable, listing_limit
from beam_dis.local.handlers.checkpoints import check_type
from beam_dis.local.store import Partition, StoredApp, StoredCheckpoint
from beam_dis.wire import apps as wire
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import APP_NAME
from beam_dis.wire.ranges import partition_number
from beam_dis.wire.streams import GET_RECORDS


async def create_app(call: Call, request: wire.CreateAppRequest) -> None:
    """Create an app; refused with DIS.4330 if it exists, with DIS.4329 if the project has as many apps as it may."""
    if APP_NAME.fullmatch(request.app_name) is None:
        raise Refusal(4200, f"app_name {request.app_name[:200]!r} is not 1 to 200 of A-Z a-z 0-9 _ -")
    await durable(call.store.create_app(call.project, request.app_name))


async def list_apps(call: Call, request: wire.ListAppsQuery) -> wire.ListAppsResult:
    """A page of apps, sorted by name; with ``stream_name`` only those that have a checkpoint in that stream."""
    limit = listing_limit(request.limit, range(1, 101), 10, "limit")
    apps = call.store.apps(call.project)
    if request.stream_name is not None:
        stream = call.stream(request.stream_name)
        apps = [app for app in apps if call.store.checkpoints(call.project, app, stream.stream_id)]
    start = bisect_right([app.name for app in apps], request.start_app_name or "")
    page = [_description(call, app) for app in apps[start : start + limit]]
    return wire.ListAppsResult(has_more_app=start + limit < len(apps), apps=page, total_number=len(apps))


async def delete_app(call: Call, _: None) -> None:
    """Delete an app and its checkpoints; refused with DIS.4331 while its group has members."""
    app = call.app(call.names["app_name"])
    if call.context.groups.has_members((call.project, app.name)):
        raise Refusal(4331, app.name)
    await durable(call.store.delete_app(call.project, app))


async def describe_app(call: Call, _: None) -> wire.AppInfo:
    """One app."""
    return _description(call, call.app(call.names["app_name"]))


async def consumer_state(call: Call, request: wire.ConsumerStateQuery) -> wire.ConsumerStateResult:
    """The checkpoint of an app in each partition of a stream, if it has one, and the sequence numbers of the partition."""
    if request.checkpoint_type is None:
        raise Refusal(4200, "checkpoint_type is missing")
    check_type(request.checkpoint_type)
    limit = listing_limit(request.limit, range(1, 1001), 100, "limit")
    first = 0 if request.start_partition_id is None else partition_number(request.start_partition_id) + 1
    stream = call.stream(call.names["stream_name"], request.stream_id, GET_RECORDS)
    app = call.app(call.names["app_name"])
    checkpoints = call.store.checkpoints(call.project, app, stream.stream_id)
    page = stream.partitions[first : first + limit]
    return wire.ConsumerStateResult(
        has_more=first + limit < len(stream.partitions),
        stream_name=stream.name,
        app_name=app.name,
        partition_consuming_states=[_state(p, checkpoints.get((stream.stream_id, p.number))) for p in page],
    )


def _description(call: Call, app: StoredApp) -> wire.AppInfo:
    stream_ids = {stream_id for stream_id, _ in call.store.checkpoints(call.project, app)}
    found = (call.store.stream(call.project, "", stream_id) for stream_id in stream_ids)
    names = sorted(stream.name for stream in found if stream is not None)
    return wire.AppInfo(app.app_id, app.name, app.created_ms, names)


def _state(partition: Partition, checkpoint: StoredCheckpoint | None) -> wire.PartitionConsumingState:
    return wire.PartitionConsumingState(
        partition_id=str(partition.number),
        sequence_number="-1" if checkpoint is None else str(checkpoint.sequence_number),
        latest_offset=partition.next,
        earliest_offset=partition.earliest,
        status=partition.status,
        metadata=None if checkpoint is None else checkpoint.metadata,
    )
