"""What a local DIS has after it was killed and started again, and how that compares with what its clients know."""

from __future__ import annotations

import base64
import shutil
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
from killed_ledger import Ledger, Place
from killed_load import checkpoint, counters, plain

from beam_dis.local import LocalDIS
from beam_dis.wire.ranges import hash_ranges, parse_range, partition_number

STREAMS = ("scaled", "fixed")

_OWNERLESS = (
    "SELECT * FROM checkpoint WHERE stream_id NOT IN (SELECT stream_id FROM stream)",
    "SELECT * FROM checkpoint WHERE (project, app) NOT IN (SELECT project, name FROM app)",
    "SELECT * FROM partition WHERE stream NOT IN (SELECT row FROM stream)",
    "SELECT * FROM batch_index WHERE stream NOT IN (SELECT row FROM stream UNION SELECT row FROM deleted_stream)",
    "SELECT stream, first FROM batch_index WHERE batch NOT IN (SELECT id FROM batch)",
    "SELECT id FROM batch WHERE id NOT IN (SELECT batch FROM batch_index)",
)
"""What finds rows that a change would have left if it had been done in part."""


@dataclass(frozen=True, kw_only=True)
class KilledState:
    """What the server has: a value for each kind of change, the partitions of each stream, and all records."""

    changes: dict[str, int]
    partitions: dict[str, list[dict[str, Any]]]
    log: list[dict[str, Any]]
    records: dict[Place, bytes]
    counters: dict[tuple[str, ...], float]

    def ranges(self) -> dict[tuple[str, int], tuple[int, int]]:
        """The first and the next number of each partition that can be read."""
        listed = {
            (stream, partition_number(p["partition_id"])): parse_range(p["sequence_number_range"])
            for stream, partitions in self.partitions.items()
            for p in partitions
            if p["status"] != "EXPIRED"
        }
        return {key: (numbers.start, numbers.end) for key, numbers in listed.items()}


def state_of(dis: LocalDIS) -> KilledState:
    """Ask a server for everything."""
    with httpx.Client(base_url=f"{dis.endpoint}/v2/local", timeout=60) as http:
        described = {name: http.get(f"/streams/{name}", params={"limit_partitions": 100}) for name in STREAMS}
        ahead = parsedate_to_datetime(described["fixed"].headers["date"]).timestamp() + 0.5 - time.time()
        partitions = {name: answer.json()["partitions"] for name, answer in described.items()}
        return KilledState(
            changes={
                "partitions": sum(partition["status"] == "ACTIVE" for partition in partitions["scaled"]),
                "tens": round(ahead / 10),
                "checkpoint": checkpoint(http, "alone", "fixed"),
                "group_checkpoint": checkpoint(http, "group", "fixed"),
                "tags": _pair({tag["value"] for tag in described["scaled"].json()["tags"]}),
                "policies": _policies(http),
                "stream": _stream(http),
                "app": _app(http),
                "task": len(_tasks(http, "fixed")),
                "running": _running(http),
                "destination": _destination(http),
            },
            partitions=partitions,
            log=http.get("/streams/scaled/update_partition_counts").json()["update_partition_counts"],
            records={place: data for name in STREAMS for place, data in _read(http, name, partitions[name])},
            counters=counters(dis, http),
        )


def _pair(values: set[str]) -> int:
    """The number that two values agree about; 0 without values."""
    assert len(values) < 2, f"half of a change is done: {values}"
    return int(next(iter(values), 0))


def _policies(http: httpx.Client) -> int:
    rules = [rule["principal_name"].split(".") for rule in http.get("/streams/fixed/policies").json()["rules"]]
    assert sorted(letter for letter, _ in rules) in ([], ["a", "b"]), f"half of a policy: {rules}"
    return _pair({number for _, number in rules})


def _stream(http: httpx.Client) -> int:
    if "brief" not in http.get("/streams").json()["stream_names"]:
        return 0
    described = http.get("/streams/brief").json()
    assert len(described["partitions"]) == len(described["tags"]) == 2, f"half of a stream: {described}"
    tasks = _tasks(http, "brief")
    assert list(tasks) in ([], ["of_brief"])
    return 2 if tasks else 1


def _app(http: httpx.Client) -> int:
    if http.get("/apps/brief").status_code != 200:
        return 0
    return 2 if checkpoint(http, "brief", "fixed") else 1


def _tasks(http: httpx.Client, stream: str) -> dict[str, str]:
    """The state of each dump task of a stream."""
    return {task["task_name"]: task["state"] for task in http.get(f"/streams/{stream}/transfer-tasks").json()["tasks"]}


def _running(http: httpx.Client) -> int:
    states = _tasks(http, "scaled")
    assert states.keys() == {"plain", "folders"}
    assert set(states.values()) <= {"PAUSED"} or set(states.values()) <= {"STARTING", "RUNNING"}, states
    return int("PAUSED" not in states.values())


def _destination(http: httpx.Client) -> int:
    found = http.get("/streams/scaled/transfer-tasks/plain").json()["obs_destination_description"]
    number = int(found["file_prefix"][1:])
    assert found["deliver_time_interval"] == plain(number)["deliver_time_interval"], f"half of a change: {found}"
    return number


def _read(http: httpx.Client, stream: str, partitions: list[dict[str, Any]]) -> list[tuple[Place, bytes]]:
    found: list[tuple[Place, bytes]] = []
    for number in [partition_number(p["partition_id"]) for p in partitions if p["status"] != "EXPIRED"]:
        at = {"stream-name": stream, "partition-id": str(number), "cursor-type": "TRIM_HORIZON"}
        page = {"next_partition_cursor": http.get("/cursors", params=at).json()["partition_cursor"], "records": [0]}
        while page["records"]:
            page = http.get("/records", params={"partition-cursor": page["next_partition_cursor"]}).json()
            read = [(int(r["sequence_number"]), base64.b64decode(r["data"])) for r in page["records"]]
            found += [(Place(stream, number, sequence), data) for sequence, data in read]
    return found


def check_state(ledger: Ledger, state: KilledState) -> None:
    """Compare a server with what its clients know, which they then correct: what was under way is done or not."""
    for kind, value in state.changes.items():
        change = ledger.changes[kind]
        assert value in {change.requested, change.done}, f"{kind}: {change}, but it is {value}"
        change.requested = change.done = value
    active = [partition for partition in state.partitions["scaled"] if partition["status"] == "ACTIVE"]
    assert [partition["hash_range"] for partition in active] == list(map(str, hash_ranges(len(active))))
    assert not state.log or state.log[-1]["target_partition_count"] == len(active), state.log[-1]
    _check_records(ledger, state)
    _check_under_way(ledger, state)
    _check_numbers(ledger, state)
    ledger.note_counters(state.counters)


def _check_records(ledger: Ledger, state: KilledState) -> None:
    """Every acknowledged record is stored once, as it was put, or may have expired."""
    lost = [place for place in ledger.records if place not in state.records and not ledger.may_have_expired(place)]
    assert lost == [], f"lost: {lost}"
    changed = [at for at, data in state.records.items() if at in ledger.records and ledger.records[at].data != data]
    assert changed == [], f"not as they were put: {changed}"
    assert [data for data, times in Counter(state.records.values()).items() if times > 1] == []


def _check_under_way(ledger: Ledger, state: KilledState) -> None:
    """A put without answer is stored in whole or not at all, where no partition can be closed meanwhile."""
    new = {place: data for place, data in state.records.items() if place not in ledger.records}
    for stream in STREAMS:
        stored = [data for place, data in new.items() if place.stream == stream]
        under_way = ledger.under_way.pop(stream, [])
        assert set(stored) <= set(under_way), f"records that nobody has put: {set(stored) - set(under_way)}"
        assert stream == "scaled" or len(stored) in {0, len(under_way)}, f"half of a put: {stored}"
    for place, data in new.items():
        ledger.add_record(place, data, ledger.tens)


def _check_numbers(ledger: Ledger, state: KilledState) -> None:
    """The numbers of a partition have no gap, never go back, and are as many as were counted."""
    found: dict[tuple[str, int], list[int]] = {key: [] for key in state.ranges()}
    for place in state.records:
        found[place.stream, place.partition].append(place.number)
    for (stream, partition), (start, end) in state.ranges().items():
        assert sorted(found[stream, partition]) == list(range(start, end))
        assert state.counters["beam_dis_put_records_total", stream, str(partition)] == end
        before = ledger.ranges.get((stream, partition), (0, 0))
        assert before == tuple(map(min, before, (start, end))), f"{stream} {partition}: {before} became {(start, end)}"
        assert max((at.number for at in ledger.records if at[:2] == (stream, partition)), default=-1) < end
    ledger.ranges.update(state.ranges())


def check_integrity(data_dir: Path, copy: Path) -> None:
    """Open a copy of what a killed server has left, let SQLite check it, and look for rows whose owner is gone."""
    shutil.copytree(data_dir, copy)
    connection = sqlite3.connect(copy / "log.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    ownerless = {query: rows for query in _OWNERLESS if (rows := connection.execute(query).fetchall())}
    connection.close()
    shutil.rmtree(copy)
    assert ownerless == {}
