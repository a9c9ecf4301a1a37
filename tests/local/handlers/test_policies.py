"""Who may use a stream of another project, and what for."""

from __future__ import annotations

import json

import pytest

from beam_dis.local.handlers.policies import checked_rules, permits
from beam_dis.local.http.authentication import AccessKeys
from beam_dis.local.store import PolicyRule
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.streams import POLICY_ACTIONS

CALLERS = (
    AccessKeys(name="acme.owner", auth_token="po", project="p"),
    AccessKeys(name="other.reader", auth_token="qr", project="q"),
    AccessKeys(name="third.reader", auth_token="tr", project="t"),
)
PUT, GET, INFO = POLICY_ACTIONS


def rules(*principals, action=GET):
    return [PolicyRule(name, name, action) for name in principals]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("d.*", ["d.*"]),
        ("d", ["d.*"]),
        ("d.u, e.*,d.u", ["d.u", "e.*"]),
        ("d.u.v", ["d.u.v"]),
    ],
)
def test_a_request_has_a_rule_for_each_principal(text, names):
    assert checked_rules(text, GET, None) == rules(*names)


@pytest.mark.parametrize(
    ("text", "action", "effect"),
    [
        ("", GET, None),
        (".u", GET, None),
        ("d.", GET, None),
        ("d.*,,e.*", GET, None),
        ("d.*", "fly", None),
        ("d.*", GET, "deny"),
        ("d" * 201, GET, None),
        (",".join(f"d{n}" for n in range(101)), GET, None),
    ],
)
def test_a_rule_of_another_form_is_refused(text, action, effect):
    with pytest.raises(Refusal, match=r"DIS\.4200"):
        checked_rules(text, action, effect)


@pytest.mark.parametrize(
    ("principal", "action", "asked", "allowed"),
    [
        ("other.reader", GET, GET, True),
        ("other.*", GET, GET, True),
        ("other.writer", GET, GET, False),
        ("oth.*", GET, GET, False),
        ("other.*", PUT, GET, False),
        ("other.*", PUT, INFO, True),
        ("other.*", INFO, INFO, True),
        ("other.*", INFO, GET, False),
    ],
)
def test_a_rule_permits_its_principal_its_action(principal, action, asked, allowed):
    assert permits(rules(principal, action=action), "other.reader", asked) is allowed


@pytest.fixture
def shared(in_process):
    """``shared(token, method, path, body)`` on paths after the caller's project, with ``{id}`` for the id of the stream ``s`` of p."""
    app = in_process(keys=CALLERS)

    def send(token, method, path, body=None):
        stream = app.store.stream("p", "s")
        fill = (lambda text: text.replace("{id}", stream.stream_id)) if stream else str
        body = None if body is None else {name: fill(v) if isinstance(v, str) else v for name, v in body.items()}
        target = fill(f"/v2/{token[0]}{path}")
        return app(method, target, [("x-auth-token", token)], b"" if body is None else json.dumps(body).encode())

    send("po", "POST", "/streams", {"stream_name": "s", "partition_count": 1})
    return send


def code(answer):
    return (answer.body or {}).get("errorCode", answer.status)


def allow(shared, action, principal="other.*", method="POST"):
    body = {"stream_id": "{id}", "principal_name": principal, "action_type": action}
    return shared("po", method, "/streams/s/policies", body)


RECORD = {"stream_id": "{id}", "records": [{"data": "YQ=="}]}
CURSOR = "/cursors?stream-id={id}&partition-id=0&cursor-type=TRIM_HORIZON"


@pytest.mark.parametrize(
    ("action", "answers"),
    [(None, [403, 403, 403]), (PUT, [200, 403, 200]), (GET, [403, 200, 200]), (INFO, [403, 403, 200])],
)
def test_a_policy_lets_a_caller_put_get_or_describe(shared, action, answers):
    if action:
        allow(shared, action)
    put = shared("qr", "POST", "/records", RECORD)
    cursor = shared("qr", "GET", CURSOR)
    described = shared("qr", "GET", "/streams/{id}")
    assert [put.status, cursor.status, described.status] == answers
    assert {answer.body["errorCode"] for answer in (put, cursor, described) if answer.status == 403} <= {"DIS.4116"}


def test_a_shared_stream_is_read_and_its_checkpoint_is_the_readers_own(shared):
    allow(shared, GET)
    shared("po", "POST", "/records", RECORD)
    cursor = shared("qr", "GET", CURSOR).body["partition_cursor"]
    page = shared("qr", "GET", f"/records?partition-cursor={cursor}").body
    assert [record["data"] for record in page["records"]] == ["YQ=="]
    shared("qr", "POST", "/apps", {"app_name": "a"})
    commit = {"app_name": "a", "stream_name": "s", "stream_id": "{id}", "partition_id": "0", "sequence_number": "1"}
    assert shared("qr", "POST", "/checkpoints", {**commit, "checkpoint_type": "LAST_READ"}).status == 201
    query = "stream_name=s&stream_id={id}&partition_id=0&app_name=a&checkpoint_type=LAST_READ"
    assert shared("qr", "GET", f"/checkpoints?{query}").body == {"sequence_number": "1"}
    assert code(shared("po", "GET", f"/checkpoints?{query}")) == "DIS.4332"


def test_a_cursor_reads_the_shared_stream_though_an_own_one_has_its_name(shared):
    allow(shared, GET)
    shared("po", "POST", "/records", RECORD)
    shared("qr", "POST", "/streams", {"stream_name": "s", "partition_count": 1})
    cursor = shared("qr", "GET", CURSOR).body["partition_cursor"]
    assert len(shared("qr", "GET", f"/records?partition-cursor={cursor}").body["records"]) == 1


def test_a_permission_that_is_taken_back_ends_at_once(shared):
    allow(shared, GET)
    cursor = shared("qr", "GET", CURSOR).body["partition_cursor"]
    assert allow(shared, GET, method="DELETE")[::2] == (200, {})
    assert code(shared("qr", "GET", f"/records?partition-cursor={cursor}")) == "DIS.4116"
    assert allow(shared, GET, method="DELETE").status == 200


def test_a_permission_is_for_its_principal_alone(shared):
    allow(shared, GET, "third.writer, other.reader")
    assert [shared(token, "GET", CURSOR).status for token in ("po", "qr", "tr")] == [200, 200, 403]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "/streams/{id}", None),
        ("PUT", "/streams/{id}", {"target_partition_count": 2}),
        ("GET", "/streams/{id}/policies", None),
        ("GET", "/stream/{id}/tags", None),
        ("POST", "/streams/{id}/policies", {"stream_id": "{id}", "principal_name": "other.*", "action_type": PUT}),
    ],
)
def test_only_the_owner_changes_a_shared_stream(shared, method, path, body):
    for action in POLICY_ACTIONS:
        allow(shared, action)
    assert code(shared("qr", method, path, body)) in ("DIS.4301", "DIS.4603")


def test_without_keys_everybody_may_use_a_stream_by_its_id(in_process):
    app = in_process()
    app.json("POST", "/v2/p/streams", {"stream_name": "s", "partition_count": 1})
    stream_id = app.store.stream("p", "s").stream_id
    put = app.json("POST", "/v2/q/records", {"stream_id": stream_id, "records": [{"data": "YQ=="}]})
    assert (put.status, app("GET", f"/v2/q/streams/{stream_id}").status) == (200, 200)


def test_a_policy_by_id_is_as_one_by_name(in_process):
    app = in_process()
    app.json("POST", "/v2/p/streams", {"stream_name": "s", "partition_count": 1})
    body = {"stream_id": app.store.stream("p", "s").stream_id, "principal_id": "d", "action_type": GET}
    answer = app.json("POST", "/v3/p/streams/s/policies", body)
    assert (answer.status, answer.body) == (200, {})
    assert app("GET", "/v2/p/streams/s/policies").body["rules"][0]["principal_name"] == "d.*"
