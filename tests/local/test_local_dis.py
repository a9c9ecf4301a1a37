"""LocalDIS: a process that runs during its ``with`` block and never outlives its parent."""

from __future__ import annotations

import os
import pickle
import resource
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from beam_dis.client import DISClient
from beam_dis.errors import ConfigurationError, CredentialsError, DISError
from beam_dis.local import LocalDIS
from beam_dis.testing import Throttled

pytestmark = pytest.mark.integration

PARENT = """
import sys, time
from beam_dis.local import LocalDIS
with LocalDIS(sys.argv[1]) as dis:
    print(dis.pid, flush=True)
    time.sleep(600)
"""
FORKING_PARENT = PARENT.replace(
    "    print(", "    import os\n    if os.fork() == 0: time.sleep(6); os._exit(0)\n    print("
)


def streams(endpoint: str) -> list[str]:
    found: list[str] = httpx.get(f"{endpoint}/v2/p/streams", timeout=30).json()["stream_names"]
    return found


def make_stream(endpoint: str, name: str) -> None:
    assert httpx.post(f"{endpoint}/v2/p/streams", json={"stream_name": name, "partition_count": 1}).status_code == 201


def ended(pid: int, seconds: float = 5) -> bool:
    """Whether a process ends within ``seconds``."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not Path(f"/proc/{pid}").exists():
            return True
        time.sleep(0.02)
    return False


def test_it_serves_within_its_block_and_ends_after_it():
    with LocalDIS() as dis:
        pid = dis.pid
        assert streams(dis.endpoint) == []
    assert ended(pid)


def test_a_temporary_folder_is_removed_and_a_given_one_stays(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    with LocalDIS(tmp_path / "kept"), LocalDIS():
        assert len(list(tmp_path.iterdir())) > 1
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


@pytest.mark.parametrize("kill", [False, True])
def test_a_restart_keeps_port_and_data(kill):
    with LocalDIS() as dis:
        make_stream(dis.endpoint, "s")
        before, pid = dis.endpoint, dis.pid
        dis.restart(kill=kill)
        assert (dis.endpoint, dis.pid != pid, streams(dis.endpoint)) == (before, True, ["s"])


def test_data_in_a_given_folder_is_there_the_next_time(tmp_path):
    with LocalDIS(tmp_path) as dis:
        make_stream(dis.endpoint, "s")
    with LocalDIS(tmp_path) as dis:
        assert streams(dis.endpoint) == ["s"]


def test_its_connection_can_be_pickled_unless_it_has_keys():
    with LocalDIS() as dis:
        assert pickle.loads(pickle.dumps(dis.connection)) == dis.connection
    with LocalDIS(access_key="AK", secret_key="SK") as dis, pytest.raises(CredentialsError):
        pickle.dumps(dis.connection)


def test_a_file_of_keys_has_several_callers_each_with_its_project(tmp_path):
    keys = tmp_path / "keys"
    keys.touch(0o600)
    keys.write_text("[acme.app]\naccess_key = A\nsecret_key = S\nproject_id = p\n[b]\nauth_token = T\nproject_id = q\n")
    with LocalDIS(access_key_file=keys) as dis, DISClient(dis.connection) as client:
        client.create_stream("s", partition_count=1)
        project = dis.connection.project_id
        other = httpx.get(f"{dis.endpoint}/v2/q/streams", headers={"X-Auth-Token": "T"}).json()
    assert (project, other["stream_names"]) == ("p", [])


def test_with_keys_it_refuses_unsigned_requests():
    with LocalDIS(access_key="AK", secret_key="SK") as dis:
        answer = httpx.get(f"{dis.endpoint}/v2/p/streams")
    assert (answer.status_code, answer.json()["errorCode"]) == (441, "DIS.4101")


def test_its_keys_are_not_among_its_arguments():
    with LocalDIS(access_key="AK-visible", secret_key="SK-visible") as dis:
        assert b"visible" not in Path(f"/proc/{dis.pid}/cmdline").read_bytes()


def test_half_a_key_is_refused():
    with pytest.raises(ConfigurationError, match="together, or neither"):
        LocalDIS(access_key="AK")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"port": "7700"}, "port='7700' is not an int of 0 to 65535"),
        ({"port": 65536}, r"port=65536 \(int\) is not an int of 0 to 65535"),
        ({"port": True}, r"port=True \(bool\) is not an int"),
        ({"port": None}, "port=None is not an int"),
        ({"data_dir": 5}, r"data_dir=5 \(int\) is not the path of a folder: give str or Path"),
        ({"access_key_file": 5}, r"access_key_file=5 \(int\) is not the path of a file: give str or Path"),
        ({"access_key_file": "/nowhere"}, r"/nowhere can't be read \(No such file or directory\)"),
        ({"access_key_file": "f", "auth_token": "T"}, "LocalDIS takes access_key_file, or access_key and auth_token"),
        ({"data_dir": b"data"}, r"data_dir=b'data' \(bytes\) is not the path of a folder"),
    ],
)
def test_a_wrong_port_or_folder_is_refused_before_anything_starts(arguments, message):
    with pytest.raises(ConfigurationError, match=f"^{message}"):
        LocalDIS(**arguments)


def test_wrong_times_and_faults_are_refused_by_name():
    with LocalDIS() as dis:
        for value in ("5", None, timedelta(hours=1), True, float("nan")):
            with pytest.raises(ConfigurationError, match=r"^advance: hours=.* is not a number$"):
                dis.advance(hours=value)
        for value in ("throttled", None, {"type": "throttled"}, object(), Throttled):
            with pytest.raises(
                ConfigurationError, match=r"^inject: fault=.* is not a fault: make one of beam_dis.testing"
            ):
                dis.inject(value)
        assert dis.faults() == []


def test_outside_its_block_it_says_how_to_use_it():
    with pytest.raises(DISError, match="with LocalDIS"):
        _ = LocalDIS().endpoint


def test_the_reason_why_it_can_not_start_is_reported(tmp_path):
    message = f"the local DIS did not start: beam-dis: error: .*{tmp_path}"
    with LocalDIS(tmp_path), pytest.raises(ConfigurationError, match=message):
        LocalDIS(tmp_path).__enter__()


def test_its_errors_are_printed_when_it_stops(capsys):
    """No file of its process may grow, as on a full disk."""
    with LocalDIS() as dis:
        resource.prlimit(dis.pid, resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        answer = httpx.post(f"{dis.endpoint}/v2/p/streams", json={"stream_name": "s", "partition_count": 1})
    assert (answer.status_code, answer.json()["errorCode"]) == (500, "DIS.5000")
    assert "nothing was stored" in capsys.readouterr().err


@pytest.mark.parametrize("program", [PARENT, FORKING_PARENT], ids=["alone", "with a child that keeps its pipes open"])
def test_it_ends_when_its_parent_is_killed(tmp_path, program):
    with subprocess.Popen([sys.executable, "-c", program, tmp_path], stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        assert ended(pid)


def test_after_a_killed_parent_a_temporary_folder_is_removed_and_a_given_one_stays(tmp_path):
    program = PARENT.replace("with LocalDIS(sys.argv[1]) as dis:", "with LocalDIS(sys.argv[1]), LocalDIS() as dis:")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command, environ = [sys.executable, "-c", program, tmp_path / "given"], {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as parent:
        pid = int(parent.stdout.readline())
        assert len(list(temporary.glob("beam-dis-*/log.db"))) == 1
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
        assert ended(pid)
    assert (list(temporary.glob("beam-dis-*")), (tmp_path / "given" / "log.db").exists()) == ([], True)


def test_ctrl_c_reaches_only_its_parent():
    """The parent sets the default handler, because SIGINT may be ignored where this runs (``nohup make test &``)."""
    program = """
import os, signal, time, urllib.request
from beam_dis.local import LocalDIS
signal.signal(signal.SIGINT, signal.default_int_handler)
with LocalDIS() as dis:
    try:
        os.killpg(0, signal.SIGINT); time.sleep(5)
    except KeyboardInterrupt:
        time.sleep(0.5)
        print(urllib.request.urlopen(dis.endpoint + "/v2/p/streams").status)
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, start_new_session=True
    )
    assert ended.stdout == "200\n"


def test_it_keeps_running_when_the_thread_that_started_it_ends():
    program = """
import threading, time, urllib.request
from beam_dis.local import LocalDIS
dis = LocalDIS()
starter = threading.Thread(target=dis.__enter__)
starter.start(); starter.join(); time.sleep(0.5)
print(urllib.request.urlopen(dis.endpoint + "/v2/p/streams").status)
dis.__exit__(None, None, None)
"""
    assert subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout == "200\n"
