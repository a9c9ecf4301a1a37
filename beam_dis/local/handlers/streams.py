"""The handlers of streams: create, list, delete, describe, scale, change, share [§5.1]."""

from __future__ import annotations

from bisect import bisect_right

from beam_dis.local.handlers.call import Call, durable, listing_limit
from beam_dis.local.handlers.descriptions import partition_result, stream_description, stream_info
from beam_dis.local.handlers.policies import checked_rules
from beam_dis.local.handlers.stream_rules import checked_changes, checked_definition
from beam_dis.local.store import Stream
from beam_dis.wire import streams as wire
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.ranges import partition_number


async def create_stream(call: Call, request: wire.CreateStreamRequest) -> None:
    """Create a stream; refused with DIS.4307 if it exists, with DIS.4308 if the project would have too many partitions."""
    await durable(call.store.create_stream(call.project, checked_definition(request)))


async def list_streams(call: Call, request: wire.ListStreamsQuery) -> wire.ListStreamsResult:
    """A page of streams, sorted by name."""
    limit = listing_limit(request.limit, range(1, 101), 10, "limit")
    streams = call.store.streams(call.project)
    start = bisect_right([stream.name for stream in streams], request.start_stream_name or "")
    page = streams[start : start + limit]
    return wire.ListStreamsResult(
        total_number=len(streams),
        stream_names=[stream.name for stream in page],
        stream_info_list=[stream_info(stream) for stream in page],
        has_more_streams=start + limit < len(streams),
    )


async def delete_stream(call: Call, _: None) -> None:
    """Delete a stream with its records; refused with DIS.4301 if there is none."""
    await durable(call.store.delete_stream(call.stream(call.names["stream_name"])))


async def describe_stream(call: Call, request: wire.DescribeStreamQuery) -> wire.StreamDescription:
    """A stream with a page of its partitions, sorted by number."""
    limit = listing_limit(request.limit_partitions, range(1, 1001), 100, "limit_partitions")
    after = [partition_number(given) for given in (request.start_partitionId, request.start_partition_id) if given]
    first = after[0] + 1 if after else 0
    stream = call.stream(call.names["stream_name"], request.stream_id, wire.GET_STREAM_INFO)
    page = [partition_result(partition) for partition in stream.partitions[first : first + limit]]
    return stream_description(stream, page, has_more=first + limit < len(stream.partitions))


async def update_partition_count(
    call: Call, request: wire.UpdatePartitionCountRequest
) -> wire.UpdatePartitionCountResult:
    """Scale a stream to a number of ACTIVE partitions; nothing changes if it has that number already."""
    target = request.target_partition_count
    if target is None:
        raise Refusal(4200, "Invalid target_partition_count null.")  # the service's words [SDK]
    if target < 1:
        raise Refusal(4200, f"target_partition_count {target} is not above 0")
    stream = call.stream(call.names["stream_name"])
    if call.context.limits is not None and target != stream.active_count:
        call.context.limits.check_scaling(stream)
    before, after = await durable(call.store.scale(stream, target))
    return wire.UpdatePartitionCountResult(stream.name, before, after)


async def update_stream(call: Call, request: wire.UpdateStreamRequest) -> None:
    """Change properties of a stream; those that the request leaves out stay as they are."""
    stream = call.stream(call.names["stream_name"])
    await durable(call.store.update_stream(stream, **checked_changes(stream, request)))


async def change_stream(call: Call, request: wire.ChangeStreamRequest) -> wire.ChangeStreamResult:
    """Change the type and schema of a stream's data, or how it is scaled by itself."""
    if request.update_type not in wire.UPDATE_TYPES:
        raise Refusal(4200, f"update_type {request.update_type!r} is not one of {', '.join(wire.UPDATE_TYPES)}")
    stream = call.stream(call.names["stream_name"])
    change = wire.UpdateStreamRequest(
        data_type=request.data_type,
        data_schema=request.data_schema,
        auto_scale_enabled=request.auto_scale_enabled,
        auto_scale_min_partition_count=request.auto_scale_min_partition_count,
        auto_scale_max_partition_count=request.auto_scale_max_partition_count,
    )
    given = checked_changes(stream, change)  # also what isn't changed must be right
    of_data = request.update_type == "DATA_TYPE"
    given = {name: value for name, value in given.items() if name.startswith("data_") is of_data}
    changed = await durable(call.store.update_stream(stream, **given))
    return wire.ChangeStreamResult(changed.name, changed.data_type)


async def scaling_log(call: Call, _: None) -> wire.ScalingLog:
    """When a stream was scaled, from how many ACTIVE partitions to how many, and whether it scaled by itself."""
    return wire.ScalingLog(list(call.stream(call.names["stream_name"]).updates))


async def add_policy(call: Call, request: wire.AddPolicyRequest) -> None:
    """Let other accounts or users put or get records; ``stream_id`` must be that of the stream."""
    rules = checked_rules(request.principal_name, request.action_type, request.effect)
    await durable(call.store.add_policies(_owned(call, request.stream_id), rules))


async def add_policy_by_id(call: Call, request: wire.AddPolicyByIdRequest) -> None:
    """As add_policy: accounts and users have no other ids here than their names."""
    rules = checked_rules(request.principal_id, request.action_type, request.effect)
    await durable(call.store.add_policies(_owned(call, request.stream_id), rules))


async def delete_policy(call: Call, request: wire.DeletePolicyRequest) -> None:
    """Take permissions back; those that aren't there count as taken back."""
    rules = checked_rules(request.principal_name, request.action_type, request.effect)
    await durable(call.store.delete_policies(_owned(call, request.stream_id), rules))


async def list_policies(call: Call, _: None) -> wire.ListPoliciesResult:
    """The accounts that may put or get records besides the owner."""
    stream = call.stream(call.names["stream_name"])
    rules = list(stream.policies)
    return wire.ListPoliciesResult(stream.stream_id, stream.stream_id, rules)


def _owned(call: Call, stream_id: str) -> Stream:
    """The stream in the path, which must have that id."""
    stream = call.stream(call.names["stream_name"])
    if stream_id != stream.stream_id:
        raise Refusal(4301, stream.name, call.project)
    return stream
