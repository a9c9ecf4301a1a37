"""Snapshots of a data folder that a server is using, and imports that are killed."""

from __future__ import annotations

import base64
import itertools
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import final

import httpx
import pytest

from beam_dis.local import LocalDIS
from beam_dis.local.store import StreamDefinition, export_snapshot, import_snapshot, open_store
from beam_dis.wire.ranges import partition_number

pytestmark = pytest.mark.integration

PARTITIONS, WRITERS, PUT_RECORDS = 4, 3, 40

EXPORT = """
import sys
from pathlib import Path
from beam_dis.local.store import export_snapshot
print("begun", flush=True)
export_snapshot(Path(sys.argv[1]), Path(sys.argv[2]), now_ms=0, on_progress=lambda *_: print("piece", flush=True))
"""

IMPORT = """
import sys
from pathlib import Path
from beam_dis.local.store import import_snapshot
print("begun", flush=True)
import_snapshot(Path(sys.argv[1]), Path(sys.argv[2]), on_progress=lambda *_: print("piece", flush=True))
"""


@final
class Writers:
    """Threads that put until the block ends; ``acknowledged`` has the data of each record by partition and number."""

    def __init__(self, endpoint: str) -> None:
        self.acknowledged: dict[tuple[int, int], bytes] = {}
        self._url = f"{endpoint}/v2/p/records"
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._put, args=(f"w{n}",)) for n in range(WRITERS)]

    def __enter__(self) -> Writers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def wait(self, more: int) -> None:
        """Wait until so many more records are acknowledged."""
        wanted = len(self.acknowledged) + more
        while len(self.acknowledged) < wanted and any(thread.is_alive() for thread in self._threads):
            time.sleep(0.01)

    def _put(self, name: str) -> None:
        with httpx.Client(timeout=60) as http:
            for turn in itertools.count():
                datas = [f"{name}-{turn}/{n}-{'x' * 2000}".encode() for n in range(PUT_RECORDS)]
                records = [{"data": base64.b64encode(data).decode(), "partition_key": data.decode()} for data in datas]
                results = http.post(self._url, json={"stream_name": "s", "records": records}).json()["records"]
                for data, result in zip(datas, results, strict=True):
                    at = partition_number(result["partition_id"]), int(result["sequence_number"])
                    self.acknowledged[at] = data
                if self._over.is_set():
                    return


def records_in(folder) -> dict[tuple[int, int], bytes]:
    """All records of the stream in a data folder, after a check of the folder."""
    store = open_store(folder, clock=time.time, housekeeping_interval=None)
    assert store.check() == []
    found = {}
    for partition in store.stream("p", "s").partitions:
        at = partition.earliest
        while at < partition.next:
            for batch in store.read(store.stream("p", "s"), partition.number, at, 2**20):
                found |= {(partition.number, n): data for n, data in enumerate(batch.datas, batch.first)}
                at = batch.first + len(batch.datas)
    store.close()
    return found


def create_stream(dis: LocalDIS) -> None:
    stream = {"stream_name": "s", "partition_count": PARTITIONS}
    assert httpx.post(f"{dis.endpoint}/v2/p/streams", json=stream).status_code == 201


def test_an_export_under_load_has_what_was_acknowledged_before_and_no_half_put(tmp_path):
    with LocalDIS(tmp_path / "data") as dis:
        create_stream(dis)
        with Writers(dis.endpoint) as writers:
            for turn in range(3):
                writers.wait(2000)
                before = dict(writers.acknowledged)
                made = export_snapshot(tmp_path / "data", tmp_path / f"{turn}", now_ms=0)
                writers.wait(1)  # puts go on
                import_snapshot(tmp_path / f"{turn}", tmp_path / f"folder-{turn}")
                found = records_in(tmp_path / f"folder-{turn}")
                assert before.items() <= found.items()
                assert made.records == len(found)
                assert set(Counter(data.split(b"/")[0] for data in found.values()).values()) == {PUT_RECORDS}
    assert found.items() <= records_in(tmp_path / "data").items() == writers.acknowledged.items()


def test_a_server_goes_on_from_an_imported_folder(tmp_path):
    with LocalDIS(tmp_path / "data") as dis:
        create_stream(dis)
        with Writers(dis.endpoint) as writers:
            writers.wait(500)
        export_snapshot(tmp_path / "data", tmp_path / "file", now_ms=0)
    import_snapshot(tmp_path / "file", tmp_path / "new")
    with LocalDIS(tmp_path / "new") as dis, Writers(dis.endpoint) as more:
        more.wait(500)
    assert records_in(tmp_path / "new") == writers.acknowledged | more.acknowledged


def test_the_folder_of_a_killed_server_can_be_exported(tmp_path):
    with LocalDIS(tmp_path / "data") as dis:
        create_stream(dis)
        with Writers(dis.endpoint) as writers:
            writers.wait(500)
        os.kill(dis.pid, signal.SIGKILL)
    export_snapshot(tmp_path / "data", tmp_path / "file", now_ms=0)
    import_snapshot(tmp_path / "file", tmp_path / "new")
    assert records_in(tmp_path / "new") == writers.acknowledged


@pytest.fixture
def snapshot(tmp_path):
    """A snapshot of 20 MB, and its records."""
    store = open_store(tmp_path / "data", clock=time.time, housekeeping_interval=None)
    stream = store.create_stream("p", StreamDefinition(name="s", partition_count=1)).result()
    for _ in range(20):
        store.append(stream, [0] * 100, [None] * 100, [bytes(10_000)] * 100).result()
    store.close()
    export_snapshot(tmp_path / "data", tmp_path / "file", now_ms=0)
    return tmp_path / "file", records_in(tmp_path / "data")


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.long)])
@pytest.mark.parametrize("exists", [False, True])
def test_a_killed_import_leaves_the_whole_folder_or_none(snapshot, tmp_path, kills, exists):
    file, whole = snapshot
    folder = tmp_path / "new"
    ended = []
    for turn in range(kills):
        if exists:
            folder.mkdir(exist_ok=True)
        ended.append(killed(IMPORT, file, folder, pieces=1 + turn * 20 // (kills - 1)))
        if (folder / "log.db").exists():
            assert records_in(folder) == whole
            shutil.rmtree(folder)
    import_snapshot(file, folder)
    assert records_in(folder) == whole
    assert -signal.SIGKILL in ended


@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.long)])
def test_a_killed_export_leaves_no_file_of_the_name_or_a_whole_one(snapshot, tmp_path, kills):
    _, whole = snapshot
    ended = []
    for turn in range(kills):
        file = tmp_path / f"killed-{turn}"
        ended.append(killed(EXPORT, tmp_path / "data", file, pieces=1 + turn * 5 // (kills - 1)))
        if not file.exists():
            export_snapshot(tmp_path / "data", file, now_ms=0)
        import_snapshot(file, tmp_path / f"folder-{turn}")
        assert records_in(tmp_path / f"folder-{turn}") == whole
        shutil.rmtree(tmp_path / f"folder-{turn}")
    assert -signal.SIGKILL in ended
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def killed(program: str, source, target, pieces: int) -> int:
    """Export or import in a process that is killed after so many lines of its output; returns its exit status."""
    command = [sys.executable, "-c", program, str(source), str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(pieces):
            process.stdout.readline()
        process.kill()
        process.communicate()
        return process.returncode
