"""A server that is killed while dump tasks deliver: the buckets have every record once, in order, in objects that agree.

Puts have a thread of their own, and so has the clock, which is advanced by one interval after the other: so there is always a flush
under way. One task writes text, another one gzip into the folders of the records' own times.
"""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import os
import re
import signal
import threading
import time
from pathlib import Path

import httpx
import pytest

from beam_dis import DISClient
from beam_dis.dump_tasks import OBSDestination, ProcessingSchema
from beam_dis.errors import DISError
from beam_dis.local import LocalDIS

pytestmark = pytest.mark.integration

PARTITIONS = 3
INTERVAL = 30
DAY_MS = 24 * 3600 * 1000
NAME = re.compile(r"(plain|folders)\.\w{19}-shardId-(\d{10})-(\d+)-(\d+)(\.gz)?")
DESTINATIONS = {
    "plain": OBSDestination(
        task_name="plain", obs_bucket_path="lake", deliver_time_interval=INTERVAL, consumer_strategy="TRIM_HORIZON"
    ),
    "folders": OBSDestination(
        task_name="folders",
        obs_bucket_path="lake",
        deliver_time_interval=INTERVAL,
        deliver_size_interval=1,
        consumer_strategy="TRIM_HORIZON",
        file_prefix="by_time",
        partition_format="yyyy/MM/dd",
        processing_schema=ProcessingSchema(timestamp_name="at", timestamp_type="Timestamp"),
        compression_format="gzip",
    ),
}


class Load:
    """Puts records and advances the clock until the server ends; ``acknowledged`` are data by partition and number."""

    def __init__(self, dis, acknowledged, tag):
        self.dis, self.acknowledged, self.tag = dis, acknowledged, tag
        self.answers = {self._put: 0, self._advance: 0}
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self._until_ended, args=(change,)) for change in self.answers]

    def __enter__(self):
        self.http = httpx.Client(base_url=f"{self.dis.endpoint}/v2/local", timeout=60)
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()
        self.http.close()

    def await_answers(self, count):
        until = time.monotonic() + 120
        while min(self.answers.values()) < count and time.monotonic() < until:
            time.sleep(0.01)

    def _until_ended(self, change):
        for turn in itertools.count():
            try:
                change(turn)
            except (httpx.TransportError, DISError):
                return
            self.answers[change] = turn
            if self.over.is_set():
                return

    def _put(self, turn):
        values = [{"at": n % 4 * DAY_MS, "from": f"{self.tag}-{turn}-{n}", "more": "x" * 500} for n in range(60)]
        datas = [json.dumps(value).encode() for value in values]
        records = [
            {"data": base64.b64encode(data).decode(), "partition_id": str(n % PARTITIONS)}
            for n, data in enumerate(datas)
        ]
        results = self.http.post("/records", json={"stream_name": "s", "records": records}).json()["records"]
        for data, result in zip(datas, results, strict=True):
            self.acknowledged[int(result["partition_id"][-10:]), int(result["sequence_number"])] = data

    def _advance(self, _turn):
        self.dis.advance(INTERVAL)


def stored(client):
    """Every record of the stream by partition and number."""
    found = {}
    for number in range(PARTITIONS):
        cursor = client.get_cursor("s", partition_id=number, cursor_type="TRIM_HORIZON")
        while records := (page := client.get_records(cursor)).records:
            found.update({(number, record.sequence_number): record.data for record in records})
            cursor = page.next_partition_cursor
    return found


def copied(bucket: Path, task: str):
    """Every record in the objects of a task by partition and number: each is in one object, whose name says where it is."""
    found = {}
    for path in bucket.rglob("*"):
        if not path.is_file():
            continue
        name, partition, first, last, compressed = NAME.fullmatch(path.name).groups()
        if name == task:
            text = gzip.decompress(path.read_bytes()) if compressed else path.read_bytes()
            found.setdefault(int(partition), []).append((int(first), int(last), text.splitlines(), path.parent.name))
    return found


def check_plain(records, objects):
    """The objects of a partition follow each other without a gap, and have its records in their order."""
    for number, parts in objects.items():
        at = 0
        for first, last, lines, _ in sorted(parts):
            assert first == at
            assert lines == [records[number, n] for n in range(first, last + 1)]
            at = last + 1
        assert at == 1 + max(n for partition, n in records if partition == number)


def check_folders(records, objects):
    """Each record is in one object, which is in the folder of its day; lines are in the order of their numbers."""
    for number, parts in objects.items():
        numbers = {data: n for (partition, n), data in records.items() if partition == number}
        seen = []
        for first, last, lines, day in parts:
            found = [numbers[line] for line in lines]
            assert (found[0], found[-1], sorted(found)) == (first, last, found)
            assert {json.loads(line)["at"] // DAY_MS + 1 for line in lines} == {int(day)}
            seen += found
        assert sorted(seen) == list(range(len(numbers)))


@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.long)])
@pytest.mark.timeout(1800)
def test_objects_have_each_record_once_though_the_server_is_killed(tmp_path, rounds):
    buckets, acknowledged, interrupted = tmp_path / "buckets", {}, 0
    (buckets / "lake").mkdir(parents=True)
    with LocalDIS(tmp_path / "data", obs_folder=buckets) as dis, DISClient(dis.connection) as client:
        client.create_stream("s", partition_count=PARTITIONS, data_type="JSON", data_duration=168)
        for destination in DESTINATIONS.values():
            client.create_dump_task("s", destination)
        for turn in range(rounds):
            with Load(dis, acknowledged, f"round-{turn}") as load:
                load.await_answers(4)
                time.sleep(0.07 * (turn % 7))
                os.kill(dis.pid, signal.SIGKILL)
            interrupted += any((buckets / ".incomplete~").iterdir())
            dis.restart(kill=True)
        dis.advance(INTERVAL)
        records = stored(client)
        states = {task.task_name: task.state for task in client.list_dump_tasks("s").tasks}
        positions = [p for name in DESTINATIONS for p in client.describe_dump_task("s", name).partitions]
    assert {at: data for at, data in acknowledged.items() if records.get(at) != data} == {}
    check_plain(records, copied(buckets / "lake", "plain"))
    check_folders(records, copied(buckets / "lake", "folders"))
    assert (states, {p.discard for p in positions}) == (dict.fromkeys(DESTINATIONS, "RUNNING"), {0})
    assert list((buckets / ".incomplete~").iterdir()) == []
    assert rounds < 20 or interrupted > 0
