"""Every kind of change to a local DIS, each in a thread of its own, until the server is killed."""

from __future__ import annotations

import base64
import itertools
import json
import threading
import time
from collections.abc import Callable
from typing import Any, final

import httpx
from killed_ledger import LAST_TENS, RETENTION_TENS, Ledger, Place
from prometheus_client.parser import text_string_to_metric_families

from beam_dis.errors import DISError
from beam_dis.local import LocalDIS
from beam_dis.wire.ranges import partition_number

COUNTS = (3, 5, 2, 4, 1, 6)
"""How many ACTIVE partitions ``scaled`` has, one after the other."""

FIXED_COUNT = 3
DAY_MS = 24 * 3600 * 1000
DAYS = 4
INTERVAL = 30
PUT_RECORDS = 30
_PLAIN: dict[str, Any] = {"obs_bucket_path": "lake", "agency_name": "a", "deliver_time_interval": INTERVAL}
FOLDERS = {
    **_PLAIN,
    "task_name": "folders",
    "consumer_strategy": "TRIM_HORIZON",
    "deliver_size_interval": 1,
    "file_prefix": "by_time",
    "partition_format": "yyyy/MM/dd",
    "processing_schema": {"timestamp_name": "at", "timestamp_type": "Timestamp"},
    "compression_format": "gzip",
}


def plain(number: int) -> dict[str, Any]:
    """The destination of ``plain``; two of its properties depend on the number."""
    return {
        **_PLAIN,
        "task_name": "plain",
        "consumer_strategy": "TRIM_HORIZON",
        "deliver_time_interval": INTERVAL + number % 4,
        "file_prefix": f"v{number}",
    }


def described(destination: dict[str, Any]) -> dict[str, Any]:
    """The body of a request with a destination."""
    return {"destination_type": "OBS", "obs_destination_descriptor": destination}


@final
class KilledLoad:
    """One thread for each kind of change, until the server is gone. What goes wrong in a thread is raised at the end."""

    def __init__(self, dis: LocalDIS, ledger: Ledger, tag: str) -> None:
        self.dis, self.ledger, self.tag = dis, ledger, tag
        self.generations: dict[str, int] = {}
        self.assignments: dict[str, list[int]] = {}
        self._answers = dict.fromkeys(CHANGES, 0)
        self._errors: list[BaseException] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._until_killed, args=(change,)) for change in CHANGES]
        self._url = f"{dis.endpoint}/v2/local"

    def __enter__(self) -> KilledLoad:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def await_answers(self, count: int) -> None:
        """Wait until each thread has had ``count`` answers."""
        until = time.monotonic() + 120
        while min(self._answers.values()) < count and time.monotonic() < until and not self._errors:
            time.sleep(0.01)

    def _until_killed(self, change: Change) -> None:
        with httpx.Client(base_url=self._url, timeout=60) as http:
            for turn in itertools.count():
                try:
                    change(self, http, turn)
                except (httpx.TransportError, DISError):
                    return
                except Exception as error:  # noqa: BLE001 - raised at the end
                    self._errors.append(error)
                    return
                self._answers[change] = turn
                if self._over.is_set():
                    return


Change = Callable[[KilledLoad, httpx.Client, int], None]


def _accepted(answer: httpx.Response) -> None:
    assert answer.is_success, (answer.request.method, str(answer.request.url), answer.text)


def _put(load: KilledLoad, http: httpx.Client, turn: int, stream: str) -> None:
    tens = load.ledger.tens
    values = [
        {"at": n % DAYS * DAY_MS, "from": f"{load.tag}-{stream}-{turn}-{n}", "more": "x" * 300}
        for n in range(PUT_RECORDS)
    ]
    datas = [json.dumps(value).encode() for value in values]
    records = [
        {"data": base64.b64encode(data).decode(), "partition_key": value["from"]}
        for data, value in zip(datas, values, strict=True)
    ]
    load.ledger.under_way[stream] = datas
    answer = http.post("/records", json={"stream_name": stream, "records": records})
    _accepted(answer)
    for data, result in zip(datas, answer.json()["records"], strict=True):
        if "sequence_number" in result:
            place = Place(stream, partition_number(result["partition_id"]), int(result["sequence_number"]))
            load.ledger.add_record(place, data, tens)
    del load.ledger.under_way[stream]
    time.sleep(0.02)


def _put_scaled(load: KilledLoad, http: httpx.Client, turn: int) -> None:
    _put(load, http, turn, "scaled")


def _put_fixed(load: KilledLoad, http: httpx.Client, turn: int) -> None:
    _put(load, http, turn, "fixed")


def _scale(load: KilledLoad, http: httpx.Client, turn: int) -> None:
    load.ledger.changes["partitions"].make(
        COUNTS[turn % len(COUNTS)],
        lambda count: _accepted(http.put("/streams/scaled", json={"target_partition_count": count})),
    )
    time.sleep(0.03)


def _advance(load: KilledLoad, http: httpx.Client, turn: int) -> None:
    """By twenty seconds, so that tasks are due and members live on; each fourth time by hours, so that records expire."""
    change = load.ledger.changes["tens"]
    hours = turn % 4 == 3 and change.done < LAST_TENS
    step = RETENTION_TENS // 4 if hours else 2
    change.make(change.done + step, lambda _: load.dis.advance(10 * step))
    time.sleep(0.05)


def commit(http: httpx.Client, app: str, stream: str, number: int, **more: Any) -> httpx.Response:
    """Commit a checkpoint in partition 0, with metadata that say the number again."""
    named = {"app_name": app, "checkpoint_type": "LAST_READ", "stream_name": stream, "partition_id": "0"}
    return http.post("/checkpoints", json={**named, "sequence_number": str(number), "metadata": f"at {number}", **more})


def _commit(load: KilledLoad, http: httpx.Client, turn: int) -> None:
    change = load.ledger.changes["checkpoint"]
    change.make(change.done + 1, lambda number: _accepted(commit(http, "alone", "fixed", number)))


def _tag(load: KilledLoad, http: httpx.Client, turn: int) -> None:
    stream_id = http.get("/streams/scaled").json()["stream_id"]

    def request(value: int) -> None:
        tags = [{"key": key, "value": str(value)} for key in "ab"]
        _accepted(http.post(f"/stream/{stream_id}/tags/action", json={"action": "create", "tags": tags}))

    change = load.ledger.changes["tags"]
    change.make(change.done + 1, request)
    time.sleep(0.02)


def _allow(load: KilledLoad, http: httpx.Client, turn: int) -> None:
    """Add a policy for two principals, or delete it."""
    change = load.ledger.changes["policies"]
    number = change.done or change.count + 1
    rule = {
        "stream_id": http.get("/streams/fixed").json()["stream_id"],
        "principal_name": f"a.{number},b.{number}",
        "action_type": "getRecords",
        "effect": "accept",
    }
    method, value = ("DELETE", 0) if change.done else ("POST", number)
    change.make(value, lambda _: _accepted(http.request(method, "/streams/fixed/policies", json=rule)))
    time.sleep(0.02)


def _create_or_delete_stream(load: KilledLoad, http: httpx.Client, turn: int) -> None:
    change = load.ledger.changes["stream"]

    def request(state: int) -> None:
        if state == 1:
            tags = [{"key": key, "value": "1"} for key in "ab"]
            _accepted(http.post("/streams", json={"stream_name": "brief", "partition_count": 2, "tags": tags}))
            http.post("/records", json={"stream_name": "brief", "records": [{"data": "eA==", "partition_id": "0"}]})
            _accepted(commit(http, "alone", "brief", 1))
        elif state == 2:
            task = {**_PLAIN, "task_name": "of_brief"}
            _accepted(http.post("/streams/brief/transfer-tasks", json=described(task)))
        else:
            _accepted(http.delete("/streams/brief"))

    change.make((change.done + 1) % 3, request)


def _create_or_delete_app(load: KilledLoad, http: httpx.Client, turn: int) -> None:
    change = load.ledger.changes["app"]

    def request(state: int) -> None:
        if state == 1:
            _accepted(http.post("/apps", json={"app_name": "brief"}))
            assert checkpoint(http, "brief", "fixed") == 0, "a deleted app has left its checkpoint"
        elif state == 2:
            _accepted(commit(http, "brief", "fixed", turn + 1))
        else:
            _accepted(http.delete("/apps/brief"))

    change.make((change.done + 1) % 3, request)
    time.sleep(0.01)


def _create_or_delete_task(load: KilledLoad, http: httpx.Client, turn: int) -> None:
    change, tasks = load.ledger.changes["task"], "/streams/fixed/transfer-tasks"
    task = {**_PLAIN, "task_name": "brief", "partition_format": "yyyy/MM/dd/HH"}

    def request(state: int) -> None:
        _accepted(http.post(tasks, json=described(task)) if state else http.delete(f"{tasks}/brief"))

    change.make(1 - change.done, request)
    time.sleep(0.2 if change.done else 0.01)


def _start_or_stop_tasks(load: KilledLoad, http: httpx.Client, turn: int) -> None:
    change = load.ledger.changes["running"]
    ids = [{"id": name} for name in ("plain", "folders")]

    def request(state: int) -> None:
        body = {"action": "start" if state else "stop", "tasks": ids}
        _accepted(http.post("/streams/scaled/transfer-tasks/action", json=body))

    change.make(1 - change.done, request)
    time.sleep(0.1)


def _change_task(load: KilledLoad, http: httpx.Client, turn: int) -> None:
    change = load.ledger.changes["destination"]

    def request(number: int) -> None:
        _accepted(http.put("/streams/scaled/transfer-tasks", json=described(plain(number))))

    change.make(change.done + 1, request)
    time.sleep(0.1)


def _consume(load: KilledLoad, http: httpx.Client, turn: int) -> None:
    """Two members of a group: each joins, asks for its partitions, and the one that has partition 0 commits in it."""
    name = ("one", "two")[turn % 2]
    member, generation = f"/apps/group/consumers/{name}", load.generations.get(name, -1)
    state = http.post(f"{member}/heartbeats", json={"generation": generation}).json()["state"]
    if state == "JOINING":
        _accepted(http.post("/apps/group/consumers", json={"clientId": name, "interestedStream": ["fixed"]}))
    elif state == "SYNCING":
        synced = http.post(f"{member}/partitions", json={"generation": generation}).json()
        if synced["state"] == "OK":
            load.generations[name], load.assignments[name] = synced["generation"], synced["assignment"]["fixed"]
            for partition in load.assignments[name]:
                load.ledger.note_partition(synced["generation"], partition, name)
    elif 0 in load.assignments.get(name, ()):
        _commit_as_member(load, http, name)
    time.sleep(0.01)


def _commit_as_member(load: KilledLoad, http: httpx.Client, name: str) -> None:
    change = load.ledger.changes["group_checkpoint"]
    change.requested = change.done + 1
    more = {"client_id": name, "generation_id": load.generations[name]}
    answer = commit(http, "group", "fixed", change.requested, **more)
    if answer.is_success:
        change.done = change.requested
        change.count += 1
    else:
        assert answer.json()["errorCode"] in {"DIS.4701", "DIS.4702", "DIS.4703"}, answer.text
        change.requested = change.done


def _read_and_monitor(load: KilledLoad, http: httpx.Client, turn: int) -> None:
    at = {"stream-name": "fixed", "partition-id": str(turn % FIXED_COUNT), "cursor-type": "TRIM_HORIZON"}
    cursor = http.get("/cursors", params=at).json()["partition_cursor"]
    answer = http.get("/records", params={"partition-cursor": cursor, "max_fetch_bytes": 10_000})
    assert answer.is_success or answer.json()["errorCode"] == "DIS.4225", (
        answer.text
    )  # the clock was advanced meanwhile
    load.ledger.note_counters(counters(load.dis, http))
    time.sleep(0.05)


def counters(dis: LocalDIS, http: httpx.Client) -> dict[tuple[str, ...], float]:
    """Every counter of the streams that last, by its name, stream and partition."""
    families = text_string_to_metric_families(http.get(f"{dis.endpoint}/metrics").text)
    return {
        (sample.name, sample.labels["stream"], sample.labels.get("partition", "")): sample.value
        for family in families
        for sample in family.samples
        if family.type == "counter" and sample.labels["stream"] != "brief"
    }


def checkpoint(http: httpx.Client, app: str, stream: str) -> int:
    """The checkpoint of an app in partition 0; 0 without any."""
    named = {"app_name": app, "checkpoint_type": "LAST_READ", "stream_name": stream, "partition_id": "0"}
    found = http.get("/checkpoints", params=named).json()
    number = int(found.get("sequence_number", 0))
    assert found.get("metadata", "at 0") == f"at {number}", f"half of a checkpoint: {found}"
    return number


CHANGES: tuple[Change, ...] = (
    _put_scaled,
    _put_fixed,
    _scale,
    _advance,
    _commit,
    _tag,
    _allow,
    _create_or_delete_stream,
    _create_or_delete_app,
    _create_or_delete_task,
    _start_or_stop_tasks,
    _change_task,
    _consume,
    _read_and_monitor,
)
