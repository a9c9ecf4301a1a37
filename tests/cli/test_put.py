"""``beam-dis put`` writes arguments, lines, JSON and CSV, and keeps what it couldn't write."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest

from beam_dis.client import DISClient

pytestmark = pytest.mark.integration

SCHEMA = '{"type": "record", "name": "R", "fields": [{"name": "id", "type": "int"}, {"name": "k", "type": "string"}]}'


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def records(local_dis):
    """``records(stream)``: the data and keys of all records of a stream of one partition."""

    def read(stream):
        with DISClient(local_dis.connection) as client:
            cursor = client.get_cursor(stream, partition_id=0, cursor_type="TRIM_HORIZON")
            return [(record.data, record.partition_key) for record in client.get_records(cursor).records]

    return read


def test_arguments_are_records(beam_dis, make_stream, records):
    assert beam_dis("put", make_stream("s"), "a", "ä") == (0, "records written to stream s: 2\n", "")
    assert records("s") == [(b"a", None), ("ä".encode(), None)]


def test_lines_of_standard_input_are_records_as_they_are(beam_dis, make_stream, records):
    ended = beam_dis("put", make_stream("s"), "--json", input=b"a\n\nb\xff\r\nc")
    found = json.loads(ended.out)
    assert (found["written"], found["failed"], found["empty"]) == (3, 0, 1)
    assert [data for data, _ in records("s")] == [b"a", b"b\xff\r", b"c"]


def test_wrong_lines_are_told_by_number_and_kept_in_a_file(beam_dis, make_stream, records, tmp_path):
    (tmp_path / "in.ndjson").write_text('{"id":1,"k":"x"}\n{"id":"q","k":"\x1b[31m"}\n\n{"id":2,"k":"y"}\n')
    ended = beam_dis("put", make_stream("s", data_type="JSON", data_schema=SCHEMA), "--file", "in.ndjson", "--key", "k")
    assert (ended.status, ended.out) == (1, "records written to stream s: 2\n")
    assert ended.err.splitlines()[0].startswith("beam-dis: line 2: ")
    assert "\x1b" not in ended.err
    assert (tmp_path / "in.failed.ndjson").read_text() == '{"id":"q","k":"\x1b[31m"}\n'
    assert sorted(records("s")) == [(b'{"id":1,"k":"x"}', "x"), (b'{"id":2,"k":"y"}', "y")]


def test_failed_rows_of_csv_are_kept_under_their_header(beam_dis, make_stream, records, tmp_path):
    make_stream("s", data_type="CSV", data_schema=SCHEMA)
    ended = beam_dis("put", "s", "--format", "csv", "--failed", "bad.csv", input=b'k,id\n"a\nb",1\nx,y\nz,3\n')
    assert "line 4: field 'id': 'y' can't be read as int" in ended.err
    assert (tmp_path / "bad.csv").read_bytes() == b"k,id\nx,y\n"
    assert [data for data, _ in records("s")] == [b'1,"a\nb"', b"3,z"]


def test_an_old_file_of_failed_lines_is_not_overwritten(beam_dis, make_stream, tmp_path, records):
    (tmp_path / "s.failed").write_text("old")
    ended = beam_dis("put", make_stream("s"), input=b"a\n")
    assert (ended.status, records("s"), (tmp_path / "s.failed").read_text()) == (1, [], "old")
    assert "s.failed exists, and failed lines would be written to it: move it" in ended.err


def test_a_put_goes_on_after_a_line(beam_dis, make_stream, records):
    beam_dis("put", make_stream("s"), "--skip", 2, "--rate", 1000, input=b"a\nb\nc\nd\n")
    assert [data for data, _ in records("s")] == [b"c", b"d"]


def test_a_file_has_a_progress_bar_on_a_terminal(beam_dis, make_stream, monkeypatch, tmp_path, records):
    (tmp_path / "lines[1]").write_text("a\nb\n")
    monkeypatch.setattr("beam_dis.cli.output.is_terminal", lambda _stream: True)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    ended = beam_dis("put", make_stream("s"), "--file", "lines[1]")
    assert (ended.status, len(records("s")), "lines[1]" in ended.err) == (0, 2, True)
    assert ended.out == "records written to stream s: 2\n"


def test_a_partition_can_be_chosen(beam_dis, make_stream, local_dis):
    beam_dis("put", make_stream("s", partitions=3), "a", "b", "--partition", 2)
    with DISClient(local_dis.connection) as client:
        assert [each.next for each in client.describe_stream("s").partitions] == [0, 0, 2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a", "--file", __file__], "values and --file are given: leave out one of them"),
        (["--key", "k"], "--key names a field, and lines have none: add --format ndjson or --format csv"),
    ],
)
def test_arguments_that_contradict_each_other_are_refused(beam_dis, make_stream, arguments, said):
    ended = beam_dis("put", make_stream("s"), *arguments)
    assert (ended.status, said in ended.err) == (2, True)


def test_a_stream_of_another_project_is_written_by_its_id(beam_dis, make_stream, local_dis, records):
    with DISClient(local_dis.connection) as client:
        stream_id = client.describe_stream(make_stream("s")).stream_id
        client.add_policy("s", stream_id=stream_id, principal_names=["other.*"], action_type="putRecords")
    assert beam_dis("put", stream_id, "a", "--project", "other").status == 0
    assert records("s") == [(b"a", None)]


def test_a_stream_that_is_missing_is_named(beam_dis):
    ended = beam_dis("put", "missing", "a")
    assert (ended.status, "streams in project" in ended.err) == (1, True)


def test_a_slow_pipe_is_sent_at_once_and_ctrl_c_says_what_was_written(local_dis, make_stream, records, tmp_path):
    arguments = ["put", make_stream("s"), "--endpoint", local_dis.endpoint, "--project", local_dis.project_id]
    command = [sys.executable, "-m", "beam_dis", *arguments]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=tmp_path, **pipes) as process:
        process.stdin.write(b"a\nb\n")
        process.stdin.flush()
        while not records("s"):
            assert process.poll() is None
        os.kill(process.pid, signal.SIGINT)
        out, errors = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, b"records written to stream s: 2\n")
    assert errors == b"beam-dis: interrupted after line 2\n"
