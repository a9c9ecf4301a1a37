"""The Go SDK tags streams and finds them by their tags."""

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.go_client]


def add(go, *names):
    """Create streams, and return their ids."""
    for name in names:
        go.call("CreateStream", {"body": {"stream_name": name, "partition_count": 1}})
    return [go.call("ShowStream", {"stream_name": name})["stream_id"] for name in names]


def tags_of(go, stream_id):
    return go.call("ShowStreamTags", {"stream_id": stream_id}).get("tags")


def change(go, action, stream_id, *tags):
    body = {"action": action, "tags": [{"key": key, "value": value} for key, value in tags]}
    go.call({"create": "BatchCreateTags", "delete": "BatchDeleteTags"}[action], {"stream_id": stream_id, "body": body})
    assert go.status == 204


def test_a_tag_is_created_and_deleted(go):
    (stream_id,) = add(go, "s")
    go.call("CreateTag", {"stream_id": stream_id, "body": {"tag": {"key": "团队", "value": "data.1"}}})
    assert go.status == 204
    assert tags_of(go, stream_id) == [{"key": "团队", "value": "data.1"}]
    go.call("DeleteTag", {"stream_id": stream_id, "key": "团队"})
    assert go.status == 204
    assert tags_of(go, stream_id) == []


def test_tags_are_created_and_deleted_together(go):
    (stream_id,) = add(go, "s")
    change(go, "create", stream_id, ("a", "1"), ("b", "2"), ("c", "3"))
    change(go, "delete", stream_id, ("a", ""), ("c", "another"))
    assert tags_of(go, stream_id) == [{"key": "b", "value": "2"}]


def test_the_tags_of_a_project_are_listed(go):
    for number, stream_id in enumerate(add(go, "r", "s")):
        change(go, "create", stream_id, ("team", f"t{number}"), ("all", ""))
    assert go.call("ListTags", {})["tags"] == [{"key": "all", "values": [""]}, {"key": "team", "values": ["t0", "t1"]}]


def test_streams_are_found_and_counted_by_their_tags(go):
    first, _second = add(go, "r", "s")
    change(go, "create", first, ("team", "data"))
    wanted = {"limit": "10", "offset": "0", "tags": [{"key": "team", "values": ["data"]}]}
    found = go.call("ListResourcesByTags", {"body": {"action": "filter", **wanted}})
    assert [(r["resource_id"], r["resource_name"]) for r in found["resources"]] == [(first, "r")]
    assert go.call("ListResourcesByTags", {"body": {"action": "count", **wanted}})["total_count"] == 1
