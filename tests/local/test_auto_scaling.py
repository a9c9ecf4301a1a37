"""A local DIS with the service's limits scales streams by their traffic, and keeps what it has counted."""

from __future__ import annotations

import time

import pytest

from beam_dis.client import DISClient
from beam_dis.local import LocalDIS
from beam_dis.record import PutRecord

pytestmark = pytest.mark.integration

AUTO = {"auto_scale_enabled": True, "auto_scale_min_partition_count": 1, "auto_scale_max_partition_count": 8}


@pytest.mark.parametrize(
    ("limits", "counts", "log"), [("real", [2, 1], [(4, 2, True), (2, 1, True)]), ("sizes", [4, 4], [])]
)
def test_an_idle_stream_shrinks_once_an_hour_if_throughput_is_limited(limits, counts, log):
    with LocalDIS(limits=limits) as dis, DISClient(dis.connection) as client:
        client.create_stream("s", partition_count=4, **AUTO)
        found = []
        for minutes in (2, 60):
            dis.advance(minutes=minutes)
            found.append(client.describe_stream("s").writable_partition_count)
        scalings = client.scaling_log("s")
    assert found == counts
    assert [(u.src_partition_count, u.target_partition_count, u.auto_scale) for u in scalings] == log


def test_what_was_put_is_reported_after_the_server_was_killed(tmp_path):
    with LocalDIS(tmp_path) as dis, DISClient(dis.connection) as client:
        client.create_stream("s")
        for _ in range(3):
            client.put_records("s", [PutRecord(b"abc"), PutRecord(b"de")])
        dis.restart(kill=True)
        now, label = int(time.time()), "total_put_bytes_per_stream"
        found = client.stream_metrics("s", labels=[label], start_time=now - 600, end_time=now)
    assert sum(point.value for point in found[label]) == 15
