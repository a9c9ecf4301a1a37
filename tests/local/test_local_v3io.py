"""LocalV3IO: a process that runs during its ``with`` block, keeps what it acknowledges, and shares no folder with a local DIS."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from beam_dis.errors import ConfigurationError, DISError
from beam_dis.local import LocalDIS, LocalV3IO

pytestmark = pytest.mark.integration

STREAM = "/local/MyDirectory/MyStream/"


def call(v3io: LocalV3IO, function: str, body: Any, path: str = STREAM, **headers: str) -> Any:
    """Call a function; returns its answer, or the number of a status that is none of success."""
    request = urllib.request.Request(
        v3io.endpoint + path,
        json.dumps(body).encode(),
        {"X-v3io-function": function, **{name.replace("_", "-"): value for name, value in headers.items()}},
        method="PUT",
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code


def put(v3io: LocalV3IO, *datas: bytes) -> list[int]:
    """Put records into shard 0; returns their numbers."""
    records = [{"Data": b64encode(data).decode(), "ShardId": 0} for data in datas]
    return [record["SequenceNumber"] for record in call(v3io, "PutRecords", {"Records": records})["Records"]]


def numbers(v3io: LocalV3IO) -> list[int]:
    """The numbers of all records of shard 0."""
    location = call(v3io, "SeekShard", {"Type": "EARLIEST"}, f"{STREAM}0/")["Location"]
    page = call(v3io, "GetRecords", {"Location": location, "Limit": 10_000}, f"{STREAM}0/")
    return [record["SequenceNumber"] for record in page["Records"]]


@pytest.mark.parametrize("kill", [False, True])
def test_a_restart_keeps_port_and_data(kill):
    with LocalV3IO() as v3io:
        call(v3io, "CreateStream", {"ShardCount": 2})
        known, endpoint, pid = put(v3io, b"a", b"b"), v3io.endpoint, v3io.pid
        v3io.restart(kill=kill)
        assert (v3io.endpoint, v3io.pid != pid, numbers(v3io)) == (endpoint, True, known)


def test_the_clock_can_be_advanced_past_the_retention():
    with LocalV3IO() as v3io:
        call(v3io, "CreateStream", {"RetentionPeriodHours": 2})
        put(v3io, b"old")
        v3io.advance(hours=1)
        [new] = put(v3io, b"new")
        v3io.advance(minutes=61)
        assert numbers(v3io) == [new]


def test_with_a_key_every_request_needs_it_and_no_argument_shows_it():
    with LocalV3IO(access_key="KEY-visible") as v3io:
        assert call(v3io, "CreateStream", {}) == 403
        assert call(v3io, "CreateStream", {}, x_v3io_session_key="KEY-visible") is None
        assert b"visible" not in Path(f"/proc/{v3io.pid}/cmdline").read_bytes()


def test_its_connection_names_the_endpoint_the_container_and_the_key():
    with LocalV3IO() as v3io, LocalV3IO(access_key="k") as keyed:
        assert (v3io.connection.endpoint, v3io.connection.container) == (v3io.endpoint, "local")
        assert (v3io.connection.credentials, keyed.connection.credentials.value) == (None, "k")


@pytest.mark.parametrize("key", ["", "a b", "ä", 7])
def test_a_key_that_cannot_be_sent_is_refused(key):
    with pytest.raises(ConfigurationError, match="access_key is no access key"):
        LocalV3IO(access_key=key)


def test_outside_of_its_block_it_says_how_it_is_used():
    with pytest.raises(DISError, match="this LocalV3IO isn't running: use it as `with LocalV3IO"):
        LocalV3IO().endpoint  # noqa: B018


def test_a_folder_of_the_other_service_is_refused(tmp_path):
    with LocalV3IO(tmp_path / "v3io") as v3io, LocalDIS(tmp_path / "dis") as dis:
        call(v3io, "CreateStream", {})
        body = json.dumps({"stream_name": "s", "partition_count": 1}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{dis.endpoint}/v2/p/streams", body), timeout=30).close()
    with pytest.raises(ConfigurationError, match=r"has streams of V3IO, such as MyDirectory/MyStream: serve it with"):
        LocalDIS(tmp_path / "v3io").__enter__()
    with pytest.raises(ConfigurationError, match=r"the local V3IO did not start: .* has streams of DIS, such as s:"):
        LocalV3IO(tmp_path / "dis").__enter__()
