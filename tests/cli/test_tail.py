"""``beam-dis tail`` shows the records of a stream and commits nothing."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import pytest

from beam_dis.cli.main import main
from beam_dis.client import DISClient
from beam_dis.record import PutRecord

pytestmark = pytest.mark.integration

SCHEMA = json.dumps(
    {"type": "record", "name": "F", "fields": [{"name": "carrier", "type": "string"}, {"name": "delay", "type": "int"}]}
)


@pytest.fixture
def client(local_dis):
    with DISClient(local_dis.connection) as client:
        yield client


@pytest.fixture
def tail(local_dis, capfdbinary):
    """Runs ``tail`` and returns the lines that it prints."""

    def run(*arguments):
        where = ["--endpoint", local_dis.endpoint, "--project", local_dis.project_id]
        assert main(["tail", *arguments, *where]) == 0
        return capfdbinary.readouterr().out.splitlines()

    return run


@pytest.fixture
def flights(client):
    """A CSV stream with a schema, four records in two partitions, and one that doesn't decode."""
    client.create_stream("flights", partition_count=2, data_type="CSV", data_schema=SCHEMA)
    for n, row in enumerate([b"UA,5", b"AA,70", b"UA,61", b"UA,-2", b"nonsense"]):
        client.put_records("flights", [PutRecord(row, partition_key=f"k{n}")])
    return "flights"


def test_all_partitions_are_shown_in_order_of_arrival_as_they_are(tail, flights):
    assert tail(flights, "--no-follow") == [b"UA,5", b"AA,70", b"UA,61", b"UA,-2", b"nonsense"]


def test_the_last_records_and_a_count_limit_what_is_shown(tail, flights):
    assert tail(flights, "--no-follow", "--from", "-3") == [b"UA,61", b"UA,-2", b"nonsense"]
    assert tail(flights, "--from", "-3", "-n", "1") == [b"UA,61"]


def test_records_are_chosen_by_key_and_by_a_field_of_the_schema(tail, flights):
    assert tail(flights, "--no-follow", "--key", "k1", "--key", "k3") == [b"AA,70", b"UA,-2"]
    assert tail(flights, "--no-follow", "--where", "carrier=UA", "--where", "delay>=60") == [b"UA,61"]


def test_values_are_decoded_by_the_schema(tail, flights):
    assert tail(flights, "--decode", "--from", "-2", "--to", "latest", "--format", "%k %v") == [
        b'k3 {"carrier":"UA","delay":-2}',
        b"k4 nonsense",
    ]


def test_json_has_place_time_data_and_value(tail, flights):
    (line,) = tail(flights, "--json", "--no-follow", "-n", "1")
    shown = json.loads(line)
    assert isinstance(shown.pop("timestamp"), int)
    assert shown.pop("partition_id").startswith("shardId-")
    assert shown == {
        "sequence_number": 0,
        "partition_key": "k0",
        "text": "UA,5",
        "value": {"carrier": "UA", "delay": 5},
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "latest", "--follow"], "--follow has no end: leave out --to, or --follow"),
        (["--from", "soon"], "'soon' is neither 'earliest'"),
        (["--where", "x"], "'x' is not a condition"),
        (["--format", "%q"], "has '%q': give one of"),
        (["--decode", "--no-follow"], "has no schema for rows: leave out --decode"),
        (["--partition", "9"], "no readable partition shardId-0000000009"),
    ],
)
def test_wrong_options_are_named(local_dis, make_stream, capsys, arguments, said):
    where = ["--endpoint", local_dis.endpoint, "--project", local_dis.project_id]
    assert main(["tail", make_stream(), *arguments, *where]) == 2
    assert said in capsys.readouterr().err


def test_json_on_a_terminal_has_no_control_characters(tail, client, monkeypatch):
    client.create_stream("s", partition_count=1)
    client.put_records("s", [PutRecord("\x9b31m\x1b[2J\u202e é".encode(), "k\x9b")])
    (plain,) = tail("s", "--no-follow", "--json")
    monkeypatch.setattr("beam_dis.cli.output.is_terminal", lambda _stream: True)
    (shown,) = tail("s", "--no-follow", "--json")
    assert shown.decode().isprintable()
    assert (json.loads(shown), b"\\u009b31m" in shown) == (json.loads(plain), True)


def test_a_follower_shows_the_records_of_a_partition_that_is_added(local_dis, client):
    client.create_stream("s", partition_count=1)
    where = ["--endpoint", local_dis.endpoint, "--project", local_dis.project_id]
    command = [sys.executable, "-m", "beam_dis", "tail", "s", "--from", "earliest", "--format", "%p %v", *where]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        client.put_records("s", [PutRecord(b"before")])
        assert process.stdout.readline() == b"0 before\n"
        client.update_partition_count("s", target_partition_count=2)
        client.put_records("s", [PutRecord(b"after", partition_id=1)])
        assert process.stdout.readline() == b"1 after\n"
        process.terminate()


def test_a_follower_shows_what_arrives_and_commits_nothing(local_dis, client):
    client.create_stream("s", partition_count=2)
    client.create_app("a")
    where = ["--endpoint", local_dis.endpoint, "--project", local_dis.project_id]
    command = [sys.executable, "-m", "beam_dis", "tail", "s", "--from", "earliest", *where]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        for value in (b"one", b"two"):
            client.put_records("s", [PutRecord(value)])
            assert process.stdout.readline() == value + b"\n"
        process.terminate()
    assert client.describe_app("a").commit_checkpoint_stream_names in ([], None)


def test_a_follower_ends_when_its_reader_has_ended(local_dis, client):
    """No record arrives after the one that ``head`` takes."""
    client.create_stream("s")
    client.put_records("s", [PutRecord(b"first")])
    where = f"--endpoint {local_dis.endpoint} --project {local_dis.project_id}"
    line = (
        f"{shlex.quote(sys.executable)} -m beam_dis tail s --from earliest {where} | head -1; exit ${{PIPESTATUS[0]}}"
    )
    ended = subprocess.run(["bash", "-c", line], check=False, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "first\n", "")
