"""Faults are injected and cleared, and the clock is moved, as by the admin routes; dump tasks are started and stopped."""

from __future__ import annotations

import pytest

from beam_dis.local.faults.values import FAULT_KINDS

TASK = {"destination_type": "OBS", "obs_destination_descriptor": {"task_name": "t", "obs_bucket_path": "lake"}}


def put(console, **headers):
    body = {"stream_name": "s", "records": [{"data": "eA==", "partition_key": "k"}]}
    return console.service.json("POST", "/v2/p/records", body)


def test_a_fault_hits_the_calls_of_clients_until_it_is_cleared(console):
    console.stream()
    answer = console.post("/faults", kind="Throttled", operation="put_records", stream="s", count="2")
    assert "Fault 1 is injected: Throttled." in answer.page.text
    assert put(console).body["errorCode"] == "DIS.4303"
    row = console("/faults").page.table[0]
    assert row[:5] == ["1", "Throttled", "operation put_records, stream s, count 2", "1", "1"]
    console.post("/faults/clear", number=1)
    assert (put(console).status, console("/faults").page.table) == (200, [])


def test_all_faults_are_cleared_at_once(console):
    for kind in ("Reset", "EmptyPages"):
        console.post("/faults", kind=kind)
    assert "All faults are cleared." in console.post("/faults/clear").page.text
    assert console.post("/faults/clear", number=1).status == 404


@pytest.mark.parametrize("kind", sorted(FAULT_KINDS))
def test_the_form_of_a_kind_has_its_fields(console, kind):
    names = {a["name"] for tag, a in console(f"/faults?kind={kind}").page.elements if tag in {"input", "select"}}
    assert names >= set(FAULT_KINDS[kind].__struct_fields__)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kind": "Latency", "seconds": "0.5", "jitter": "0.1"}, "seconds 0.5, jitter 0.1"),
        ({"kind": "Failing", "status": "503", "body": "false", "when": "after"}, "status 503, body False, when after"),
        ({"kind": "RequestRefused", "code": "DIS.4301", "nth": "7", "rate": "1.0"}, "code DIS.4301"),
    ],
)
def test_the_fields_of_a_fault_are_numbers_and_choices(console, fields, says):
    assert (
        says in console.post("/faults", **fields).page.table[0][2]
        or says.split(", ")[0] in console("/faults").page.text
    )


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"kind": "Latency"}, "seconds"),
        ({"kind": "Latency", "seconds": "-1"}, "Latency(seconds=-1.0)"),
        ({"kind": "Throttled", "stream": "none"}, "there is no stream 'none'"),
        ({"kind": "Throttled", "nth": "x"}, "nth"),
        ({"kind": "Nothing"}, "is not one of"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_with_the_reason(console, fields, says):
    answer = console.post("/faults", **fields)
    assert (answer.status, says in answer.page.text) == (400, True)


def test_the_clock_moves_forward_and_what_is_due_happens(console):
    stream = console.stream()
    console.put(stream, b"x")
    answer = console.post("/clock", hours="23", minutes="59", seconds="61")
    assert "It is 2026-01-02 12:00:01" in answer.page.text
    assert console.store.stream_by_id(stream.stream_id).partitions[0].earliest == 1


@pytest.mark.parametrize("hours", ["-1", "nan", "x", "1e12"])
def test_the_clock_takes_no_other_way(console, hours):
    assert console.post("/clock", hours=hours).status == 400


def test_dump_tasks_are_shown_stopped_and_started(console):
    stream = console.stream()
    assert "There are no dump tasks" in console("/dump-tasks").page.text
    console.service.json("POST", "/v2/p/streams/s/transfer-tasks", TASK)
    console.dumps.flush_due(console.clock.now)
    console.put(stream, b"x", b"y")
    row = console("/dump-tasks").page.table[0]
    assert [*row[:4], *row[5:8]] == ["t", "s", "RUNNING", "lake", "300 s", "2", "0"]
    (task,) = console.store.dump_tasks()
    assert "t is stopped." in console.post(f"/dump-tasks/{task.task_id}", action="stop").page.text
    assert console.store.dump_tasks()[0].state == "PAUSED"
    assert console.post(f"/dump-tasks/{task.task_id}", action="start").page.table[0][2] == "STARTING"


@pytest.mark.parametrize(("task", "action", "status"), [("unknown", "stop", 404)])
def test_a_dump_task_that_is_not_there_is_an_error(console, task, action, status):
    assert console.post(f"/dump-tasks/{task}", action=action).status == status
