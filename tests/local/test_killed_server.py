"""A server that is killed during all kinds of changes loses nothing that it acknowledged, and leaves no change half done.

Records are put, streams scaled, created and deleted, apps too; checkpoints, tags and policies change, members of a group share
partitions, records expire, and dump tasks are made, stopped, started, changed and deleted. Each has a thread of its own.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import closing

import httpx
import pytest
from dumped_objects import check_objects, check_positions, objects_in
from killed_ledger import Ledger
from killed_load import COUNTS, FIXED_COUNT, FOLDERS, KilledLoad, described, plain
from killed_state import check_integrity, check_state, state_of

from beam_dis import DISClient
from beam_dis.local import LocalDIS
from beam_dis.local.store import open_store

pytestmark = pytest.mark.integration

UNFINISHED = "buckets/.incomplete~/*"


def begin(dis):
    """Create what lasts: two streams, two apps, two dump tasks; returns the ledger."""
    with httpx.Client(base_url=f"{dis.endpoint}/v2/local") as http:
        scaled = {"stream_name": "scaled", "partition_count": COUNTS[0], "data_type": "JSON"}
        fixed = {"stream_name": "fixed", "partition_count": FIXED_COUNT, "data_duration": 168}
        answers = [http.post("/streams", json=stream) for stream in (scaled, fixed)]
        answers += [http.post("/apps", json={"app_name": name}) for name in ("alone", "group")]
        answers += [http.post("/streams/scaled/transfer-tasks", json=described(task)) for task in (plain(0), FOLDERS)]
    assert {answer.status_code for answer in answers} == {201}
    ledger = Ledger()
    ledger.changes["partitions"].requested = ledger.changes["partitions"].done = COUNTS[0]
    ledger.changes["running"].requested = ledger.changes["running"].done = 1
    return ledger


def kill(dis):
    """Kill a server, and wait until its process has ended."""
    os.kill(dis.pid, signal.SIGKILL)
    os.waitid(os.P_PID, dis.pid, os.WEXITED | os.WNOWAIT)


def catch_up(dis, task_names):
    """Start the dump tasks of ``scaled``, and let them copy everything, in all partitions that it has ever had."""
    with DISClient(dis.connection) as client:
        client.update_partition_count("scaled", target_partition_count=max(COUNTS))
        client.start_dump_tasks("scaled", task_ids=task_names)
        dis.advance(minutes=2)
        return [client.describe_dump_task("scaled", name) for name in task_names]


def put_by_minute(dis, began):
    """How many records were put into each partition of ``fixed``, by the reports of all minutes."""
    label, period = "total_put_records_per_partition", {"start_time": began, "end_time": began + 7 * 24 * 3600}
    with DISClient(dis.connection) as client:
        reports = [
            client.partition_metrics("fixed", partition_id=number, labels=[label], **period)
            for number in range(FIXED_COUNT)
        ]
        partitions = client.describe_stream("fixed").partitions
    return [sum(point.value for point in report[label]) for report in reports], [each.next for each in partitions]


def await_object(tmp_path, *, published):
    """Wait until the object of a dump task is being written, or until one is published, of which a task has several."""
    seen, until = set(), time.monotonic() + 5
    while time.monotonic() < until:
        files = set(tmp_path.glob(UNFINISHED))
        if seen - files if published else files:
            return
        seen = files
        time.sleep(0.001)


def run_and_kill(dis, ledger, turn, tmp_path):
    """Kill a server under load, check what it left, start it again, check it; returns whether an object was under way."""
    with KilledLoad(dis, ledger, f"round-{turn}") as load:
        load.await_answers(9)
        time.sleep(0.07 * (turn % 7))
        if turn % 3:
            await_object(tmp_path, published=turn % 3 == 1)
            time.sleep(0.002 * (turn % 5))
        kill(dis)
    interrupted = any(tmp_path.glob(UNFINISHED))
    check_integrity(tmp_path / "data", tmp_path / "copy")
    dis.restart(kill=True)
    check_state(ledger, state_of(dis))
    check_objects(ledger, objects_in(tmp_path / "buckets" / "lake", ledger.objects))
    return interrupted


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.long)])
@pytest.mark.timeout(1800)
def test_a_killed_server_loses_nothing_and_leaves_no_change_half_done(tmp_path, rounds):
    lake, began = tmp_path / "buckets" / "lake", int(time.time()) - 60
    lake.mkdir(parents=True)
    with LocalDIS(tmp_path / "data", obs_folder=tmp_path / "buckets") as dis:
        ledger = begin(dis)
        interrupted = [run_and_kill(dis, ledger, turn, tmp_path) for turn in range(rounds)]
        tasks = catch_up(dis, ["plain", "folders"])
        copied = check_objects(ledger, objects_in(lake, ledger.objects))
        counted, numbers = put_by_minute(dis, began)
    for task in tasks:
        check_positions(ledger, copied, task)
    assert counted == numbers
    assert list(tmp_path.glob(UNFINISHED)) == []
    with closing(open_store(tmp_path / "data", clock=time.time)) as store:
        assert (store.check(), [task for task in store.dump_tasks() if store.stream_of(task) is None]) == ([], [])
    assert min(change.count for change in ledger.changes.values()) >= rounds
    assert any(map(ledger.may_have_expired, ledger.records))
    assert min(len(ledger.records) / 100, len(copied)) > rounds
    assert rounds < 20 or any(interrupted)
