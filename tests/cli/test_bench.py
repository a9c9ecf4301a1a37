"""``beam-dis bench`` measures puts and gets on a stream of its own."""

from __future__ import annotations

import itertools
import json
from types import SimpleNamespace

import pytest

from beam_dis.cli.bench_load import BenchLoad, Measured, measure
from beam_dis.cli.main import main
from beam_dis.client import DISClient

LOAD = BenchLoad(stream="s", seconds=10, size=8, records=3, connections=1, partitions=1)


class Client:
    """Refuses one record of each put, and has one page of two records."""

    def put_records(self, _stream, records):
        return SimpleNamespace(failed_record_count=1, records=records)

    def get_cursor(self, _stream, **_names):
        return "start"

    def get_records(self, cursor):
        records = [SimpleNamespace(data=b"x" * 8)] * (2 if cursor == "start" else 0)
        return SimpleNamespace(records=records, next_partition_cursor="end")


def test_requests_are_sent_until_the_time_is_over():
    put, got = measure(Client(), LOAD, clock=itertools.count().__next__)
    assert (len(put.times), put.records, put.failed, put.data_bytes) == (5, 10, 5, 80)
    assert (len(got.times), got.records, got.data_bytes) == (5, 6, 48)


def test_a_failure_ends_the_measurement():
    client = Client()
    client.put_records = lambda *_: (_ for _ in ()).throw(RuntimeError("gone"))
    with pytest.raises(RuntimeError, match="gone"):
        measure(client, LOAD)


def test_a_row_has_rates_and_times():
    row = Measured(what="put", times=[0.001, 0.003], records=100, data_bytes=5_000_000, seconds=2.0).as_row()
    assert (row["records_per_s"], row["mb_per_s"], row["median_ms"], row["p99_ms"]) == (50, 2.5, 2.0, 3.0)
    assert Measured(what="put").as_row()["median_ms"] is None


def test_a_dis_on_another_machine_needs_yes(capsys, no_keys):
    assert main(["bench", "--endpoint", "https://dis.example.com", "--project", "p"]) == 1
    assert "https://dis.example.com isn't on this machine" in capsys.readouterr().err


@pytest.mark.integration
def test_the_stream_is_deleted_at_the_end(beam_dis, local_dis):
    rows = json.loads(beam_dis("bench", "--seconds", "0.2", "--size", "100", "--json").out)
    assert [(row["what"], row["requests"] > 0, row["failed"]) for row in rows] == [("put", True, 0), ("get", True, 0)]
    with DISClient(local_dis.connection) as client:
        assert client.list_streams().stream_names == []
