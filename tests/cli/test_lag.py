"""``beam-dis lag`` and ``beam-dis top`` against a local DIS."""

from __future__ import annotations

import json

import pytest

from beam_dis.cli.main import main
from beam_dis.client import DISClient
from beam_dis.record import PutRecord

pytestmark = pytest.mark.integration


@pytest.fixture
def run(local_dis, capsys):
    """Runs a command, and returns what it prints."""

    def printed(*arguments, status=0):
        assert main([*arguments, "--endpoint", local_dis.endpoint, "--project", local_dis.project_id]) == status
        captured = capsys.readouterr()
        return captured.err if status else captured.out

    return printed


@pytest.fixture
def flights(local_dis):
    """Two partitions with 5 and 3 records, of which the app ``reports`` has read 4 of the first."""
    with DISClient(local_dis.connection) as client:
        client.create_stream("flights", partition_count=2)
        for partition, count in enumerate((5, 3)):
            client.put_records("flights", [PutRecord(b"x", partition_id=partition)] * count)
        client.create_app("reports")
        client.commit_checkpoint("reports", stream_name="flights", partition_id=0, sequence_number=4)
    return "flights"


def test_lag_shows_each_partition_and_all_together(run, flights):
    lines = [line.split() for line in run("lag", "reports", flights).splitlines()]
    assert lines[0] == ["partition", "committed", "newest", "records", "seconds"]
    assert [line[:4] for line in lines[1:]] == [
        ["shardId-0000000000", "4", "4", "1"],
        ["shardId-0000000001", "-", "2", "3"],
        ["all", "-", "-", "4"],
    ]


def test_lag_as_json_is_one_object(run, flights):
    shown = json.loads(run("lag", "reports", flights, "--json"))
    assert (shown["app"], shown["records"], len(shown["partitions"])) == ("reports", 4, 2)


def test_an_app_or_a_stream_that_is_missing_is_named(run, flights):
    assert "nobody" in run("lag", "nobody", flights, status=1)
    assert "nothing" in run("lag", "reports", "nothing", status=1)


def test_top_shows_the_partitions_of_one_stream_with_the_lag(run, flights):
    (table,) = run("top", flights, "--app", "reports", "--once", "--interval", "0.1", "--json").splitlines()
    rows = {row["partition"]: row for row in json.loads(table)}
    assert {partition[-1]: (row["held"], row["lag"]) for partition, row in rows.items()} == {"0": (5, 1), "1": (3, 3)}


def test_top_shows_all_streams_and_an_empty_line_between_tables(run, flights):
    tables = run("top", "-n", "2", "--interval", "0.1").split("\n\n")
    assert [table.splitlines()[1].split()[:3] for table in tables] == [["flights", "2", "0.0"]] * 2


def test_top_names_a_stream_that_is_missing(run, flights):
    assert "nothing" in run("top", "nothing", flights, "--once", status=1)
