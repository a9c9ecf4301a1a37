"""Objects in an S3-compatible store; its buckets are in the memory of this process."""

from __future__ import annotations

import boto3
import pytest
from moto import mock_aws

from beam_dis.local.dump.s3_store import S3Store
from beam_dis.wire.error_codes import Refusal

ENDPOINT = "https://s3.us-east-1.amazonaws.com"


@pytest.fixture
def s3(monkeypatch):
    """The client of a store with the bucket ``lake``."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AK")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SK")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="lake")
        yield client


@pytest.fixture
def dumping(s3, dumping_into, tmp_path):
    return dumping_into(lambda _root: S3Store(ENDPOINT, tmp_path / "data" / "dumps"))


def objects(s3):
    found = s3.list_objects_v2(Bucket="lake").get("Contents", [])
    return {one["Key"].partition("-")[2]: s3.get_object(Bucket="lake", Key=one["Key"])["Body"].read() for one in found}


def test_objects_of_a_flush_are_in_the_bucket_and_no_file_is_left(s3, dumping, tmp_path):
    dumping.stream(partitions=2)
    dumping.task(file_prefix="raw")
    dumping.put(b"a", b"b")
    dumping.put(b"c", partition=1)
    dumping.flush()
    assert objects(s3) == {"shardId-0000000000-0-1": b"a\nb\n", "shardId-0000000001-0-0": b"c\n"}
    assert list((tmp_path / "data" / "dumps").iterdir()) == []


@pytest.mark.parametrize("sent", [False, True], ids=["before it was sent", "after it was sent"])
def test_a_run_that_was_interrupted_is_finished(s3, dumping, monkeypatch, sent):
    dumping.stream()
    task = dumping.task()
    dumping.put(b"a")
    publish = dumping.objects.publish

    def interrupted(temporary, key):
        if sent:
            publish(temporary, key)
        raise KeyboardInterrupt

    monkeypatch.setattr(dumping.objects, "publish", interrupted)
    with pytest.raises(KeyboardInterrupt):
        dumping.flush()
    dumping.put(b"b")
    dumping.reopen()
    dumping.flush()
    assert objects(s3) == {"shardId-0000000000-0-0": b"a\n", "shardId-0000000000-1-1": b"b\n"}
    assert dumping.position(task).discarded == 0


def test_a_missing_bucket_is_refused(s3, dumping):
    with pytest.raises(Refusal, match=r"DIS\.4306: Bucket does not exist\. \[other\]"):
        dumping.objects.check_bucket("other")


def test_a_store_that_does_not_answer_is_a_failure_that_may_pass(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AK")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "SK")
    store = S3Store("http://127.0.0.1:1", tmp_path)
    with pytest.raises(OSError, match=r"http://127\.0\.0\.1:1: .*onnect"):
        store.check_bucket("lake")


def test_a_task_is_abnormal_while_the_store_does_not_answer(s3, dumping, monkeypatch):
    dumping.stream()
    task = dumping.task()
    dumping.put(b"a")

    def unreachable(*_):
        raise OSError("no route")

    with monkeypatch.context() as outage:
        outage.setattr(dumping.objects, "check_bucket", unreachable)
        dumping.flush()
        assert dumping.now(task).state == "ABNORMAL"
    dumping.flush()
    assert (dumping.now(task).state, objects(s3)) == ("RUNNING", {"shardId-0000000000-0-0": b"a\n"})


def test_a_task_is_started_though_the_store_does_not_answer(dumping, monkeypatch):
    dumping.stream()

    def unreachable(_bucket):
        raise OSError("no route")

    monkeypatch.setattr(dumping.objects, "check_bucket", unreachable)
    assert dumping.now(dumping.task()).state == "RUNNING"
