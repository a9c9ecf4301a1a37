"""The routes of DIS: one table of operation, method, path, messages and success status [§5; design of the paths: SDK].

Rules:

1. Every path may end in ``/``; a name is one segment of it.
2. A route is found by the raw path, and names are percent-decoded once after that: an encoded slash belongs to a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from beam_dis.wire import apps, checkpoints, records, streams


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
        "add_policy",
        "POST",
        "/v2/{project_id}/streams/{stream_name}/policies",
        streams.AddPolicyRequest,
        None,
        201,
        False,
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

ROUTES: dict[str, Route] = {r.operation: r for r in (*_STREAMS, *_APPS, *_CHECKPOINTS, *_RECORDS)}

_GROUPS = {
    r.operation: group
    for group, rows in {
        "streams": _STREAMS,
        "apps": _APPS,
        "checkpoints": _CHECKPOINTS,
        "records": _RECORDS,
    }.items()
    for r in rows
}


class Match(NamedTuple):
    """A route with the names in its path."""

    route: Route
    names: Mapping[str, str]


def path_of(operation: str, **names: str) -> str:
    """The raw path of an operation, as it is sent and signed: names are percent-encoded."""
    return ROUTES[operation].path.format_map({name: quote(value, safe="-._~") for name, value in names.items()})


def match_route(method: str, raw_path: str) -> Match | frozenset[str]:
    """Find the route of a request; if only the path fits, return its methods; if nothing fits, an empty set."""
    segments = raw_path.removesuffix("/").split("/")
    fitting = [(route, names) for route in ROUTES.values() if (names := _names(route, segments)) is not None]
    for route, names in fitting:
        if route.method == method:
            return Match(route, names)
    return frozenset(route.method for route, _ in fitting)


def _names(route: Route, segments: list[str]) -> dict[str, str] | None:
    template = route.path.split("/")
    if len(template) != len(segments):
        return None
    names: dict[str, str] = {}
    for part, segment in zip(template, segments, strict=True):
        if part.startswith("{"):
            names[part[1:-1]] = unquote(segment)
        elif part != segment:
            return None
    return names
