"""``beam-dis serve``: it prints how to connect when it is ready, one line if it can't start, and ends on a signal."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from beam_dis.cli.serve import announcement
from beam_dis.client import DISClient
from beam_dis.connection import DISConnection
from beam_dis.local import LocalDIS
from beam_dis.local.keys import AccessKeys
from beam_dis.options import DISOptions

pytestmark = pytest.mark.integration

SERVE = [sys.executable, "-m", "beam_dis", "serve", "--port", "0", "--data"]


def refused(*arguments: object, shell: str = "", **environment: str) -> list[str]:
    """The lines that a server prints if it can't start, as lines."""
    command = [*SERVE, *map(str, arguments)]
    line = ["sh", "-c", f'{shell} exec "$@"', "sh", *command] if shell else command
    ended = subprocess.run(
        line, check=False, capture_output=True, text=True, timeout=60, env={**os.environ, **environment}
    )
    assert (ended.returncode, ended.stdout) == (1, "")
    return ended.stderr.splitlines()


def misused(*arguments: str) -> str:
    """What the command line says about arguments of a wrong form."""
    command = [sys.executable, "-m", "beam_dis", "serve", "--data", "unused", *arguments]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    return ended.stderr


@contextmanager
def serving(*arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A server and the line it printed."""
    with subprocess.Popen([*SERVE, *map(str, arguments)], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, process.stdout.readline()
        finally:
            process.kill()


def private(file: Path, text: str) -> Path:
    """A file with a text that only its owner can read."""
    file.touch(0o600)
    file.write_text(text)
    return file


def test_it_prints_its_endpoint_and_data_folder(tmp_path):
    with serving(tmp_path) as (_, line):
        endpoint = line.split()[2]
        assert line == f"beam-dis: serving {endpoint} (data in {tmp_path})\n"
        assert endpoint.startswith("http://127.0.0.1:")


def test_it_prints_the_options_of_a_pipeline_that_uses_it(tmp_path, no_keys):
    """With them pasted, a client without keys and without a project of its own reaches it."""
    with serving(tmp_path) as (process, _):
        arguments = process.stdout.readline().split()
        options = PipelineOptions(arguments).view_as(DISOptions)
        assert options.dis_project_id == "local"
        with DISClient(DISConnection().resolved(options)) as client:
            assert client.list_streams().stream_names == []
        with DISClient(DISConnection(endpoint=options.dis_endpoint)) as client:
            assert client.connection.project_id == "local"
            assert client.list_streams().stream_names == []


@pytest.mark.parametrize(
    ("endpoint", "here"),
    [
        ("http://0.0.0.0:7700", "http://127.0.0.1:7700"),
        ("http://[::]:7700", "http://[::1]:7700"),
        ("http://127.0.0.1:7700", "http://127.0.0.1:7700"),
        ("http://localhost:7700", "http://localhost:7700"),
        ("http://192.168.7.7:1", "http://192.168.7.7:1"),
    ],
)
def test_the_addresses_that_it_prints_can_be_connected_to(endpoint, here):
    lines = announcement(endpoint, Path("data"))
    assert lines[:2] == [
        f"beam-dis: serving {here} (data in data)",
        f"  --dis_endpoint={here} --dis_project_id=local",
    ]
    assert not any("0.0.0.0" in line or "[::]" in line for line in lines)
    assert len(lines) <= (2 if endpoint == here else 3)


def test_the_options_name_the_only_project_that_is_served():
    assert announcement("http://127.0.0.1:1", Path("d"), "mine")[1] == (
        "  --dis_endpoint=http://127.0.0.1:1 --dis_project_id=mine"
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_status_0(tmp_path, number):
    with serving(tmp_path) as (process, _):
        process.send_signal(number)
        assert process.wait(15) == 0


def test_a_port_in_use_is_an_error(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        [line] = refused(tmp_path, "--port", port)
    assert line == (
        f"beam-dis: error: port {port} of 127.0.0.1 is in use: stop the process that uses it, or give another --port (0 takes any free one)"
    )


def test_a_second_server_on_the_same_data_is_an_error(tmp_path):
    with LocalDIS(tmp_path):
        [line] = refused(tmp_path)
    assert str(tmp_path) in line


@pytest.mark.parametrize("where", ["/proc/beam-dis", "a-file/data"])
def test_a_folder_that_cannot_be_written_is_an_error(tmp_path, where):
    (tmp_path / "a-file").touch()
    [line] = refused(tmp_path / where)
    assert str(tmp_path / where) in line


def test_a_damaged_file_is_an_error(tmp_path):
    with LocalDIS(tmp_path):
        pass
    [file] = tmp_path.glob("*.db")
    file.write_bytes(b"no database at all" * 5000)
    [line] = refused(tmp_path)
    assert str(file) in line or str(tmp_path) in line


def test_a_full_disk_is_an_error(tmp_path):
    [line] = refused(tmp_path / "data", shell="ulimit -f 32;")
    assert str(tmp_path) in line


def test_a_host_of_another_machine_is_an_error(tmp_path):
    [line] = refused(tmp_path, "--host", "192.0.2.1", "--no-keys")
    assert line.startswith("beam-dis: error: can't listen on port 0 of 192.0.2.1: ")


@pytest.mark.parametrize("text", ["", "[basic]\naccess_key = A\n", "access_key = A\nsecret_key = SECRET\n", "[basic]\naccess_key = A\nsecret_key =\n",
                                  "[basic]\naccess_key =\nsecret_key =\n", "[basic]\nauth_token =\n", "[basic]\nauth_token = SECRET\naccess_key = A\n"])  # fmt: skip
def test_an_incomplete_key_file_is_an_error_that_shows_no_key(tmp_path, text):
    keys = private(tmp_path / "keys", text)
    [line] = refused(tmp_path / "data", "--access-key-file", keys)
    assert (str(keys) in line, "SECRET" in line) == (True, False)


def test_one_of_two_keys_in_the_environment_is_an_error(tmp_path):
    [line] = refused(tmp_path, BEAM_DIS_ACCESS_KEY="A", BEAM_DIS_SECRET_KEY="")
    assert line.startswith("beam-dis: error: BEAM_DIS_ACCESS_KEY and BEAM_DIS_SECRET_KEY: give both")


def test_a_key_file_is_read(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("\ufeff[basic]\naccess_key = A\nsecret_key = S\n", encoding="utf-8")  # an editor's byte order mark
    with serving(tmp_path / "data", "--access-key-file", keys) as (_, line), pytest.raises(OSError, match="441"):
        _open(f"{line.split()[2]}/v2/p/streams")


def test_a_key_file_may_have_only_a_token(tmp_path):
    keys = private(tmp_path / "keys", "[basic]\nauth_token = T\n")
    with serving(tmp_path / "data", "--access-key-file", keys) as (_, line):
        url = f"{line.split()[2]}/v2/p/streams"
        assert _open(url, {"X-Auth-Token": "T"}).startswith(b'{"total_number":0')
        with pytest.raises(OSError, match="441"):
            _open(url)


def test_it_can_serve_only_one_project(tmp_path):
    with serving(tmp_path, "--project", "mine") as (_, line):
        endpoint = line.split()[2]
        assert _open(f"{endpoint}/v2/mine/streams").startswith(b'{"total_number":0')
        with pytest.raises(OSError, match="400"):
            _open(f"{endpoint}/v2/other/streams")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "0", "my-machine.example"])
def test_without_keys_it_serves_other_machines_only_on_request(tmp_path, host):
    [line] = refused(tmp_path / "data", "--host", host)
    assert line == (
        f"beam-dis: error: --host {host} lets other machines use this server, and it has no keys: give it keys"
        " (--access-key-file FILE), or let everybody use it with --no-keys"
    )
    assert not (tmp_path / "data").exists()


def test_with_keys_or_no_keys_it_serves_other_machines(tmp_path):
    keys = private(tmp_path / "keys", "[basic]\nauth_token = T\n")
    for allowed in (["--no-keys"], ["--access-key-file", keys]):
        with serving(tmp_path / "data", "--host", "0.0.0.0", *allowed) as (_, line):
            assert line.startswith("beam-dis: serving http://127.0.0.1:")
    [line] = refused(tmp_path / "data", "--no-keys", "--access-key-file", keys)
    assert line == "beam-dis: error: --no-keys is given, and there are keys: leave out one of them"


def test_a_name_is_allowed_by_an_option_that_may_be_repeated(tmp_path):
    with serving(tmp_path, "--allowed-host", "dis", "--allowed-host", "DIS.example") as (_, line):
        url = f"{line.split()[2]}/v2/p/streams"
        for host in ("dis", "dis.example:7700"):
            assert _open(url, {"Host": host}).startswith(b'{"total_number":0')
        with pytest.raises(OSError, match="403"):
            _open(url, {"Host": "evil.example"})


@pytest.mark.parametrize("option", ["--host", "--allowed-host"])
@pytest.mark.parametrize("name", ["http://dis", "dis:7700", "*", ""])
def test_a_host_is_a_name_or_an_address_without_scheme_and_port(option, name):
    assert f"'{option}': {name!r} is not a host: give a name or an address" in misused(option, name)


@pytest.mark.parametrize("project", ["a b", "a/b", "", "ä"])
def test_a_project_that_no_client_can_name_is_refused(project):
    assert f"'--project': {project!r} is not a project id: give letters" in misused("--project", project)


@pytest.mark.parametrize("port", ["abc", "70000", "-1", "٣"])
def test_a_wrong_port_is_refused(port):
    assert f"'--port': {port!r} is not a port: give 0 to 65535" in misused(f"--port={port}")


@pytest.mark.parametrize("host", ["LOCALHOST", "dis.localhost", "[::1]"])
def test_each_name_of_this_machine_needs_no_keys(tmp_path, host):
    with serving(tmp_path, "--host", host) as (_, line):
        endpoint = "http://[::1]:" if host == "[::1]" else "http://127.0.0.1:"
        assert line.startswith(f"beam-dis: serving {endpoint}")


def test_a_key_file_that_is_missing_is_an_error_that_says_so(tmp_path):
    [line] = refused(tmp_path / "data", "--access-key-file", tmp_path / "gone")
    assert (
        line
        == f"beam-dis: error: {tmp_path / 'gone'} can't be read (No such file or directory): it should contain the keys"
    )


@pytest.mark.parametrize(
    "text", ["access_key = A\nsecret_key = SEC RET", "access_key = Ä\nsecret_key = SECRET", "auth_token = SECRET\x00"]
)
def test_a_secret_that_no_client_can_send_is_an_error_that_does_not_show_it(tmp_path, text):
    keys = private(tmp_path / "keys", f"[basic]\n{text}\n")
    [line] = refused(tmp_path / "data", "--access-key-file", keys)
    assert line.startswith(f"beam-dis: error: {keys}: ")
    assert "printable ASCII" in line
    assert "SEC" not in line


def test_a_file_of_the_admin_token_without_admin_is_an_error(tmp_path):
    [line] = refused(tmp_path / "data", "--admin-token-file", private(tmp_path / "token", "T"))
    assert line == "beam-dis: error: --admin-token-file is given without --admin: add --admin, or leave it out"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ([AccessKeys(access_key="A", secret_key="S")], ["HUAWEICLOUD_SDK_AK"]),
        ([AccessKeys(access_key="A", secret_key="S", auth_token="T")], ["HUAWEICLOUD_SDK_AK"]),
        ([AccessKeys(auth_token="T")], ["Token"]),
        ([AccessKeys(auth_token="T"), AccessKeys(access_key="A", secret_key="S")], ["HUAWEICLOUD_SDK_AK"]),
        ([], []),
    ],
)
def test_it_says_how_clients_get_the_keys_that_it_needs(keys, said):
    lines = announcement("http://127.0.0.1:1", Path("d"), keys=keys)[2:]
    assert len(lines) == len(said)
    assert all(word in line for word, line in zip(said, lines, strict=True))


def test_the_line_for_clients_names_a_project_that_the_first_keys_may_use():
    keys = [AccessKeys(auth_token="T"), AccessKeys(auth_token="U", project="mine")]
    assert announcement("http://127.0.0.1:1", Path("d"), keys=keys)[1].endswith("--dis_project_id=mine")


def test_keys_of_another_project_than_the_one_served_are_an_error(tmp_path):
    keys = private(tmp_path / "keys", "[basic]\nauth_token = T\nproject_id = other\n")
    [line] = refused(tmp_path / "data", "--project", "mine", "--access-key-file", keys)
    assert line.startswith("beam-dis: error: the keys of [basic] are for project other, and --project mine")


def test_its_data_are_private_whatever_the_umask(tmp_path):
    data = tmp_path / "data"
    line = ["sh", "-c", 'umask 0; exec "$@"', "sh", *SERVE, str(data)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        found = {path.name: path.stat().st_mode & 0o777 for path in [data, *data.iterdir()]}
        process.terminate()
    assert found == {"data": 0o700, "log.db": 0o600, "log.db-wal": 0o600, "log.db-shm": 0o600, "lock": 0o600}


def test_a_key_file_that_others_can_read_is_reported_once(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("[basic]\naccess_key = A\nsecret_key = SECRET\n")
    keys.chmod(0o644)
    command = [*SERVE, str(tmp_path / "data"), "--access-key-file", str(keys)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.terminate()
        _, errors = process.communicate()
    assert errors == f"{keys} can be used by other users (mode 644): it has secrets, so run chmod 600 on it\n"


def _open(url: str, headers: dict[str, str] | None = None) -> bytes:
    from urllib.request import Request, urlopen

    with urlopen(Request(url, headers=headers or {}), timeout=30) as answer:
        body: bytes = answer.read()
    return body


def test_check_reports_no_damage_and_a_missing_folder(tmp_path):
    with LocalDIS(tmp_path):
        pass
    check = [sys.executable, "-m", "beam_dis", "check", "--data", tmp_path]
    sound = subprocess.run(check, check=False, capture_output=True, text=True)
    missing = subprocess.run([*check[:-1], Path("/nowhere")], check=False, capture_output=True, text=True)
    assert (sound.returncode, sound.stdout) == (0, f"beam-dis: no damage in {tmp_path}\n")
    assert (missing.returncode, missing.stderr.count("\n")) == (1, 1)


def test_a_test_run_that_ignores_signals_can_still_end_its_servers():
    """As under ``nohup make test &``: children get the default handler back from the fixture in tests/conftest.py."""
    program = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "os.execv(sys.executable, [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider', *sys.argv[1:]])"
    )
    command = [sys.executable, "-c", program, "-k", "test_a_signal_ends_it_with_status_0", __file__]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stdout
