"""``beam-dis dead-letters replay`` takes letters from a file or a stream."""

from __future__ import annotations

import json

import pytest

from beam_dis.cli.main import main
from beam_dis.client import DISClient
from beam_dis.dead_letter import DeadLetter
from beam_dis.record import PutRecord

pytestmark = pytest.mark.integration

LETTERS = [
    DeadLetter("bad", stream="flights", partition_key="UA", data=b"1"),
    DeadLetter("bad", stream="gone", data=b"2"),
    DeadLetter("bad", stream="flights", partition_key="UA", data=b"\xff"),
]


@pytest.fixture
def client(local_dis):
    with DISClient(local_dis.connection) as client:
        client.create_stream("flights", partition_count=1)
        client.create_stream("letters", partition_count=2)
        yield client


@pytest.fixture
def replay(local_dis, client, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    where = ["--endpoint", local_dis.endpoint, "--project", local_dis.project_id]
    return lambda *arguments: main(["dead-letters", "replay", *arguments, *where])


def stored(client):
    cursor = client.get_cursor("flights", partition_id=0, cursor_type="TRIM_HORIZON")
    return [(record.partition_key, record.data) for record in client.get_records(cursor).records]


def test_a_file_is_replayed_and_what_fails_again_is_kept(replay, client, tmp_path, capsys):
    lines = [letter.to_json() + b"\n" for letter in LETTERS]
    (tmp_path / "letters.ndjson").write_bytes(b"".join(lines))
    assert replay("letters.ndjson", "--json") == 1
    assert stored(client) == [("UA", b"1"), ("UA", b"\xff")]
    assert (tmp_path / "letters.failed.ndjson").read_bytes() == lines[1]
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"source": "letters.ndjson", "written": 2, "failed": 1}
    assert "line 2" in captured.err
    assert replay("letters.failed.ndjson", "--stream", "flights") == 0


def test_a_byte_order_mark_is_no_part_of_the_first_letter(replay, client, tmp_path):
    (tmp_path / "letters.ndjson").write_bytes(b"\xef\xbb\xbf" + LETTERS[0].to_json() + b"\r\n")
    assert replay("letters.ndjson") == 0
    assert stored(client) == [("UA", b"1")]


def test_a_stream_of_letters_is_replayed(replay, client, tmp_path, capsys):
    for letter in (LETTERS[0], LETTERS[2]):
        client.put_records("letters", [PutRecord(letter.to_json())])
    assert replay("letters") == 0
    assert sorted(stored(client)) == [("UA", b"1"), ("UA", b"\xff")]
    captured = capsys.readouterr()
    assert captured.out == "beam-dis: replayed 2 dead letters\n"
    assert "replay letters that come later with --from 20" in captured.err
    assert list(tmp_path.iterdir()) == []


def test_letters_that_were_replayed_before_are_skipped(replay, client, tmp_path):
    (tmp_path / "l.ndjson").write_bytes(b"".join(letter.to_json() + b"\n" for letter in LETTERS))
    assert replay("l.ndjson", "--skip", "2") == 0
    assert stored(client) == [("UA", b"\xff")]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["l.ndjson", "--from", "latest"], 2, "are for a stream: leave them out"),
        (["missing.ndjson"], 1, "missing.ndjson"),
        (["nothing"], 1, "nothing"),
        (["/"], 1, "'/' is not the name of a file"),
    ],
)
def test_wrong_arguments_are_named(replay, capsys, arguments, status, said):
    assert replay(*arguments) == status
    assert said in capsys.readouterr().err
