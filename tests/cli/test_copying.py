"""``beam-dis copy`` copies a stream between the two DIS that its options name."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
import time

import pytest

from beam_dis import DISClient, PutRecord
from beam_dis.cli.main import main
from beam_dis.errors import StreamNotFoundError

pytestmark = pytest.mark.integration


@pytest.fixture
def source(local_dis, make_stream):
    """The name of a stream with two records, in the test's project."""
    stream = make_stream()
    with DISClient(local_dis.connection) as client:
        client.put_records(stream, [PutRecord(b"a"), PutRecord(b"b")])
    return stream


def copy(local_dis, *arguments):
    named = ["--endpoint", local_dis.endpoint, "--project", local_dis.project_id]
    to = ["--to-endpoint", local_dis.endpoint, "--to-project", f"{local_dis.project_id}-copy"]
    return main(["copy", *arguments, *named, *to])


def test_a_stream_is_copied_under_its_name(local_dis, source, capsys):
    assert copy(local_dis, source) == 0
    assert capsys.readouterr() == (f"beam-dis: copied 2 records of {source} into {source}\n", "")


def test_the_same_command_goes_on_where_it_was(local_dis, source, capsys):
    copy(local_dis, source, "other")
    with DISClient(local_dis.connection) as client:
        client.put_records(source, [PutRecord(b"c")])
    capsys.readouterr()
    assert copy(local_dis, source, "other", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["records"], said["target_stream"], said["created"]) == (1, "other", False)


def test_a_missing_stream_is_one_line_and_an_exit_status(local_dis, capsys):
    assert copy(local_dis, "none") == 1
    out, err = capsys.readouterr()
    assert (out, err.count("\n"), "Stream does not exist" in err) == ("", 1, True)


def test_without_a_target_the_options_are_named(local_dis, source, capsys, no_keys):
    assert main(["copy", source, "--endpoint", local_dis.endpoint]) == 1
    assert "give --to-endpoint http://127.0.0.1:7700 for a local DIS, or --to-region" in capsys.readouterr().err


def test_ctrl_c_ends_a_copy_that_follows_and_the_result_is_printed(local_dis, source):
    named = ["--endpoint", local_dis.endpoint, "--project", local_dis.project_id]
    to = ["--to-endpoint", local_dis.endpoint, "--to-project", f"{local_dis.project_id}-copy"]
    command = [sys.executable, "-m", "beam_dis", "copy", source, "--follow", *named, *to]
    target = dataclasses.replace(local_dis.connection, project_id=f"{local_dis.project_id}-copy")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process, DISClient(target) as client:
        while process.poll() is None and not has_records(client, source):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate()
    assert (process.returncode, out) == (0, f"beam-dis: copied 2 records of {source} into {source}\n")


def has_records(client, stream):
    try:
        return client.describe_stream(stream).partitions[0].next == 2
    except StreamNotFoundError:
        return False
