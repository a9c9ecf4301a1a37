"""Ageing: what has expired or was deleted gives its space back, and nobody who puts meanwhile waits for that."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import final

import httpx
import pytest

from beam_dis.local import LocalDIS

pytestmark = pytest.mark.integration

MIB = 2**20
RETENTION = 24
LONGEST_PUT = 0.150
SPARE = 64 * MIB
"""What the store keeps for coming puts, at least."""

WAL = 64 * MIB


@pytest.fixture
def dis(tmp_path) -> Iterator[LocalDIS]:
    with LocalDIS(tmp_path / "data") as dis:
        yield dis


def make_stream(dis: LocalDIS, name: str, kind: str = "ADVANCED") -> None:
    body = {"stream_name": name, "partition_count": 4, "stream_type": kind}
    assert httpx.post(f"{dis.endpoint}/v2/p/streams", json=body).status_code == 201


def put_body(stream: str, mebibytes: int) -> bytes:
    """A request of records of 16 KiB."""
    record = base64.b64encode(bytes(MIB // 64)).decode()
    records = [{"data": record, "partition_id": str(number % 4)} for number in range(64 * mebibytes)]
    return json.dumps({"stream_name": stream, "records": records}).encode()


def folder_bytes(dis: LocalDIS) -> int:
    return sum(file.stat().st_size for file in Path(str(dis._data_dir)).iterdir())


@final
class Putter:
    """Puts single records all the time, into a stream of its own; the longest that one took."""

    def __init__(self, dis: LocalDIS, stream: str = "small") -> None:
        make_stream(dis, stream, "COMMON")
        self._stream = stream
        self.longest = 0.0
        self.count = 0
        self._url = f"{dis.endpoint}/v2/p/records"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Putter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        body = json.dumps({"stream_name": self._stream, "records": [{"data": "eA==", "partition_id": "0"}]}).encode()
        with httpx.Client(timeout=60) as http:
            while not self._over.wait(0.005):
                started = time.perf_counter()
                assert http.post(self._url, content=body).json()["failed_record_count"] == 0
                self.longest = max(self.longest, time.perf_counter() - started)
                self.count += 1


def allowed(dis: LocalDIS, work: Callable[[], object]) -> float:
    """The seconds that a put may take: more on a machine where puts are held up by ``work`` without ageing, too."""
    with Putter(dis, "alone") as alone:
        work()
    return max(LONGEST_PUT, 3 * alone.longest)


def age(dis: LocalDIS, hours: int, mebibytes: int, by: int = 1) -> list[int]:
    """Put so much an hour, each ``by`` hours long; the sizes of the folder, hour by hour."""
    bodies = [put_body("s", min(5, left)) for left in range(mebibytes, 0, -5)]
    sizes = []
    with httpx.Client(timeout=60) as http:
        for _ in range(hours):
            for body in bodies:
                assert http.post(f"{dis.endpoint}/v2/p/records", content=body).json()["failed_record_count"] == 0
            dis.advance(hours=by)
            sizes.append(folder_bytes(dis))
    return sizes


@pytest.mark.parametrize("mebibytes", [1, pytest.param(10, marks=pytest.mark.long)])
def test_ten_times_what_retention_holds_can_be_written_and_the_folder_stays_bounded(dis, mebibytes):
    """And nobody waits for that."""
    make_stream(dis, "s")
    with Putter(dis) as putter:
        sizes = age(dis, 10 * RETENTION, mebibytes)
    assert max(sizes) < 1.5 * RETENTION * mebibytes * MIB + SPARE + WAL
    assert putter.longest < allowed(dis, lambda: age(dis, 2 * RETENTION, mebibytes, by=0))


@pytest.mark.long
def test_a_deleted_gigabyte_is_given_back_and_nobody_waits_for_it(dis):
    make_stream(dis, "s")
    body, longest = put_body("s", 5), allowed(dis, lambda: time.sleep(3))
    with httpx.Client(timeout=60) as http:
        for _ in range(205):
            http.post(f"{dis.endpoint}/v2/p/records", content=body)
        before = folder_bytes(dis)
        with Putter(dis) as putter:
            started = time.monotonic()
            assert http.delete(f"{dis.endpoint}/v2/p/streams/s").status_code == 204
            while folder_bytes(dis) > SPARE + WAL and time.monotonic() < started + 120:
                time.sleep(0.2)
    assert (before > 1024 * MIB, folder_bytes(dis) <= SPARE + WAL) == (True, True)
    assert putter.longest < longest
