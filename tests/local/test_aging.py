"""Ageing: the space of expired and deleted records is freed, without delaying puts."""

from __future__ import annotations

import base64
import json
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import final

import httpx
import pytest

from beam_dis.local import LocalDIS

pytestmark = [pytest.mark.integration, pytest.mark.alone]

MIB = 2**20
RETENTION = 24
LONGEST_PUT = 0.150
SPARE = 64 * MIB
"""How much free space the store keeps for later puts, at least."""

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
    """Puts single records into ``small`` continuously."""

    def __init__(self, dis: LocalDIS) -> None:
        self._seconds: list[float] = []
        self._url = f"{dis.endpoint}/v2/p/records"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def __enter__(self) -> Putter:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def longest(self) -> float:
        """The longest put, in seconds."""
        return max(self._seconds)

    @property
    def slow(self) -> float:
        """How long all but one in a hundred puts took at most, in seconds."""
        return statistics.quantiles(self._seconds, n=100)[-1]

    def _work(self) -> None:
        body = json.dumps({"stream_name": "small", "records": [{"data": "eA==", "partition_id": "0"}]}).encode()
        with httpx.Client(timeout=60) as http:
            while not self._over.wait(0.005):
                started = time.perf_counter()
                assert http.post(self._url, content=body).json()["failed_record_count"] == 0
                self._seconds.append(time.perf_counter() - started)


def age(dis: LocalDIS, hours: int, mebibytes: int) -> list[int]:
    """Put ``mebibytes`` in each hour of the clock; the size of the folder after each."""
    bodies = [put_body("s", min(5, left)) for left in range(mebibytes, 0, -5)]
    sizes = []
    with httpx.Client(timeout=60) as http:
        for _ in range(hours):
            for body in bodies:
                assert http.post(f"{dis.endpoint}/v2/p/records", content=body).json()["failed_record_count"] == 0
            dis.advance(hours=1)
            sizes.append(folder_bytes(dis))
    return sizes


@pytest.mark.parametrize("mebibytes", [1, pytest.param(10, marks=pytest.mark.long)])
def test_the_folder_stays_bounded_when_records_expire_while_others_are_put(dis, mebibytes, undisturbed):
    """Ten times the records of a retention period are put.

    Records expire more often than once in a hundred puts, so puts that waited for them would be among the slow ones.
    """
    make_stream(dis, "s")
    make_stream(dis, "small", "COMMON")

    def slow_put() -> float:
        with Putter(dis) as putter:
            sizes = age(dis, 10 * RETENTION, mebibytes)
        assert max(sizes) < 1.5 * RETENTION * mebibytes * MIB + SPARE + WAL
        return putter.slow

    assert undisturbed(slow_put, LONGEST_PUT) < LONGEST_PUT


@pytest.mark.long
def test_a_deleted_gigabyte_is_freed_without_delaying_puts(dis, undisturbed):
    make_stream(dis, "small", "COMMON")
    body = put_body("s", 5)

    def longest_put() -> float:
        make_stream(dis, "s")
        for _ in range(205):
            http.post(f"{dis.endpoint}/v2/p/records", content=body)
        assert folder_bytes(dis) > 1024 * MIB
        with Putter(dis) as putter:
            started = time.monotonic()
            assert http.delete(f"{dis.endpoint}/v2/p/streams/s").status_code == 204
            while folder_bytes(dis) > SPARE + WAL and time.monotonic() < started + 120:
                time.sleep(0.2)
        assert folder_bytes(dis) <= SPARE + WAL
        return putter.longest

    with httpx.Client(timeout=60) as http:
        assert undisturbed(longest_put, LONGEST_PUT) < LONGEST_PUT
