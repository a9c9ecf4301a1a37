"""The disk of a running server is full or becomes read-only: writes are refused at once, reads go on, and it recovers.

The long tests have a file system of their own, in a namespace of the server (``unshare``). A kernel that makes one read-only
while files are open (``errors=remount-ro``) is imitated: with ``strace`` the calls that change a file fail with EROFS, and with
a read-only mount on top no file can be opened for writing.
"""

from __future__ import annotations

import base64
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import final

import httpx
import pytest

from beam_dis.local.store import database

START = 1_800_000_000.0
STREAM = {"stream_name": "s", "partition_count": 1}
PUT = {"stream_name": "s", "records": [{"data": base64.b64encode(bytes(50_000)).decode(), "partition_id": "0"}]}
CURSOR = "cursors?stream-name=s&partition-id=0&cursor-type=TRIM_HORIZON"


@pytest.mark.parametrize("statement", ["PRAGMA max_page_count=1", "PRAGMA query_only=ON"], ids=["full", "read-only"])
def test_writes_are_answered_with_a_system_error_and_reads_as_usual(in_process, monkeypatch, statement):
    app = in_process(clock=lambda: START)
    app.json("POST", "/v2/p/streams", STREAM)
    before = app.json("POST", "/v2/p/records", PUT)
    with monkeypatch.context() as trouble:
        trouble.setattr(database, "WRITER_SETTINGS", (*database.WRITER_SETTINGS, statement))
        app = in_process(clock=lambda: START)
        failed = [app.json("POST", "/v2/p/records", PUT), app.json("POST", "/v2/p/records", PUT)]
        cursor = app("GET", f"/v2/p/{CURSOR}").body["partition_cursor"]
        reads = [app("GET", "/v2/p/streams/s"), app("GET", f"/v2/p/records?partition-cursor={cursor}")]
    after = app.json("POST", "/v2/p/records", PUT)
    assert [(answer.status, answer.body["errorCode"]) for answer in failed] == [(500, "DIS.5000")] * 2
    assert [answer.status for answer in (before, *reads, after)] == [200] * 4
    assert after.body["records"][0]["sequence_number"] == "1"


@final
class Mounted:
    """A server whose data are on a file system of their own, which ends with the server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        script = 'mount -t tmpfs -o size=40m none "$0" && exec "$1" -m beam_dis serve --port 0 --data "$0/data"'
        self._process = subprocess.Popen(
            ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, str(folder), sys.executable],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._api = f"{self._process.stdout.readline().split()[2]}/v2/p"
        self._http = httpx.Client(timeout=30)
        self.put_records: list[str] = []

    def close(self) -> None:
        self._http.close()
        self._process.terminate()
        self._process.wait()
        self._process.stdout.close()

    def mount(self, *arguments: str, command: str = "mount") -> None:
        inside = ["nsenter", "--preserve-credentials", "--user", "--mount", "-t", str(self._process.pid)]
        subprocess.run([*inside, command, *arguments], check=True)

    @contextmanager
    def read_only(self) -> Iterator[None]:
        """The file system is read-only within the block."""
        data = str(self.folder / "data")
        calls = "pwrite64,fdatasync,fsync,ftruncate,fallocate,unlink"
        files = [part for name in ("log.db", "log.db-wal", "log.db-shm") for part in ("-P", f"{data}/{name}")]
        tracer = ["strace", "-f", "-o", "/dev/null", "-p", str(self._process.pid)]
        with subprocess.Popen([*tracer, "-e", f"inject={calls}:error=EROFS", *files], stderr=subprocess.PIPE) as strace:
            line = strace.stderr.readline()
            assert b"attached" in line, line
            self.mount("--bind", data, data)
            self.mount("-o", "remount,ro,bind", data)
            yield
            strace.terminate()
            strace.communicate()
        self.mount(data, command="umount")

    def post(self, path: str, message: object) -> httpx.Response:
        return self._http.post(f"{self._api}/{path}", json=message)

    def put(self) -> tuple[int, float]:
        """The status of a put, and its seconds."""
        started = time.perf_counter()
        answer = self.post("records", PUT)
        if answer.status_code == 200:
            self.put_records.append(answer.json()["records"][0]["sequence_number"])
        return answer.status_code, time.perf_counter() - started

    def read(self) -> list[str]:
        """The numbers of all records."""
        at = {"partition-cursor": self._http.get(f"{self._api}/{CURSOR}").json()["partition_cursor"]}
        found: list[str] = []
        while page := self._http.get(f"{self._api}/records", params=at).json():
            if not page["records"]:
                return found
            found += [record["sequence_number"] for record in page["records"]]
            at = {"partition-cursor": page["next_partition_cursor"]}
        return found


@pytest.fixture
def mounted(tmp_path) -> Iterator[Callable[[], Mounted]]:
    (tmp_path / "disk").mkdir()
    with ExitStack() as stack:
        service = Mounted(tmp_path / "disk")
        stack.callback(service.close)
        assert service.post("streams", STREAM).status_code == 201
        yield service


@pytest.mark.integration
@pytest.mark.long
@pytest.mark.alone
def test_a_full_disk_refuses_puts_at_once_and_accepts_them_when_there_is_room(mounted):
    answers = [mounted.put() for _ in range(1000)]
    assert {status for status, _ in answers} == {200, 500}
    assert [status for status, _ in answers[-100:]] == [500] * 100
    assert max(seconds for _, seconds in answers) < 1
    assert mounted.read() == mounted.put_records
    mounted.mount("-o", "remount,size=80m", str(mounted.folder))
    assert [mounted.put()[0] for _ in range(3)] == [200] * 3
    assert mounted.read() == mounted.put_records == [str(number) for number in range(len(mounted.put_records))]


@pytest.mark.integration
@pytest.mark.long
@pytest.mark.alone
def test_a_read_only_disk_refuses_puts_at_once_and_accepts_them_afterwards(mounted):
    for _ in range(2):
        before = [mounted.put()[0] for _ in range(5)]
        with mounted.read_only():
            answers = [mounted.put() for _ in range(20)]
            refused = mounted.post("apps", {"app_name": "a"}).status_code
            assert mounted.read() == mounted.put_records
        after = mounted.put()[0]
        assert ({status for status, _ in answers}, refused, *before, after) == ({500}, 500, *[200] * 6)
        assert max(seconds for _, seconds in answers) < 1
    assert mounted.read() == [str(number) for number in range(12)]
