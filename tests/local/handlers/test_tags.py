"""Tags over HTTP: their form, their number, and searches by them."""

from __future__ import annotations

import pytest

POINT = "/v2/p/stream"


@pytest.fixture
def tagged(in_process):
    """The application with the streams ``s`` and ``t``; ``tagged(method, path, body)`` on paths with ``{s}`` for an id."""
    app = in_process()
    for name in "st":
        app.json("POST", "/v2/p/streams", {"stream_name": name, "partition_count": 1})

    def send(method, path, body=None):
        ids = {name: app.store.stream("p", name).stream_id for name in "st"}
        answer = app.json(method, POINT + path.format_map(ids), body)
        return answer.status, (answer.body or {}).get("errorCode") or answer.body

    return send


def put(tagged, tags, stream="s"):
    body = {"action": "create", "tags": [{"key": key, "value": value} for key, value in tags.items()]}
    return tagged("POST", f"/{{{stream}}}/tags/action", body)


def tags_of(tagged):
    return {tag["key"]: tag["value"] for tag in tagged("GET", "/{s}/tags")[1]["tags"]}


def test_a_tag_is_added_changed_and_deleted(tagged):
    assert tagged("POST", "/{s}/tags", {"tag": {"key": "k", "value": "v"}}) == (204, None)
    assert tagged("POST", "/{s}/tags/", {"tag": {"key": "k"}}) == (204, None)
    assert tags_of(tagged) == {"k": ""}
    assert tagged("DELETE", "/{s}/tags/k") == (204, None)
    assert tags_of(tagged) == {}
    assert tagged("DELETE", "/{s}/tags/k") == (400, "DIS.4604")


@pytest.mark.parametrize("key", ["A-_.9", "标签", "k" * 36])
def test_a_key_may_have_letters_digits_some_signs_and_chinese(tagged, key):
    assert put(tagged, {key: key}) == (204, None)
    assert tags_of(tagged) == {key: key}


@pytest.mark.parametrize(
    "tag", [{"key": ""}, {"key": "k" * 37}, {"key": "a b"}, {"key": "k", "value": "v" * 44}, {"key": "k", "value": "é"}]
)
def test_a_tag_of_another_form_is_refused(tagged, tag):
    assert tagged("POST", "/{s}/tags", {"tag": tag}) == (400, "DIS.4200")
    assert tagged("POST", "/{s}/tags/action", {"action": "create", "tags": [{"key": "ok"}, tag]}) == (400, "DIS.4200")
    assert tags_of(tagged) == {}


def test_a_stream_has_at_most_ten_tags(tagged):
    assert put(tagged, dict.fromkeys("abcdefghij", "1")) == (204, None)
    assert tagged("POST", "/{s}/tags", {"tag": {"key": "k"}}) == (400, "DIS.4601")
    assert put(tagged, {"a": "2", "k": "2"}) == (400, "DIS.4601")
    assert tags_of(tagged) == dict.fromkeys("abcdefghij", "1")
    assert put(tagged, {"a": "2"}) == (204, None)


def test_a_key_that_is_twice_in_a_request_is_refused(tagged):
    twice = [{"key": "k", "value": "1"}, {"key": "k", "value": "2"}]
    assert tagged("POST", "/{s}/tags/action", {"action": "create", "tags": twice}) == (400, "DIS.4200")


def test_several_tags_are_deleted_and_missing_ones_count_as_deleted(tagged):
    put(tagged, {"a": "1", "b": "2"})
    keys = [{"key": "a", "value": "another"}, {"key": "no such! key"}]
    assert tagged("POST", "/{s}/tags/action", {"action": "delete", "tags": keys}) == (204, None)
    assert tags_of(tagged) == {"b": "2"}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"action": "burn", "tags": [{"key": "k"}]}, "DIS.4605"),
        ({"action": "delete", "tags": [{"key": ""}]}, "DIS.4200"),
        ({"action": "delete", "tags": []}, "DIS.4200"),
        ({"action": "create", "tags": []}, "DIS.4200"),
        ({"tags": [{"key": "k"}]}, "DIS.4200"),
        ({"action": "create"}, "DIS.4200"),
        ({"action": 5, "tags": []}, "DIS.4300"),
        ([], "DIS.4300"),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused(tagged, body, code):
    assert tagged("POST", "/{s}/tags/action", body) == (400, code)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/{s}x/tags", None),
        ("POST", "/s/tags", {"tag": {"key": "k"}}),
        ("DELETE", "/nowhere/tags/k", None),
        ("POST", "/nowhere/tags/action", {"action": "create", "tags": [{"key": "k"}]}),
        ("POST", "/nowhere/tags/action", {"action": "delete", "tags": [{"key": "k"}]}),
    ],
)
def test_an_id_that_no_stream_has_is_refused(tagged, method, path, body):
    assert tagged(method, path, body) == (400, "DIS.4603")


def test_the_tags_of_a_project_are_sorted_with_all_their_values(tagged):
    put(tagged, {"b": "2", "a": ""})
    put(tagged, {"b": "1"}, stream="t")
    expected = {"tags": [{"key": "a", "values": [""]}, {"key": "b", "values": ["1", "2"]}]}
    assert tagged("GET", "/tags") == (200, expected)


SEARCHES = [
    ({}, "st"),
    ({"tags": [{"key": "a", "values": ["1", "2"]}, {"key": "b", "values": []}]}, "s"),
    ({"tags": [{"key": "a", "values": ["3"]}]}, ""),
    ({"tags_any": [{"key": "b"}, {"key": "c", "values": ["1"]}]}, "st"),
    ({"tags_any": [{"key": "z"}]}, ""),
    ({"not_tags": [{"key": "a"}, {"key": "b"}]}, "t"),
    ({"not_tags": []}, "st"),
    ({"not_tags_any": [{"key": "z"}, {"key": "c"}]}, "s"),
    ({"matches": "s"}, "s"),
    ({"matches": [{"key": "resource_name", "value": "t"}]}, "t"),
    ({"matches": [{"key": "resource_name", "value": "x"}]}, ""),
    ({"limit": "1"}, "s"),
    ({"limit": 1, "offset": 1}, "t"),
    ({"limit": "", "offset": "2"}, ""),
]


@pytest.mark.parametrize(("search", "names"), SEARCHES)
def test_a_search_finds_the_streams_that_fit(tagged, search, names):
    put(tagged, {"a": "1", "b": "1"})
    put(tagged, {"a": "1", "c": "1"}, stream="t")
    status, found = tagged("POST", "/resource_instances/action", {"action": "filter", **search})
    assert (status, "".join(resource["resource_name"] for resource in found["resources"])) == (200, names)
    count = {**search, "action": "count"}
    assert tagged("POST", "/resource_instances/action", count) == (200, {"total_count": found["total_count"]})


def test_a_found_stream_has_its_id_its_name_and_its_tags(tagged):
    put(tagged, {"a": "1"})
    _, found = tagged("POST", "/resource_instances/action", {"action": "filter", "matches": "s"})
    (resource,) = found["resources"]
    assert len(resource.pop("resource_id")) == 19
    assert resource == {"resource_name": "s", "resource_detail": None, "tags": [{"key": "a", "value": "1"}]}


@pytest.mark.parametrize(
    ("search", "code"),
    [
        ({"action": "find"}, "DIS.4605"),
        ({"action": "filter", "limit": "0"}, "DIS.4200"),
        ({"action": "filter", "limit": "1001"}, "DIS.4200"),
        ({"action": "filter", "limit": "ten"}, "DIS.4200"),
        ({"action": "filter", "offset": -1}, "DIS.4200"),
        ({"action": "count", "offset": "-1"}, "DIS.4200"),
        ({"action": "filter", "tags": [{"key": "k"}] * 11}, "DIS.4200"),
        ({"action": "filter", "not_tags": [{"key": "k", "values": ["v"] * 11}]}, "DIS.4200"),
        ({"action": "filter", "tags_any": [{"key": ""}]}, "DIS.4200"),
        ({"action": "filter", "matches": [{"key": "colour", "value": "red"}]}, "DIS.4200"),
        ({"action": "filter", "matches": 5}, "DIS.4300"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(tagged, search, code):
    assert tagged("POST", "/resource_instances/action", search) == (400, code)


def test_a_stream_of_another_project_has_no_tags_here(in_process):
    app = in_process()
    app.json("POST", "/v2/q/streams", {"stream_name": "s", "partition_count": 1, "tags": [{"key": "k"}]})
    stream_id = app.store.stream("q", "s").stream_id
    assert app.json("GET", f"{POINT}/{stream_id}/tags").body["errorCode"] == "DIS.4603"
    assert app.json("GET", f"{POINT}/tags").body == {"tags": []}


@pytest.mark.parametrize(
    "path", ["queue/i/tags", "queue/tags/", "queue/i/tags/action", "queue/resource_instances/action"]
)
def test_tags_of_anything_but_a_stream_are_refused(in_process, path):
    answer = in_process()("POST", f"/v2/p/{path}")
    assert (answer.status, answer.body["errorCode"]) == (400, "DIS.4602")
    assert in_process()("GET", "/v2/p/queue/i").status == 404
