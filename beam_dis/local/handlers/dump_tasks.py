"""The handlers of dump tasks: create, list, describe, change, delete, start, stop [§5.5].

Only tasks of type OBS are accepted. The others are refused, because the server couldn't copy anything for them.
"""

from __future__ import annotations

from bisect import bisect_right

from beam_dis.local.handlers.call import Call, durable, listing_limit
from beam_dis.local.handlers.dump_rules import checked_destination
from beam_dis.local.store import DumpTask, Partition, task_named
from beam_dis.wire import dump_tasks as wire
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import DUMP_TASK_QUOTA
from beam_dis.wire.ranges import Range, partition_id
from beam_dis.wire.streams import EXPIRED

_PARTITION_STATES = {wire.PAUSED: wire.PAUSED, wire.ERROR: wire.ERROR}
"""The state of a partition that follows from its task's; otherwise it is RUNNING, or ABNORMAL if its last flush failed."""


async def create_dump_task(call: Call, request: wire.DumpTaskRequest) -> None:
    """Create a task that copies a stream into a bucket; refused with DIS.4306 or 4310 for the bucket, 4355 or 4357."""
    stream = call.stream(call.names["stream_name"])
    destination = checked_destination(request, stream)
    await call.blocking(call.dumps.check_bucket, destination.obs_bucket_path)
    await durable(call.store.create_dump_task(stream, destination))
    call.dumps.wake()


async def list_dump_tasks(call: Call, request: wire.ListDumpTasksQuery) -> wire.ListDumpTasksResult:
    """The tasks of a stream, sorted by name."""
    limit = listing_limit(request.limit, range(1, 101), 10, "limit")
    tasks = call.store.dump_tasks(call.stream(call.names["stream_name"]))
    start = bisect_right([task.name for task in tasks], request.start_task_name or "")
    return wire.ListDumpTasksResult(len(tasks), DUMP_TASK_QUOTA, [_info(task) for task in tasks[start : start + limit]])


async def describe_dump_task(call: Call, _: None) -> wire.DumpTaskDescription:
    """One task, and how far it is in each partition."""
    stream = call.stream(call.names["stream_name"])
    task = task_named(call.store.dump_tasks(stream), call.names["task_name"])
    return wire.DumpTaskDescription(
        stream_id=stream.stream_id,
        stream_name=stream.name,
        task_id=task.task_id,
        task_name=task.name,
        state=task.state,
        create_time=task.created_ms,
        last_transfer_timestamp=task.last_ms,
        obs_destination_description=_description(task.destination),
        partitions=[_partition(task, partition) for partition in stream.partitions if partition.status != EXPIRED],
    )


async def update_dump_task(call: Call, request: wire.DumpTaskRequest) -> None:
    """Replace all properties of the task of that name, except its strategy, from its next interval on."""
    stream = call.stream(call.names["stream_name"])
    destination = checked_destination(request, stream)
    task_named(call.store.dump_tasks(stream), destination.task_name)
    await call.blocking(call.dumps.check_bucket, destination.obs_bucket_path)
    await durable(call.store.update_dump_task(stream, destination))


async def delete_dump_task(call: Call, _: None) -> None:
    """Delete a task; its objects stay."""
    stream = call.stream(call.names["stream_name"])
    await durable(call.store.delete_dump_task(stream, call.names["task_name"]))
    call.dumps.wake()


async def start_dump_tasks(call: Call, request: wire.DumpTasksAction) -> None:
    """Start tasks, all of them or none; one that works already stays as it is."""
    await _act(call, request)


async def stop_dump_tasks(call: Call, request: wire.DumpTasksAction) -> None:
    """Stop tasks, all of them or none; one that is stopped already stays as it is."""
    await _act(call, request)


async def _act(call: Call, request: wire.DumpTasksAction) -> None:
    if request.action not in wire.ACTIONS:
        raise Refusal(4200, f"action {request.action!r} is not one of {', '.join(wire.ACTIONS)}")
    if not request.tasks:
        raise Refusal(4202)
    stream = call.stream(call.names["stream_name"])
    await durable(call.store.act_on_dump_tasks(stream, [task.id for task in request.tasks], request.action))
    call.dumps.wake()


def _info(task: DumpTask) -> wire.DumpTaskInfo:
    return wire.DumpTaskInfo(
        task_id=task.task_id,
        task_name=task.name,
        state=task.state,
        create_time=task.created_ms,
        last_transfer_timestamp=task.last_ms,
    )


def _description(destination: wire.OBSDestination) -> wire.OBSDescription:
    return wire.OBSDescription(
        agency_name=destination.agency_name or "",
        file_prefix=destination.file_prefix or "",
        partition_format=destination.partition_format or "",
        obs_bucket_path=destination.obs_bucket_path,
        deliver_time_interval=destination.deliver_time_interval or 0,
        consumer_strategy=destination.consumer_strategy or "",
        retry_duration=int(destination.retry_duration or 0),
        destination_file_type=destination.destination_file_type or "",
        record_delimiter=destination.record_delimiter or "",
        processing_schema=destination.processing_schema,
        deliver_size_interval=destination.deliver_size_interval,
        compression_format=destination.compression_format,
    )


def _partition(task: DumpTask, partition: Partition) -> wire.DumpedPartition:
    position = task.position(partition.number)
    usual = wire.ABNORMAL if position.failing else wire.RUNNING
    return wire.DumpedPartition(
        partitionId=partition_id(partition.number),
        state=_PARTITION_STATES.get(task.state, usual),
        discard=position.discarded,
        last_transfer_timestamp=position.last_ms or task.created_ms,
        last_transfer_offset=position.next,
        partition_id=partition_id(partition.number),
        status=partition.status,
        hash_range=None if partition.hash_range is None else str(partition.hash_range),
        sequence_number_range=str(Range(partition.earliest, partition.next)),
    )
