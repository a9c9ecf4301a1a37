"""The routes of DIS: one table of operation, method, path, messages and success status [§5; design of the paths: SDK].

Rules:

1. Every path may end in ``/``; a name is one segment of it.
2. A route is found by the raw path, and names are percent-decoded once after that: an encoded slash belongs to a name.
3. If several operations share a method and a path, the field ``action`` of the body says which one is meant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from beam_dis.wire import apps, checkpoints, consumer_groups, dump_tasks, monitoring, quotas, records, streams, tags


class Route(NamedTuple):
    """One operation: ``request`` is its body or query message, ``answer`` the body of its answer; None for no body."""

    operation: str
    method: str
    path: str
    request: type[Any] | None
    answer: type[Any] | None
    status: int
    idempotent: bool
    """Doing it twice has the same effect as doing it once, so it may be repeated after a lost answer."""
    action: str | None = None
    """The ``action`` in its body, if it shares method and path with another operation."""
    other_path: str = ""
    """Another path that a server answers too, because an official client asks for it; "" for none [SDK]."""

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that a server answers."""
        return (self.path, self.other_path) if self.other_path else (self.path,)

    @property
    def group(self) -> str:
        """The API group: the name of the file with its messages, client methods and handlers."""
        return _GROUPS[self.operation]


_STREAMS = (
    Route("create_stream", "POST", "/v2/{project_id}/streams", streams.CreateStreamRequest, None, 201, False),
    Route(
        "list_streams",
        "GET",
        "/v2/{project_id}/streams",
        streams.ListStreamsQuery,
        streams.ListStreamsResult,
        200,
        True,
    ),
    Route("delete_stream", "DELETE", "/v2/{project_id}/streams/{stream_name}", None, None, 204, True),
    Route(
        "describe_stream",
        "GET",
        "/v2/{project_id}/streams/{stream_name}",
        streams.DescribeStreamQuery,
        streams.StreamDescription,
        200,
        True,
    ),
    Route(
        "update_partition_count",
        "PUT",
        "/v2/{project_id}/streams/{stream_name}",
        streams.UpdatePartitionCountRequest,
        streams.UpdatePartitionCountResult,
        200,
        True,
    ),
    Route(
        "update_stream", "PUT", "/v3/{project_id}/streams/{stream_name}", streams.UpdateStreamRequest, None, 204, True
    ),
    Route(
        "change_stream",
        "PUT",
        "/v2/{project_id}/streams/{stream_name}/update",
        streams.ChangeStreamRequest,
        streams.ChangeStreamResult,
        200,
        True,
    ),
    Route(
        "scaling_log",
        "GET",
        "/v2/{project_id}/streams/{stream_name}/update_partition_counts",
        None,
        streams.ScalingLog,
        200,
        True,
    ),
    Route(
        "add_policy",
        "POST",
        "/v2/{project_id}/streams/{stream_name}/policies",
        streams.AddPolicyRequest,
        None,
        201,
        False,
    ),
    Route(
        "add_policy_by_id",
        "POST",
        "/v3/{project_id}/streams/{stream_name}/policies",
        streams.AddPolicyByIdRequest,
        None,
        200,
        False,
    ),
    Route(
        "delete_policy",
        "DELETE",
        "/v2/{project_id}/streams/{stream_name}/policies",
        streams.DeletePolicyRequest,
        None,
        200,
        True,
    ),
    Route(
        "list_policies",
        "GET",
        "/v2/{project_id}/streams/{stream_name}/policies",
        None,
        streams.ListPoliciesResult,
        200,
        True,
    ),
)
_APPS = (
    Route("create_app", "POST", "/v2/{project_id}/apps", apps.CreateAppRequest, None, 201, False),
    Route("list_apps", "GET", "/v2/{project_id}/apps", apps.ListAppsQuery, apps.ListAppsResult, 200, True),
    Route("delete_app", "DELETE", "/v2/{project_id}/apps/{app_name}", None, None, 204, True),
    Route("describe_app", "GET", "/v2/{project_id}/apps/{app_name}", None, apps.AppInfo, 200, True),
    Route(
        "consumer_state",
        "GET",
        "/v2/{project_id}/apps/{app_name}/streams/{stream_name}",
        apps.ConsumerStateQuery,
        apps.ConsumerStateResult,
        200,
        True,
    ),
)
_CHECKPOINTS = (
    Route(
        "commit_checkpoint",
        "POST",
        "/v2/{project_id}/checkpoints",
        checkpoints.CommitCheckpointRequest,
        None,
        201,
        True,
    ),
    Route(
        "get_checkpoint",
        "GET",
        "/v2/{project_id}/checkpoints",
        checkpoints.GetCheckpointQuery,
        checkpoints.Checkpoint,
        200,
        True,
    ),
    Route(
        "delete_checkpoint",
        "DELETE",
        "/v2/{project_id}/checkpoints",
        checkpoints.DeleteCheckpointQuery,
        None,
        204,
        True,
    ),
)
_RECORDS = (
    Route(
        "put_records",
        "POST",
        "/v2/{project_id}/records",
        records.PutRecordsRequest,
        records.PutRecordsResult,
        200,
        False,
    ),
    Route(
        "get_records", "GET", "/v2/{project_id}/records", records.GetRecordsQuery, records.GetRecordsResult, 200, True
    ),
    Route("get_cursor", "GET", "/v2/{project_id}/cursors", records.GetCursorQuery, records.GetCursorResult, 200, True),
)
_TAGS = (
    Route("create_tag", "POST", "/v2/{project_id}/stream/{stream_id}/tags", tags.CreateTagRequest, None, 204, True),
    Route("list_stream_tags", "GET", "/v2/{project_id}/stream/{stream_id}/tags", None, tags.StreamTags, 200, True),
    Route("delete_tag", "DELETE", "/v2/{project_id}/stream/{stream_id}/tags/{key}", None, None, 204, True),
    Route(
        "batch_create_tags",
        "POST",
        "/v2/{project_id}/stream/{stream_id}/tags/action",
        tags.ChangeTagsRequest,
        None,
        204,
        True,
        action=tags.CREATE,
    ),
    Route(
        "batch_delete_tags",
        "POST",
        "/v2/{project_id}/stream/{stream_id}/tags/action",
        tags.ChangeTagsRequest,
        None,
        204,
        True,
        action=tags.DELETE,
    ),
    Route("list_tags", "GET", "/v2/{project_id}/stream/tags", None, tags.ListTagsResult, 200, True),
    Route(
        "list_resources_by_tags",
        "POST",
        "/v2/{project_id}/stream/resource_instances/action",
        tags.FindResourcesRequest,
        tags.FindResourcesResult,
        200,
        True,
    ),
)

_MONITORING = (
    Route(
        "stream_metrics",
        "GET",
        "/v2/{project_id}/streams/{stream_name}/metrics",
        monitoring.MetricsQuery,
        monitoring.MetricsResult,
        200,
        True,
    ),
    Route(
        "partition_metrics",
        "GET",
        "/v2/{project_id}/streams/{stream_name}/partitions/{partition_id}/metrics",
        monitoring.MetricsQuery,
        monitoring.MetricsResult,
        200,
        True,
    ),
)
_CONSUMERS = "/v2/{project_id}/apps/{app_name}/consumers"
_CONSUMER_GROUPS = (
    Route(
        "join_group",
        "POST",
        _CONSUMERS,
        consumer_groups.JoinGroupRequest,
        consumer_groups.JoinGroupResult,
        200,
        True,
    ),
    Route(
        "sync_group",
        "POST",
        f"{_CONSUMERS}/{{client_id}}/partitions",
        consumer_groups.SyncGroupRequest,
        consumer_groups.SyncGroupResult,
        200,
        True,
    ),
    Route(
        "group_heartbeat",
        "POST",
        f"{_CONSUMERS}/{{client_id}}/heartbeats",
        consumer_groups.HeartbeatRequest,
        consumer_groups.HeartbeatResult,
        200,
        True,
    ),
    Route("leave_group", "DELETE", f"{_CONSUMERS}/{{client_id}}", None, None, 204, True),
)
_QUOTAS = (Route("list_quotas", "GET", "/v1/{project_id}/quotas", None, quotas.ListQuotasResult, 200, True),)
_TASKS = "/v2/{project_id}/streams/{stream_name}/transfer-tasks"
_TASKS_OF_STREAM = "/v2/{project_id}/stream/{stream_name}/transfer-tasks"
_DUMP_TASKS = (
    Route(
        "create_dump_task", "POST", _TASKS, dump_tasks.DumpTaskRequest, None, 201, False, other_path=_TASKS_OF_STREAM
    ),
    Route(
        "list_dump_tasks",
        "GET",
        _TASKS,
        dump_tasks.ListDumpTasksQuery,
        dump_tasks.ListDumpTasksResult,
        200,
        True,
        other_path=_TASKS_OF_STREAM,
    ),
    Route("update_dump_task", "PUT", _TASKS, dump_tasks.DumpTaskRequest, None, 200, True),
    Route(
        "describe_dump_task",
        "GET",
        f"{_TASKS}/{{task_name}}",
        None,
        dump_tasks.DumpTaskDescription,
        200,
        True,
        other_path=f"{_TASKS_OF_STREAM}/{{task_name}}",
    ),
    Route("delete_dump_task", "DELETE", f"{_TASKS}/{{task_name}}", None, None, 204, True),
    Route(
        "start_dump_tasks",
        "POST",
        f"{_TASKS}/action",
        dump_tasks.DumpTasksAction,
        None,
        200,
        True,
        action=dump_tasks.START,
    ),
    Route(
        "stop_dump_tasks",
        "POST",
        f"{_TASKS}/action",
        dump_tasks.DumpTasksAction,
        None,
        200,
        True,
        action=dump_tasks.STOP,
    ),
)

_ROWS = {
    "streams": _STREAMS,
    "apps": _APPS,
    "checkpoints": _CHECKPOINTS,
    "records": _RECORDS,
    "tags": _TAGS,
    "monitoring": _MONITORING,
    "quotas": _QUOTAS,
    "consumer_groups": _CONSUMER_GROUPS,
    "dump_tasks": _DUMP_TASKS,
}

ROUTES: dict[str, Route] = {r.operation: r for rows in _ROWS.values() for r in rows}

_GROUPS = {r.operation: group for group, rows in _ROWS.items() for r in rows}


class Match(NamedTuple):
    """A route with the names in its path."""

    route: Route
    names: Mapping[str, str]


def path_of(operation: str, **names: str) -> str:
    """The raw path of an operation, as it is sent and signed: names are percent-encoded."""
    return ROUTES[operation].path.format_map({name: quote(value, safe="-._~") for name, value in names.items()})


def match_route(method: str, raw_path: str) -> Match | frozenset[str]:
    """Find the route of a request; if only the path fits, return its methods; if nothing fits, an empty set.

    Of operations that share method and path it is the first; see :func:`route_of_action`. If several paths fit, as
    ``tags/{key}`` and ``tags/action``, the methods are those of the path with the fewest names.
    """
    segments = raw_path.removesuffix("/").split("/")
    fitting = [(route, names) for route in ROUTES.values() if (names := _names(route, segments)) is not None]
    for route, names in fitting:
        if route.method == method:
            return Match(route, names)
    fewest = min((len(names) for _, names in fitting), default=0)
    return frozenset(route.method for route, names in fitting if len(names) == fewest)


def route_of_action(route: Route, action: str | None) -> Route:
    """The operation with the method and path of ``route`` that an ``action`` asks for; ``route`` itself if none has it."""
    same = (other for other in ROUTES.values() if (other.method, other.path) == (route.method, route.path))
    return next((other for other in same if other.action == action), route)


def _names(route: Route, segments: list[str]) -> dict[str, str] | None:
    return next((names for path in route.paths if (names := _names_in(path, segments)) is not None), None)


def _names_in(path: str, segments: list[str]) -> dict[str, str] | None:
    template = path.split("/")
    if len(template) != len(segments):
        return None
    names: dict[str, str] = {}
    for part, segment in zip(template, segments, strict=True):
        if part.startswith("{"):
            names[part[1:-1]] = unquote(segment)
        elif part != segment:
            return None
    return names
