"""A local DIS with many streams, and one whose files another process reads all the time."""

from __future__ import annotations

import base64
import itertools
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from beam_dis.local import LocalDIS
from beam_dis.local.store import open_store

pytestmark = [pytest.mark.integration, pytest.mark.long]

MIB = 2**20
PROJECTS, STREAMS, PARTITIONS = 200, 5, 10
"""A project may have 50 partitions."""

READER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
connection.execute("BEGIN")
print(connection.execute("SELECT count(*) FROM batch").fetchone()[0], flush=True)
sys.stdin.read()
"""


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """A process that reads the files in one transaction during the block."""
    command = [sys.executable, "-c", READER, str(folder / "log.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline()
        yield
        process.communicate()


class Puts:
    """Puts of 1 MB; ``acknowledged`` are the first bytes of each record by its number."""

    def __init__(self, dis: LocalDIS) -> None:
        self.acknowledged: dict[int, bytes] = {}
        self._url = f"{dis.endpoint}/v2/p/records"
        self._names = itertools.count()

    def put(self) -> bool:
        """Put once; whether the server has answered."""
        heads = [b"%12d" % next(self._names) for _ in range(4)]
        records = [{"data": base64.b64encode(head + bytes(250_000)).decode(), "partition_id": "0"} for head in heads]
        try:
            answer = httpx.post(self._url, json={"stream_name": "s", "records": records}, timeout=60)
        except httpx.TransportError:
            return False
        results = answer.json()["records"]
        self.acknowledged |= {int(r["sequence_number"]): head for r, head in zip(results, heads, strict=True)}
        return True

    def put_until_the_server_ends(self) -> None:
        """Put one after the other."""
        while self.put():
            pass


def create_stream(dis: LocalDIS, project: str = "p", name: str = "s", partitions: int = 1) -> None:
    message = {"stream_name": name, "partition_count": partitions}
    assert httpx.post(f"{dis.endpoint}/v2/{project}/streams", json=message, timeout=60).status_code == 201


def stored(folder: Path) -> dict[int, bytes]:
    """The first bytes of each record by its number, once everything is checked."""
    store = open_store(folder, clock=time.time, housekeeping_interval=None)
    stream = store.stream("p", "s")
    found: dict[int, bytes] = {}
    while page := store.read(stream, 0, len(found), 4 * MIB):
        found |= {batch.first + index: data[:12] for batch in page for index, data in enumerate(batch.datas)}
    problems = store.check()
    store.close()
    assert problems == []
    return found


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def test_a_server_with_a_thousand_streams_is_idle_when_nobody_asks():
    """Of 10 partitions each; 100 of them have records. Asked for: below 2 % of a core."""
    names = [(f"p{project}", f"s{stream}") for project in range(PROJECTS) for stream in range(STREAMS)]
    records = [{"data": "eA==", "partition_key": str(key)} for key in range(100)]
    with LocalDIS() as dis, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: create_stream(dis, *name, partitions=PARTITIONS), names))
        for project, stream in names[::10]:
            message = {"stream_name": stream, "records": records}
            assert httpx.post(f"{dis.endpoint}/v2/{project}/records", json=message).status_code == 200
        time.sleep(10)  # what was counted is stored after five seconds
        before = cpu_seconds(dis.pid)
        time.sleep(20)
        assert cpu_seconds(dis.pid) - before < 0.02 * 20


def test_the_wal_stays_short_while_another_process_reads_all_the_time(tmp_path):
    """200 MB are put. The WAL grows by what is put while the file is copied, and becomes short again."""
    folder = tmp_path / "data"
    with LocalDIS(folder) as dis:
        create_stream(dis)
        puts = Puts(dis)
        assert puts.put()
        file, wal = folder / "log.db", folder / "log.db-wal"
        first = file.stat().st_ino
        with reading(folder):
            for _ in range(200):
                assert puts.put()
            until = time.monotonic() + 60
            while file.stat().st_ino == first or wal.stat().st_size > 64 * MIB:
                assert time.monotonic() < until
                assert puts.put()
    assert stored(folder) == puts.acknowledged


@pytest.mark.alone
def test_sigkill_while_the_files_are_moved_loses_nothing(tmp_path):
    """At different moments before, during and after a move."""
    folder, numbers, files = tmp_path / "data", random.Random(7), set()
    with LocalDIS(folder) as dis:
        create_stream(dis)
        puts = Puts(dis)
        assert puts.put()
        for _ in range(5):
            with reading(folder):
                writer = threading.Thread(target=puts.put_until_the_server_ends)
                writer.start()
                time.sleep(numbers.uniform(2.5, 7))
                dis.restart(kill=True)
                writer.join()
            files.add((folder / "log.db").stat().st_ino)
    found = stored(folder)
    assert {number: found.get(number) for number in puts.acknowledged} == puts.acknowledged
    assert len(files) > 1
