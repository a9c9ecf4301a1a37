"""Every operation has one route, and the paths of ``path_of`` lead to it."""

from __future__ import annotations

import re
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.wire.routes import ROUTES, Match, match_route, path_of, route_of_action

NAMES = st.text(min_size=1)
PLACES = ("project_id", "stream_name", "app_name", "stream_id", "key", "partition_id", "client_id", "task_name")


def names_in(operation):
    return re.findall(r"\{(\w+)\}", ROUTES[operation].path)


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("operation", ROUTES)
@settings(deadline=None, max_examples=20)
@given(drawn=st.tuples(*[NAMES] * len(PLACES)))
def test_a_path_is_resolved_to_its_operation_and_names(operation, slash, drawn):
    names = {name: value for name, value in zip(PLACES, drawn, strict=True) if name in names_in(operation)}
    matched = match_route(ROUTES[operation].method, path_of(operation, **names) + slash)
    assert isinstance(matched, Match)
    assert route_of_action(matched.route, ROUTES[operation].action) is ROUTES[operation]
    assert matched.names == names


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("a b", "a%20b"),
        ("a/b", "a%2Fb"),
        ("ü", "%C3%BC"),
        ("50%", "50%25"),
        ("a-._~Z9", "a-._~Z9"),
        ("a+b?c", "a%2Bb%3Fc"),
    ],
)
def test_a_name_is_one_segment_whatever_it_contains(name, raw):
    assert path_of("describe_stream", project_id="p", stream_name=name) == f"/v2/p/streams/{raw}"


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/v2/p/streams", {"GET", "POST"}),
        ("/v2/p/streams/s", {"GET", "PUT", "DELETE"}),
        ("/v3/p/streams/s/", {"PUT"}),
        ("/v2/p/checkpoints", {"GET", "POST", "DELETE"}),
        ("/v2/p/stream/i/tags/k", {"DELETE"}),
        ("/v2/p/stream/i/tags/action", {"POST"}),
        ("/v2/p/streams/s/transfer-tasks/t", {"GET", "DELETE"}),
        ("/v2/p/streams/s/transfer-tasks/action", {"POST"}),
        ("/v2/p/stream/s/transfer-tasks/", {"GET", "POST"}),
        ("/v2/p/nothing", set()),
        ("/", set()),
        ("", set()),
        ("/v1/p/streams", set()),
    ],
)
def test_a_wrong_method_is_answered_with_the_allowed_ones(path, methods):
    assert match_route("PATCH", path) == methods


@pytest.mark.parametrize("name", ["t", "action"])
def test_a_dump_task_may_have_any_name(name):
    path = path_of("describe_dump_task", project_id="p", stream_name="s", task_name=name)
    for operation, method in {"describe_dump_task": "GET", "delete_dump_task": "DELETE"}.items():
        assert match_route(method, path).route.operation == operation


@pytest.mark.parametrize("operation", ["create_dump_task", "list_dump_tasks", "describe_dump_task"])
def test_the_old_clients_path_of_dump_tasks_is_found_too(operation):
    path = path_of(operation, project_id="p", stream_name="s", task_name="t").replace("/streams/", "/stream/")
    assert match_route(ROUTES[operation].method, path).route.operation == operation


def test_operations_are_counted_by_group():
    groups = [route.group for route in ROUTES.values()]
    counts = {"streams": 12, "apps": 5, "checkpoints": 3, "records": 3, "tags": 7, "monitoring": 2, "quotas": 1} | {
        "consumer_groups": 4,
        "dump_tasks": 7,
    }
    assert {group: groups.count(group) for group in groups} == counts


def test_operations_that_share_a_route_have_an_action_each():
    shared = defaultdict(list)
    for route in ROUTES.values():
        shared[route.method, route.path].append(route.action)
    assert [actions for actions in shared.values() if len({*actions, None} - {None}) != len(actions) > 1] == []


def test_an_unknown_action_leaves_the_route_as_it_is():
    route = ROUTES["batch_create_tags"]
    assert [route_of_action(route, action) for action in (None, "burn")] == [route, route]


def test_only_operations_that_create_something_are_not_idempotent():
    harmful = {name for name, route in ROUTES.items() if not route.idempotent}
    assert harmful == {
        "create_stream",
        "add_policy",
        "add_policy_by_id",
        "create_app",
        "put_records",
        "create_dump_task",
    }


def test_statuses_are_those_of_the_service():
    by_status = {}
    for name, route in ROUTES.items():
        by_status.setdefault(route.status, set()).add(name)
    assert by_status[201] == {"create_stream", "add_policy", "create_app", "commit_checkpoint", "create_dump_task"}
    assert by_status[204] == {"delete_stream", "update_stream", "delete_app", "delete_checkpoint"} | {
        "create_tag",
        "delete_tag",
        "batch_create_tags",
        "batch_delete_tags",
        "leave_group",
        "delete_dump_task",
    }
    assert all(ROUTES[name].answer is None for name in by_status[201] | by_status[204])
