"""A local V3IO that is killed while records are put has every record that it acknowledged, once, under its number."""

from __future__ import annotations

import itertools
import json
import threading
import time
from base64 import b64decode, b64encode
from collections import Counter
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException
from typing import Any

import pytest

from beam_dis.local import LocalV3IO

pytestmark = pytest.mark.integration

SHARDS, WRITERS, BATCH = 4, 4, 50


def call(connection: HTTPConnection, function: str, path: str, body: Any) -> Any:
    connection.request("PUT", path, json.dumps(body), {"X-v3io-function": function})
    answer = connection.getresponse()
    content = answer.read()
    assert answer.status in {200, 204}
    return json.loads(content or b"null")


def opened(v3io: LocalV3IO) -> closing[HTTPConnection]:
    return closing(HTTPConnection(v3io.endpoint.removeprefix("http://"), timeout=30))


def write(v3io: LocalV3IO, name: str, acknowledged: dict[tuple[int, int], bytes]) -> None:
    """Put records until the server ends."""
    with opened(v3io) as connection, suppress(OSError, HTTPException):
        for batch in itertools.count():
            datas = [f"{name}-{batch}-{number}".encode() for number in range(BATCH)]
            records = [{"Data": b64encode(data).decode()} for data in datas]
            results = call(connection, "PutRecords", "/c/s/", {"Records": records})["Records"]
            for data, result in zip(datas, results, strict=True):
                acknowledged[result["ShardId"], result["SequenceNumber"]] = data


def kill_under_load(v3io: LocalV3IO, turn: int) -> dict[tuple[int, int], bytes]:
    """Kill and restart a server while it is written to; returns what it acknowledged."""
    acknowledged: dict[tuple[int, int], bytes] = {}
    threads = [
        threading.Thread(target=write, args=(v3io, f"{turn}-{writer}", acknowledged)) for writer in range(WRITERS)
    ]
    for thread in threads:
        thread.start()
    until = time.monotonic() + 30
    while len(acknowledged) < 1000 * (1 + turn % 3) and time.monotonic() < until:
        time.sleep(0.01)
    v3io.restart(kill=True)
    for thread in threads:
        thread.join()
    return acknowledged


def stored(v3io: LocalV3IO) -> dict[tuple[int, int], bytes]:
    """Every record, read from the start, page by page."""
    found: dict[tuple[int, int], bytes] = {}
    with opened(v3io) as connection:
        for path, shard in [(f"/c/s/{shard}/", shard) for shard in range(SHARDS)]:
            location, behind = call(connection, "Seek", path, {"Type": "EARLIEST"})["Location"], 1
            while behind:
                page = call(connection, "GetRecords", path, {"Location": location})
                location, behind = page["NextLocation"], page["RecordsBehindLatest"]
                found |= {(shard, record["SequenceNumber"]): b64decode(record["Data"]) for record in page["Records"]}
    return found


@pytest.mark.parametrize("rounds", [1, pytest.param(20, marks=pytest.mark.long)])
def test_sigkill_neither_loses_nor_repeats_acknowledged_records(tmp_path, rounds):
    acknowledged: dict[tuple[int, int], bytes] = {}
    with LocalV3IO(tmp_path / "data") as v3io:
        with opened(v3io) as connection:
            call(connection, "CreateStream", "/c/s/", {"ShardCount": SHARDS})
        for turn in range(rounds):
            acknowledged |= kill_under_load(v3io, turn)
        found = stored(v3io)
    assert len(acknowledged) > 100 * rounds
    assert {number: found.get(number) for number in acknowledged} == acknowledged
    assert [data for data, times in Counter(found.values()).items() if times > 1] == []
