"""Acknowledged means on disk: after a kill every acknowledged record is stored once, at its number."""

from __future__ import annotations

import base64
import itertools
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import final

import httpx
import pytest

from beam_dis.local import LocalDIS

pytestmark = pytest.mark.integration

PARTITIONS, WRITERS = 4, 4
PUTS = 20


@final
class Load:
    """Writers that put until the server ends; ``acknowledged`` are the acknowledged data by partition and number."""

    def __init__(self, dis: LocalDIS, tag: str) -> None:
        self.acknowledged: dict[tuple[str, int], bytes] = {}
        self._url = f"{dis.endpoint}/v2/p/records"
        self._threads = [threading.Thread(target=self._write, args=(f"{tag}-{n}",)) for n in range(WRITERS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join()

    def _write(self, name: str) -> None:
        with httpx.Client(timeout=30) as http:
            for batch in itertools.count():
                datas = [f"{name}-{batch}-{n}".encode() for n in range(50)]
                try:
                    self._note(datas, http.post(self._url, json=_message(datas)).json()["records"])
                except httpx.TransportError:
                    return

    def _note(self, datas: list[bytes], results: list[dict[str, str]]) -> None:
        for data, result in zip(datas, results, strict=True):
            self.acknowledged[result["partition_id"], int(result["sequence_number"])] = data


def _message(datas: list[bytes]) -> dict[str, object]:
    records = [{"data": base64.b64encode(data).decode(), "partition_key": data.decode()} for data in datas]
    return {"stream_name": "s", "records": records}


def _stored(dis: LocalDIS) -> dict[tuple[str, int], bytes]:
    """Every record, read from the start, page by page."""
    stored: dict[tuple[str, int], bytes] = {}
    with httpx.Client(base_url=f"{dis.endpoint}/v2/p", timeout=60) as http:
        for number in range(PARTITIONS):
            partition = f"shardId-{number:010d}"
            at = {"stream-name": "s", "partition-id": partition, "cursor-type": "TRIM_HORIZON"}
            page = {"next_partition_cursor": http.get("/cursors", params=at).json()["partition_cursor"], "records": [0]}
            while page["records"]:
                page = http.get("/records", params={"partition-cursor": page["next_partition_cursor"]}).json()
                for record in page["records"]:
                    stored[partition, int(record["sequence_number"])] = base64.b64decode(record["data"])
    return stored


def _kill_under_load(dis: LocalDIS, tag: str) -> dict[tuple[str, int], bytes]:
    with Load(dis, tag) as load:
        time.sleep(0.7)
        dis.restart(kill=True)
    return load.acknowledged


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.long)])
def test_sigkill_under_load_neither_loses_nor_repeats_acknowledged_records(tmp_path, rounds):
    acknowledged: dict[tuple[str, int], bytes] = {}
    with LocalDIS(tmp_path / "data") as dis:
        stream = {"stream_name": "s", "partition_count": PARTITIONS}
        assert httpx.post(f"{dis.endpoint}/v2/p/streams", json=stream).status_code == 201
        for number in range(rounds):
            acknowledged |= _kill_under_load(dis, f"round-{number}")
        stored = _stored(dis)
    assert len(acknowledged) > 100 * rounds
    assert {number: stored.get(number) for number in acknowledged} == acknowledged
    assert [data for data, times in Counter(stored.values()).items() if times > 1] == []
    assert _numbers(stored) == {partition: list(range(len(found))) for partition, found in _numbers(stored).items()}


def _numbers(stored: dict[tuple[str, int], bytes]) -> dict[str, list[int]]:
    return {partition: sorted(n for p, n in stored if p == partition) for partition in {p for p, _ in stored}}


def test_each_200_comes_after_the_logs_data_is_on_disk(tmp_path):
    """``strace`` shows an fsync that has returned between the last write to the WAL and the answer."""
    trace = tmp_path / "trace"
    server = [sys.executable, "-m", "beam_dis", "serve", "--port", "0", "--data", str(tmp_path / "data")]
    strace = ["strace", "-D", "-f", "-y", "-s", "16", "-e", "trace=pwrite64,fdatasync,fsync,sendto", "-o", str(trace)]
    body = _message([b"x"])
    with subprocess.Popen([*strace, *server], stdout=subprocess.PIPE, text=True) as process:
        project = process.stdout.readline().split()[2] + "/v2/p"
        with httpx.Client() as http:
            http.post(f"{project}/streams", json={"stream_name": "s", "partition_count": 1})
            statuses = [http.post(f"{project}/records", json=body).status_code for _ in range(PUTS)]
        process.terminate()
    assert statuses == [200] * PUTS
    assert _acknowledgements(trace) == ["synced"] * PUTS


def _acknowledgements(trace: Path) -> list[str]:
    """The state of the WAL before each 200: "synced", "unsynced" or "unwritten"."""
    seen: list[str] = []
    state, syncing = "unwritten", set()
    for line in trace.read_text().splitlines():
        thread, _, call = line.partition(" ")
        if re.match(r" *pwrite64\([^,]*-wal", call):
            state = "unsynced"
        if re.match(r" *f(data)?sync\([^)]*-wal", call):
            syncing.add(thread)
        if thread in syncing and re.search(r"f(data)?sync.*= 0", call):
            syncing.discard(thread)
            state = "synced"
        if '"HTTP/1.1 200 ' in call:
            seen.append(state)
            state = "unwritten"
    return seen
