"""Apps and their checkpoints over HTTP."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.integration

LAST_READ = {"checkpoint_type": "LAST_READ"}


@pytest.fixture
def app(api):
    """A project with a stream ``s`` of three partitions and an app ``a``."""
    api.stream(partitions=3)
    api("POST", "/apps", {"app_name": "a"})
    return api


def _commit(api, partition: str, number: int, **more):
    body = {"app_name": "a", "stream_name": "s", "partition_id": partition, "sequence_number": str(number)}
    return api("POST", "/checkpoints", {**body, **LAST_READ, **more})


def _checkpoint(api, partition: str):
    query = {"app_name": "a", "stream_name": "s", "partition_id": partition, **LAST_READ}
    return api("GET", "/checkpoints", **query)


def test_an_app_is_created_with_an_empty_201(api):
    answer = api.http.post(f"{api.root}/apps/", json={"app_name": "a"})
    assert (answer.status_code, answer.content) == (201, b"")


def test_apps_are_listed_by_name_after_the_given_one(api):
    for name in ("c", "a", "b"):
        api("POST", "/apps", {"app_name": name})
    page = api("GET", "/apps", limit=1, start_app_name="a").body
    names = [app["app_name"] for app in page["apps"]]
    assert (names, page["has_more_app"], page["total_number"]) == (["b"], True, 3)


def test_an_app_names_the_streams_in_which_it_has_committed(app):
    _commit(app, "0", 5)
    assert app("GET", "/apps/a").body["commit_checkpoint_stream_names"] == ["s"]


def test_apps_can_be_listed_by_a_stream_they_have_committed_in(app):
    app("POST", "/apps", {"app_name": "b"})
    _commit(app, "0", 5)
    assert [found["app_name"] for found in app("GET", "/apps", stream_name="s").body["apps"]] == ["a"]


def test_the_checkpoints_of_a_deleted_app_are_deleted(app):
    _commit(app, "0", 5)
    assert app("DELETE", "/apps/a/") == (204, "", None)
    app("POST", "/apps", {"app_name": "a"})
    assert _checkpoint(app, "0").body == {}


def test_a_checkpoint_is_returned_as_it_was_committed(app):
    assert _commit(app, "shardId-0000000001", 2**63 - 1, metadata="seen") == (201, "", None)
    assert _checkpoint(app, "1") == (200, "", {"sequence_number": str(2**63 - 1), "metadata": "seen"})


def test_a_later_commit_replaces_an_earlier_one_also_backwards(app):
    _commit(app, "0", 9)
    _commit(app, "0", 4)
    assert _checkpoint(app, "0").body == {"sequence_number": "4"}


def test_a_partition_without_a_checkpoint_answers_an_empty_object(app):
    assert _checkpoint(app, "2") == (200, "", {})


def test_the_checkpoint_of_one_partition_can_be_deleted(app):
    _commit(app, "0", 1)
    _commit(app, "1", 2)
    assert app("DELETE", "/checkpoints", app_name="a", stream_name="s", partition_id="0").status == 204
    assert (_checkpoint(app, "0").body, _checkpoint(app, "1").body) == ({}, {"sequence_number": "2"})


def test_deleting_a_missing_checkpoint_is_accepted_if_another_partition_has_one(app):
    _commit(app, "0", 1)
    assert app("DELETE", "/checkpoints", app_name="a", stream_name="s", partition_id="2").status == 204


def test_all_checkpoints_in_a_stream_are_deleted_if_no_partition_is_named(app):
    _commit(app, "0", 1)
    _commit(app, "1", 2)
    app("DELETE", "/checkpoints", app_name="a", stream_name="s", **LAST_READ)
    states = app("GET", "/apps/a/streams/s", **LAST_READ).body["partition_consuming_states"]
    assert [(state["partition_id"], state["sequence_number"]) for state in states] == [
        (partition, "-1") for partition in "012"
    ]


def test_a_stream_may_be_named_by_its_id_alone(app):
    stream = {"stream_id": app("GET", "/streams/s").body["stream_id"]}
    checkpoint = {"app_name": "a", "partition_id": "0", **LAST_READ, **stream}
    assert app("POST", "/checkpoints", {**checkpoint, "stream_name": "", "sequence_number": "7"}).status == 201
    assert app("GET", "/checkpoints", **checkpoint).body == {"sequence_number": "7"}
    state = app("GET", f"/apps/a/streams/{stream['stream_id']}", **LAST_READ, **stream).body
    assert (state["stream_name"], state["partition_consuming_states"][0]["sequence_number"]) == ("s", "7")
    assert app("DELETE", "/checkpoints", app_name="a", **stream).status == 204
    assert _checkpoint(app, "0").body == {}


def test_a_checkpoint_that_names_no_stream_is_refused(app):
    nameless = {"app_name": "a", "partition_id": "0", "sequence_number": "1", **LAST_READ}
    assert app("POST", "/checkpoints", nameless).code == "DIS.4200"
    assert app("GET", "/checkpoints", app_name="a", partition_id="0", **LAST_READ).code == "DIS.4200"
    assert app("DELETE", "/checkpoints", app_name="a").code == "DIS.4200"


def test_the_state_of_a_consumer_has_the_checkpoint_and_range_of_each_partition(app):
    app.put({"data": "aGk=", "partition_id": "0"}, {"data": "aGk=", "partition_id": "0"})
    _commit(app, "0", 1, metadata="m")
    first, second, _ = app("GET", "/apps/a/streams/s", **LAST_READ).body["partition_consuming_states"]
    names = ("partition_id", "sequence_number", "latest_offset", "earliest_offset", "metadata", "status")
    assert [first[name] for name in names] == ["0", "1", 2, 0, "m", "ACTIVE"]
    assert [second[name] for name in names] == ["1", "-1", 0, 0, None, "ACTIVE"]


def test_the_state_of_a_consumer_is_paged_after_the_given_partition(app):
    _commit(app, "0", 1)
    body = app("GET", "/apps/a/streams/s", start_partition_id="0", limit=1, **LAST_READ).body
    assert ([state["partition_id"] for state in body["partition_consuming_states"]], body["has_more"]) == (["1"], True)
