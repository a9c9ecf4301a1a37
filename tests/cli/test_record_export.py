"""``beam-dis export`` of a stream writes every record with its place, or no file."""

from __future__ import annotations

import base64
import json

import pyarrow.parquet
import pytest

from beam_dis.cli.main import main
from beam_dis.client import DISClient
from beam_dis.record import PutRecord

pytestmark = pytest.mark.integration

RECORDS = [(0, "a", b"text"), (0, None, b"\xff\x00"), (1, "\u00e9", b'{"a": 1}'), (2, "a", "Zürich\n".encode())]


@pytest.fixture
def flights(local_dis):
    """Three partitions with the RECORDS."""
    with DISClient(local_dis.connection) as client:
        client.create_stream("flights", partition_count=3)
        for partition, key, data in RECORDS:
            client.put_records("flights", [PutRecord(data, key, partition_id=partition)])
    return "flights"


@pytest.fixture
def export(local_dis):
    def run(*arguments):
        return main(
            ["export", *map(str, arguments), "--endpoint", local_dis.endpoint, "--project", local_dis.project_id]
        )

    return run


def records_of(lines):
    for line in map(json.loads, lines):
        data = line["text"].encode() if "text" in line else base64.b64decode(line["data"])
        yield int(line["partition_id"][-1]), line.get("partition_key"), data


def test_lines_of_json_have_every_record(export, flights, tmp_path, capsys):
    file = tmp_path / "flights.ndjson"
    assert export(flights, file) == 0
    assert sorted(records_of(file.read_bytes().splitlines()), key=repr) == sorted(RECORDS, key=repr)
    assert [path.name for path in tmp_path.iterdir()] == ["flights.ndjson"]
    assert "4 records" in capsys.readouterr().out


def test_parquet_has_every_record_and_says_what_it_is(export, flights, tmp_path):
    file = tmp_path / "flights.parquet"
    assert export(flights, file, "--json") == 0
    table = pyarrow.parquet.read_table(file)
    rows = [(int(row["partition_id"][-1]), row["partition_key"], row["data"]) for row in table.to_pylist()]
    assert sorted(rows, key=repr) == sorted(RECORDS, key=repr)
    assert table.schema.metadata[b"beam_dis.stream"] == b"flights"
    assert table.schema.field("timestamp").type == pyarrow.timestamp("ms", tz="UTC")


def test_standard_output_gets_lines_of_json(export, flights, capfdbinary):
    assert export(flights, "-", "--from", "-2", "--partition", "0") == 0
    captured = capfdbinary.readouterr()
    assert list(records_of(captured.out.splitlines())) == RECORDS[:2]
    assert b"2 records" in captured.err


def test_a_file_that_exists_is_not_replaced(export, flights, tmp_path, capsys):
    file = tmp_path / "flights.ndjson"
    file.write_text("precious")
    assert export(flights, file) == 1
    assert (file.read_text(), "is there already" in capsys.readouterr().err) == ("precious", True)


def test_an_export_that_fails_leaves_no_file(export, flights, tmp_path, monkeypatch):
    def failing(_sink, _page):
        raise OSError("disk full")

    monkeypatch.setattr("beam_dis.cli.record_files.LinesSink.write", failing)
    assert export(flights, tmp_path / "flights.ndjson") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["flights", "flights.txt"], 1, "flights.txt has another ending than .ndjson, .jsonl and .parquet"),
        (["flights"], 2, "give STREAM and FILE, or --data DIR and FILE"),
        (["flights", "f.ndjson", "--data", "d"], 2, "give STREAM and FILE, or --data DIR and FILE"),
        (["f.snapshot", "--data", "d", "--from", "latest"], 2, "--from"),
    ],
)
def test_wrong_arguments_are_named(export, flights, capsys, arguments, status, said):
    assert export(*arguments) == status
    assert said in capsys.readouterr().err
