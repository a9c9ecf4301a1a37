"""Dump tasks of a running server: its thread, its clock, its restarts, and the options with its buckets."""

from __future__ import annotations

import time

import pytest

from beam_dis import DISClient, PutRecord
from beam_dis.dump_tasks import OBSDestination
from beam_dis.errors import ConfigurationError, InvalidRequestError
from beam_dis.local import LocalDIS

pytestmark = pytest.mark.integration

TASK = OBSDestination(task_name="t", obs_bucket_path="lake", partition_format="yyyy")


@pytest.fixture
def buckets(tmp_path):
    (tmp_path / "buckets" / "lake").mkdir(parents=True)
    return tmp_path / "buckets"


def objects_in(buckets):
    return {path.name.partition("-")[2]: path.read_bytes() for path in (buckets / "lake").rglob("*-*")}


def until(condition):
    """Wait for something that a thread of the server does."""
    end = time.monotonic() + 60
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def test_a_flush_has_happened_when_the_clock_has_been_advanced(buckets):
    with LocalDIS(obs_folder=buckets) as dis, DISClient(dis.connection) as client:
        client.create_stream("s")
        client.create_dump_task("s", TASK)
        client.put_records("s", [PutRecord(b"a")])
        dis.advance(hours=30)
        assert client.describe_stream("s").partitions[0].sequence_number_range == "[1 : 1]"
        (position,) = client.describe_dump_task("s", "t").partitions
    assert objects_in(buckets) == {"shardId-0000000000-0-0": b"a\n"}
    assert (position.last_transfer_offset, position.discard) == (1, 0)


def test_the_server_flushes_by_itself_and_reports_the_state(buckets):
    with LocalDIS(obs_folder=buckets) as dis, DISClient(dis.connection) as client:
        client.create_stream("s")
        client.create_dump_task("s", OBSDestination(task_name="t", obs_bucket_path="lake", deliver_size_interval=1))
        assert until(lambda: client.describe_dump_task("s", "t").state == "RUNNING")
        client.put_records("s", [PutRecord(b"x" * 2**19)])
        client.put_records("s", [PutRecord(b"y" * 2**19)])
        assert until(lambda: objects_in(buckets))
        assert [len(data) for data in objects_in(buckets).values()] == [2**20 + 2]


def test_tasks_go_on_after_a_restart(buckets, tmp_path):
    with LocalDIS(tmp_path / "data", obs_folder=buckets) as dis, DISClient(dis.connection) as client:
        client.create_stream("s")
        client.create_dump_task("s", TASK)
        for data in (b"a", b"b"):
            client.put_records("s", [PutRecord(data)])
            dis.advance(minutes=5)
            dis.restart()
    assert objects_in(buckets) == {"shardId-0000000000-0-0": b"a\n", "shardId-0000000000-1-1": b"b\n"}


def test_without_buckets_a_task_is_refused_and_the_error_says_what_to_do():
    with LocalDIS() as dis, DISClient(dis.connection) as client:
        client.create_stream("s")
        with pytest.raises(InvalidRequestError, match=r"DIS\.4310 .* start it with --obs-folder"):
            client.create_dump_task("s", TASK)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"obs_folder": "/nowhere"}, "/nowhere is not a folder: make it"),
        ({"obs_folder": "/tmp", "obs_endpoint": "http://127.0.0.1:9"}, "leave out one of them"),
        ({"obs_endpoint": "no url"}, "--obs-endpoint no url: "),
        ({"obs_endpoint": 5}, "obs_endpoint=5"),
        ({"obs_folder": 5}, "obs_folder=5"),
    ],
)
def test_buckets_that_cannot_be_are_an_error_of_the_start(options, reason):
    with pytest.raises(ConfigurationError, match=reason), LocalDIS(**options):
        pass


def test_a_store_that_does_not_answer_refuses_new_tasks(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AK")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SK")
    with LocalDIS(obs_endpoint="http://127.0.0.1:1") as dis, DISClient(dis.connection) as client:
        client.create_stream("s")
        with pytest.raises(InvalidRequestError, match=r"DIS\.4310 .*http://127\.0\.0\.1:1"):
            client.create_dump_task("s", TASK)
