"""A server that is killed during all kinds of changes loses nothing that it acknowledged, and leaves no change half done.

Puts, scalings, commits, tags and advances of the clock each have a thread of their own, and so have the creation and deletion of
a stream. A change without an answer may be done or not; the result of every other change is known.
"""

from __future__ import annotations

import base64
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, final

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from beam_dis.errors import DISError
from beam_dis.local import LocalDIS
from beam_dis.local.store import open_store
from beam_dis.wire.ranges import Range, hash_ranges, parse_range, partition_number

pytestmark = pytest.mark.integration

RETENTION = 24
HOURS = 3
"""How many hours the clock is advanced at a time."""

COUNTS = (3, 5, 2, 4, 1, 6)
TAGS = ("a", "b")


@dataclass
class Change:
    """The last value that was requested, and the last that was acknowledged."""

    requested: int
    done: int

    def make(self, value: int, request: Callable[[int], None]) -> None:
        self.requested = value
        request(value)
        self.done = value


@dataclass
class Ledger:
    """Everything that the server acknowledged.

    ``partitions`` is the number of ACTIVE partitions, ``others`` the number of streams besides ``s``, ``tags`` the value of both tags
    of ``s``. ``records`` are data by partition and number, each with the hour of the clock before it was put.
    """

    partitions: Change = field(default_factory=lambda: Change(COUNTS[0], COUNTS[0]))
    checkpoint: Change = field(default_factory=lambda: Change(0, 0))
    hours: Change = field(default_factory=lambda: Change(0, 0))
    others: Change = field(default_factory=lambda: Change(0, 0))
    tags: Change = field(default_factory=lambda: Change(0, 0))
    records: dict[tuple[int, int], tuple[bytes, int]] = field(default_factory=dict)

    def may_have_expired(self, hour: int) -> bool:
        return hour + RETENTION <= self.hours.done


@final
class Load:
    """One thread for each kind of change, until the server ends."""

    def __init__(self, dis: LocalDIS, ledger: Ledger, tag: str) -> None:
        self.dis, self.ledger, self.tag = dis, ledger, tag
        self._url = f"{dis.endpoint}/v2/p"
        self._over = threading.Event()
        self._answers = dict.fromkeys((_put, _scale, _commit, _tag, _age, _create_or_delete), 0)
        self._threads = [threading.Thread(target=self._until_ended, args=(change,)) for change in self._answers]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def await_answers(self, count: int) -> None:
        """Wait until each thread has had ``count`` answers."""
        until = time.monotonic() + 60
        while min(self._answers.values()) < count and time.monotonic() < until:
            time.sleep(0.01)

    def _until_ended(self, change: Callable[[Load, httpx.Client, int], None]) -> None:
        with httpx.Client(base_url=self._url, timeout=30) as http:
            for turn in itertools.count():
                try:
                    change(self, http, turn)
                except (httpx.TransportError, DISError):
                    return
                self._answers[change] = turn
                if self._over.is_set():
                    return


def _put(load: Load, http: httpx.Client, turn: int) -> None:
    hour = load.ledger.hours.done
    datas = [f"{load.tag}-{turn}-{n}".encode() for n in range(30)]
    records = [{"data": base64.b64encode(data).decode(), "partition_key": data.decode()} for data in datas]
    results = http.post("/records", json={"stream_name": "s", "records": records}).json()["records"]
    for data, result in zip(datas, results, strict=True):
        if "sequence_number" in result:
            at = partition_number(result["partition_id"]), int(result["sequence_number"])
            assert at not in load.ledger.records, f"{at} was given twice"
            load.ledger.records[at] = data, hour


def _scale(load: Load, http: httpx.Client, turn: int) -> None:
    def request(count: int) -> None:
        assert http.put("/streams/s", json={"target_partition_count": count}).status_code == 200

    load.ledger.partitions.make(COUNTS[turn % len(COUNTS)], request)
    time.sleep(0.01)


def _commit(load: Load, http: httpx.Client, turn: int) -> None:
    message = {"app_name": "a", "checkpoint_type": "LAST_READ", "stream_name": "s", "partition_id": "0"}

    def request(number: int) -> None:
        assert http.post("/checkpoints", json={**message, "sequence_number": str(number)}).status_code == 201

    load.ledger.checkpoint.make(load.ledger.checkpoint.done + 1, request)


def _tag(load: Load, http: httpx.Client, turn: int) -> None:
    stream_id = http.get("/streams/s").json()["stream_id"]

    def request(value: int) -> None:
        tags = [{"key": key, "value": str(value)} for key in TAGS]
        answer = http.post(f"/stream/{stream_id}/tags/action", json={"action": "create", "tags": tags})
        assert answer.status_code == 204

    load.ledger.tags.make(load.ledger.tags.done + 1, request)
    time.sleep(0.01)


def _age(load: Load, http: httpx.Client, turn: int) -> None:
    load.ledger.hours.make(load.ledger.hours.done + HOURS, lambda _: load.dis.advance(hours=HOURS))
    time.sleep(0.01)


def _create_or_delete(load: Load, http: httpx.Client, turn: int) -> None:
    def request(count: int) -> None:
        if count:
            assert http.post("/streams", json={"stream_name": "t", "partition_count": 2}).status_code == 201
            http.post("/records", json={"stream_name": "t", "records": [{"data": "eA==", "partition_id": "0"}]})
        else:
            assert http.delete("/streams/t").status_code == 204

    load.ledger.others.make(1 - load.ledger.others.done, request)


@dataclass
class Found:
    """The state after a restart; ``changes`` by the names of the ledger's fields, ``counted`` the records that were ever put."""

    partitions: list[dict[str, Any]]
    changes: dict[str, int]
    records: dict[tuple[int, int], bytes]
    ranges: dict[int, Range]
    counted: dict[int, int]


def _found(dis: LocalDIS) -> Found:
    with httpx.Client(base_url=f"{dis.endpoint}/v2/p", timeout=60) as http:
        described = http.get("/streams/s", params={"limit_partitions": 100})
        ahead = parsedate_to_datetime(described.headers["date"]).timestamp() - time.time()
        partitions = described.json()["partitions"]
        tags = {tag["value"] for tag in described.json()["tags"]} or {"0"}
        assert len(tags) == 1, f"one tag is set without the other: {tags}"
        readable = {partition_number(p["partition_id"]): p for p in partitions if p["status"] != "EXPIRED"}
        query = {"app_name": "a", "stream_name": "s", "partition_id": "0", "checkpoint_type": "LAST_READ"}
        return Found(
            partitions=partitions,
            changes={
                "hours": round(ahead / 3600),
                "checkpoint": int(http.get("/checkpoints", params=query).json().get("sequence_number", 0)),
                "partitions": sum(partition["status"] == "ACTIVE" for partition in partitions),
                "tags": int(tags.pop()),
                "others": http.get("/streams").json()["total_number"] - 1,
            },
            records={at: data for number in readable for at, data in _read(http, number)},
            ranges={number: parse_range(p["sequence_number_range"]) for number, p in readable.items()},
            counted=_counted(http.get(f"{dis.endpoint}/metrics").text),
        )


def _counted(text: str) -> dict[int, int]:
    """How many records were ever put into each partition of ``s``, by what is reported."""
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {
        int(sample.labels["partition"]): int(sample.value)
        for sample in samples
        if sample.name == "beam_dis_put_records_total" and sample.labels["stream"] == "s"
    }


def _read(http: httpx.Client, number: int) -> list[tuple[tuple[int, int], bytes]]:
    at = {"stream-name": "s", "partition-id": str(number), "cursor-type": "TRIM_HORIZON"}
    page = {"next_partition_cursor": http.get("/cursors", params=at).json()["partition_cursor"], "records": [0]}
    found: list[tuple[tuple[int, int], bytes]] = []
    while page["records"]:
        page = http.get("/records", params={"partition-cursor": page["next_partition_cursor"]}).json()
        found += [((number, int(r["sequence_number"])), base64.b64decode(r["data"])) for r in page["records"]]
    return found


def _check_changes(ledger: Ledger, found: Found) -> None:
    """Each requested change is done completely or not at all; the ledger continues with the values that were found."""
    for name, value in found.changes.items():
        change: Change = getattr(ledger, name)
        assert value in {change.requested, change.done}, (name, change, value)
        change.requested = change.done = value
    hashes = [partition["hash_range"] for partition in found.partitions if partition["status"] == "ACTIVE"]
    assert hashes == list(map(str, hash_ranges(len(hashes))))


def _check_records(ledger: Ledger, found: Found) -> None:
    """Every acknowledged record is stored once, or may have expired; numbers have no gap and never go back."""
    lost = {
        at: data
        for at, (data, hour) in ledger.records.items()
        if found.records.get(at) != data and not ledger.may_have_expired(hour)
    }
    assert lost == {}
    changed = {at for at, (data, _) in ledger.records.items() if found.records.get(at, data) != data}
    assert changed == set()
    assert [data for data, times in Counter(found.records.values()).items() if times > 1] == []
    for number, listed in found.ranges.items():
        assert sorted(n for p, n in found.records if p == number) == list(range(listed.start, listed.end))
        assert max((n for p, n in ledger.records if p == number), default=-1) < listed.end
        assert found.counted[number] == listed.end


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.long)])
def test_a_killed_server_loses_nothing_and_leaves_no_change_half_done(tmp_path, rounds):
    """Everything that it acknowledged is stored after the restart, unless it has expired."""
    ledger = Ledger()
    with LocalDIS(tmp_path) as dis:
        stream = {"stream_name": "s", "partition_count": COUNTS[0]}
        made = [httpx.post(f"{dis.endpoint}/v2/p/streams", json=stream)]
        made.append(httpx.post(f"{dis.endpoint}/v2/p/apps", json={"app_name": "a"}))
        for turn in range(rounds):
            with Load(dis, ledger, f"round-{turn}") as load:
                load.await_answers(5)
                time.sleep(0.1 * (turn % 7))
                dis.restart(kill=True)
            found = _found(dis)
            _check_changes(ledger, found)
            _check_records(ledger, found)
    store = open_store(tmp_path, clock=time.time)
    assert (store.check(), [answer.status_code for answer in made]) == ([], [201, 201])
    store.close()
    assert len(ledger.records) > 100 * rounds
    assert ledger.hours.done > RETENTION
    assert not ledger.records.keys() <= found.records.keys(), "none has expired"
