"""``beam-dis streams`` lists, creates, describes, scales, changes and deletes streams."""

from __future__ import annotations

import json

import pytest

from beam_dis.client import DISClient

pytestmark = pytest.mark.integration

SCHEMA = '{"type": "record", "name": "R", "fields": [{"name": "id", "type": "int"}]}'


@pytest.fixture
def client(local_dis):
    with DISClient(local_dis.connection) as opened:
        yield opened


def test_a_stream_is_created_with_what_the_options_say(beam_dis, client, tmp_path):
    (tmp_path / "s.avsc").write_text(SCHEMA)
    options = ["--partitions", 3, "--data-type", "json", "--schema", tmp_path / "s.avsc", "--retention", "3d"]
    ended = beam_dis("streams", "create", "flights", *options, "--tag", "team=ops", "--auto-scale", "1:4")
    assert ended == (0, "created stream flights\n", "")
    found = client.describe_stream("flights")
    assert (found.writable_partition_count, found.data_type, found.retention_period) == (3, "JSON", 72)
    assert (json.loads(found.data_schema), found.tags[0].key) == (json.loads(SCHEMA), "team")
    assert (found.auto_scale_enabled, found.auto_scale_max_partition_count) == (True, 4)


def test_streams_are_listed_over_all_pages(beam_dis, make_stream, monkeypatch):
    monkeypatch.setattr("beam_dis.cli.streams._LISTED", 2)
    names = [make_stream(f"s{number}") for number in range(5)]
    listed = beam_dis("streams", "ls").out.splitlines()
    assert listed[0].split() == ["name", "partitions", "type", "data", "hours", "status"]
    assert [line.split()[0] for line in listed[1:]] == names
    assert [info["stream_name"] for info in json.loads(beam_dis("streams", "ls", "--json").out)] == names


def test_a_description_has_partitions_with_ranges_and_numbers(beam_dis, make_stream, client):
    client.put_records(make_stream("s", partitions=2), [_record(0), _record(0)])
    shown = beam_dis("streams", "describe", "s").out.splitlines()
    assert [line.split("  ")[0] for line in shown[-3:]] == ["partition", "shardId-0000000000", "shardId-0000000001"]
    assert shown[-2].split()[1:] == ["ACTIVE", "[0", ":", "4611686018427387902]", "0", "2", "2"]
    described = json.loads(beam_dis("streams", "describe", "s", "--json").out)
    assert [each["sequence_number_range"] for each in described["partitions"]] == ["[0 : 2]", "[0 : 0]"]


def test_a_stream_is_scaled(beam_dis, make_stream, client):
    make_stream("s", partitions=1)
    assert beam_dis("streams", "scale", "s", 3).out == "scaled stream s: 1 → 3 partitions\n"
    assert client.describe_stream("s").writable_partition_count == 3


def test_a_stream_is_changed_by_what_is_given(beam_dis, make_stream, client):
    make_stream("s")
    assert beam_dis("streams", "update", "s", "--retention", "2d").out == "changed stream s: data_duration\n"
    assert client.describe_stream("s").retention_period == 48
    ended = beam_dis("streams", "update", "s")
    assert (ended.status, ended.err.partition(": ")[2].partition(" (")[0]) == (
        2,
        "error: nothing to change: give --retention, --data-type, --schema or --auto-scale",
    )


def test_a_pipe_deletes_nothing_without_yes(beam_dis, make_stream, client):
    make_stream("s")
    ended = beam_dis("streams", "rm", "s", input=b"y\n")
    assert (ended.status, "add --yes" in ended.err) == (1, True)
    assert client.list_streams().stream_names == ["s"]
    assert beam_dis("streams", "rm", "s", "--yes") == (0, "deleted stream s\n", "")
    assert client.list_streams().stream_names == []


def test_tags_are_added_listed_and_removed(beam_dis, make_stream):
    make_stream("s")
    assert beam_dis("streams", "tags", "add", "s", "team=ops", "stage=test").status == 0
    assert beam_dis("streams", "tags", "rm", "s", "stage").out == "removed from stream s: stage\n"
    assert json.loads(beam_dis("streams", "tags", "ls", "s", "--json").out) == {"team": "ops"}


def test_a_schema_that_is_not_utf8_is_named(beam_dis, tmp_path):
    (tmp_path / "s.avsc").write_bytes(b'{"name": "\xe9"}')
    ended = beam_dis("streams", "create", "s", "--schema", tmp_path / "s.avsc")
    assert (ended.status, "s.avsc is not UTF-8: invalid continuation byte at byte 10" in ended.err) == (2, True)


def test_a_refusal_keeps_its_code(beam_dis):
    ended = beam_dis("streams", "describe", "missing")
    assert (ended.status, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert "DIS.4301" in ended.err


def _record(partition):
    from beam_dis.record import PutRecord

    return PutRecord(b"x", partition_id=partition)
