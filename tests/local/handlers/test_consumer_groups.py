"""The four requests of consumer groups, in the order in which the vendor's adapter sends them."""

from __future__ import annotations

import pytest

START = 1_767_225_600


@pytest.fixture
def times():
    """Seconds after START."""
    return [0.0]


@pytest.fixture
def group(in_process, times):
    """``group(method, path, body)`` below the app ``a`` with a stream ``s`` of two partitions: status and body."""
    app = in_process(clock=lambda: START + times[0])
    app.json("POST", "/v2/p/streams", {"stream_name": "s", "partition_count": 2})
    app.json("POST", "/v2/p/apps", {"app_name": "a"})

    def send(method, path, body=None, name="a"):
        answer = app.json(method, f"/v2/p/apps/{name}{path}", body)
        return answer.status, answer.body

    send.app = app
    return send


def join(group, member, **fields):
    return group("POST", "/consumers/", {"clientId": member, "groupId": "a", "interestedStream": ["s"], **fields})


def sync(group, member, generation=-1):
    return group("POST", f"/consumers/{member}/partitions/", {"generation": generation})


def heartbeat(group, member, generation=-1):
    return group("POST", f"/consumers/{member}/heartbeats/", {"generation": generation})


def test_a_member_joins_waits_syncs_and_stays(group, times):
    assert heartbeat(group, "m") == (200, {"state": "JOINING"})
    assert join(group, "m") == (200, {"state": "OK", "subscription": ["s"], "syncDelayedTimeMs": 1000})
    assert sync(group, "m") == (200, {"state": "WAITING", "generation": -1, "assignment": {}})
    times[0] += 1
    status, found = sync(group, "m")
    assert (status, found["state"], found["assignment"]) == (200, "OK", {"s": [0, 1]})
    assert heartbeat(group, "m", found["generation"]) == (200, {"state": "STABLE"})
    assert heartbeat(group, "m", found["generation"] - 1) == (200, {"state": "SYNCING"})


def test_a_second_member_gets_half_after_the_first_has_synced(group, times):
    join(group, "m")
    times[0] += 1
    generation = sync(group, "m")[1]["generation"]
    join(group, "n")
    times[0] += 1
    assert sync(group, "n")[1]["state"] == "WAITING"
    assert heartbeat(group, "m", generation)[1] == {"state": "SYNCING"}
    assert sync(group, "m", generation)[1]["assignment"] == {"s": [0]}
    assert sync(group, "n")[1]["assignment"] == {"s": [1]}


def test_a_member_that_is_not_known_is_told_to_join(group):
    assert sync(group, "m")[1]["state"] == "REJOIN"
    assert group("DELETE", "/consumers/m/") == (204, None)


def test_an_app_that_does_not_exist_has_no_group(group):
    body = {"clientId": "m", "interestedStream": ["s"]}
    states = [
        group("POST", f"/consumers{path}", body, name="no")[1]["state"]
        for path in ("", "/m/partitions", "/m/heartbeats")
    ]
    assert states == ["GROUP_NOT_EXIST"] * 3
    assert group("DELETE", "/consumers/m", name="no") == (204, None)


@pytest.mark.parametrize(
    ("fields", "subscription"),
    [
        ({"interestedStream": None, "streamPattern": "s|t.*"}, ["s"]),
        ({"interestedStream": ["s", "s"]}, ["s"]),
        ({"interestedStream": ["s", "no"]}, None),
        ({"interestedStream": []}, None),
        ({"interestedStream": None, "streamPattern": "t.*"}, None),
        ({"interestedStream": None, "interestedStreamIdList": ["no"]}, None),
    ],
)
def test_a_member_subscribes_to_streams_that_exist(group, fields, subscription):
    _, found = join(group, "m", **fields)
    expected = ("ERR_SUBSCRIPTION", []) if subscription is None else ("OK", subscription)
    assert (found["state"], found["subscription"]) == expected


def test_a_stream_may_be_named_by_its_id(group, times):
    stream_id = group.app.store.stream("p", "s").stream_id
    _, found = join(group, "m", interestedStream=None, interestedStreamIdList=[stream_id])
    times[0] += 1
    assert (found["subscription"], sync(group, "m")[1]["assignment"]) == (["s"], {"s": [0, 1]})


@pytest.mark.parametrize("pattern", ["(", "(a+)+", "a*b*c*d*", "x" * 201])
def test_a_pattern_that_is_none_or_slow_is_refused(group, pattern):
    status, body = join(group, "m", interestedStream=None, streamPattern=pattern)
    assert (status, body["errorCode"]) == (400, "DIS.4200")


def test_more_members_than_partitions_are_refused(group):
    join(group, "m")
    join(group, "n")
    status, body = join(group, "o")
    assert (status, body["errorCode"]) == (400, "DIS.4339")


@pytest.mark.parametrize("member", ["", "m" * 201])
def test_a_member_needs_a_name(group, member):
    assert join(group, member)[1]["errorCode"] == "DIS.4200"


def commit(group, **fields):
    body = {"app_name": "a", "stream_name": "s", "partition_id": "0", "sequence_number": "1", **fields}
    answer = group.app.json("POST", "/v2/p/checkpoints", {**body, "checkpoint_type": "LAST_READ"})
    return answer.status if answer.body is None else answer.body["errorCode"]


def test_a_commit_of_a_member_needs_its_generation(group, times):
    assert (commit(group), commit(group, client_id="m", generation_id=1)) == (201, "DIS.4702")
    join(group, "m")
    times[0] += 1
    generation = sync(group, "m")[1]["generation"]
    found = [commit(group, client_id="m", generation_id=generation + more) for more in (0, 1)]
    join(group, "n")
    assert [*found, commit(group, client_id="m", generation_id=generation)] == [201, "DIS.4703", "DIS.4701"]


def test_an_app_with_members_cannot_be_deleted(group):
    join(group, "m")
    assert group("DELETE", "")[1]["errorCode"] == "DIS.4331"
    group("DELETE", "/consumers/m")
    assert group("DELETE", "") == (204, None)


def test_after_a_restart_members_join_again(group, in_process, times):
    join(group, "m")
    again = in_process(clock=lambda: START + times[0])
    answer = again.json("POST", "/v2/p/apps/a/consumers/m/heartbeats", {"generation": 1})
    assert answer.body == {"state": "JOINING"}
