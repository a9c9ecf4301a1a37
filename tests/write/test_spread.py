"""The warning if all records go to one partition."""

import pytest
from fake_service import FakeService
from fake_time import in_memory_sender

from beam_dis.record import PutRecord
from beam_dis.stream_service import WriteLimits
from beam_dis.wire.ranges import hash_of, hash_ranges
from beam_dis.write.batching import Batcher
from beam_dis.write.bundle import BundleWriter, WritePlan
from beam_dis.write.routing import element_encoder


def write(records, partitions=4, bundles=1):
    """Write records in several bundles to a stream with so many partitions."""
    limits = WriteLimits(100, 2**20, 2**20, partitions=partitions)
    sender = in_memory_sender(FakeService.empty(partitions=partitions))
    for _ in range(bundles):
        batcher = Batcher(lambda _: limits)
        for record in records:
            for batch in batcher.add("s", 0, record, None):
                sender.send(batch)
        for batch in batcher.close_all():
            sender.send(batch)
        sender.finish()
    sender.close()


@pytest.mark.parametrize("place", [{"partition_key": "k"}, {"explicit_hash_key": "0"}])
def test_a_key_that_all_records_share_is_warned_about_once(logged, place):
    write([PutRecord(b"x", **place)] * 500, bundles=6)
    (line,) = logged("write")
    assert line.startswith("the first 1000 records for stream 's' all went to shardId-")
    assert "one of 4 partitions" in line


def test_all_steps_of_a_process_warn_once(logged):
    service = FakeService.empty(limits=WriteLimits(100, 2**20, 2**20, partitions=4), partitions=4)
    plan = WritePlan(stream="s", to_record=element_encoder(bytes, partition_key=lambda _: "k"))
    writers = [BundleWriter(plan, service) for _ in range(2)]
    for writer in writers * 2:
        writer.begin()
        for _ in range(600):
            writer.add(b"x")
        writer.finish()
    for writer in writers:
        writer.close()
    (line,) = logged("write")
    assert "choose a partition_key that differs from record to record, or none" in line


def same_partition(count):
    """Keys whose hashes are all in the first of four partitions."""
    end = hash_ranges(4)[0].end
    keys = (key for number in range(10**6) if hash_of(key := str(number)) <= end)
    return [next(keys) for _ in range(count)]


def test_several_keys_of_one_partition_are_warned_about(logged):
    write([PutRecord(b"x", key) for key in same_partition(1000)])
    assert len(logged("write")) == 1


@pytest.mark.parametrize(
    "case",
    [
        {"records": [PutRecord(b"x", partition_id=0)] * 2000},
        {"records": [PutRecord(b"x", "k")] * 2000, "partitions": 1},
        {"records": [PutRecord(b"x", "k")] * 999},
        {"records": [PutRecord(b"x", str(number)) for number in range(2000)]},
        {"records": [PutRecord(b"x", "k")] * 900 + [PutRecord(b"x", str(number)) for number in range(2000)]},
    ],
    ids=["named partition", "one partition", "few records", "many keys", "one key at first"],
)
def test_other_records_are_not_warned_about(logged, case):
    write(**case)
    assert logged("write") == []
