"""On a Flink cluster whose machines are killed, each row is counted; only what lay between two checkpoints is written again."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to
from cluster_parts import wait_for

from beam_dis import DropDuplicates, ReadFromDIS
from beam_dis.testing import Latency

pytestmark = [pytest.mark.integration, pytest.mark.flink, pytest.mark.long, pytest.mark.timeout(600)]

RESTARTING = ("task-manager", "worker", "job-manager")
"""The processes whose loss always restarts a job."""
END_WHEN_READ = "--shutdown_sources_after_idle_ms=0"


def test_nothing_is_lost_when_each_part_of_a_cluster_is_killed(
    cluster: Any, streams: Any, start_job: Callable[..., Any]
) -> None:
    """Windows are written again only if the job restarts, and only those that were written after its last checkpoint.

    The local DIS is an exception: after the answer to a put is lost, the records are put again. A reader drops what was written
    again by the key and the second.
    """
    repeatable: dict[str, tuple[float, float]] = {}
    with streams.producer():
        job = start_job()
        kills: dict[str, Callable[[], None]] = {
            "client": job.kill_client,
            "local DIS": partial(streams.dis.restart, kill=True),
            **{part: partial(cluster.kill, part) for part in ("job-server", "worker-pool", "zookeeper", *RESTARTING)},
        }
        streams.wait_for_a_new_window()
        for part, kill in kills.items():
            job.wait_for_a_checkpoint()
            checkpoint, running_since = job.checkpoint(), job.running_since()
            killed = time.time()
            kill()
            cluster.start()
            if part in RESTARTING:
                wait_for(lambda before=running_since: job.running_since() > before, f"restart after a killed {part}")
            streams.wait_for_a_new_window()
            job.wait_for_a_checkpoint()
            if part == "local DIS" or job.running_since() > running_since:
                repeatable[part] = checkpoint, time.time()
            if job.running_since() > running_since:
                print(f"{part}: {job.running_since() - killed:.1f} s")  # noqa: T201 - to compare with the docs
    streams.assert_each_window_is_counted_right()
    times = [time for times in streams.repeated().values() for time in times]
    found = {part: sum(begin <= time <= end for time in times) for part, (begin, end) in repeatable.items()}
    print(f"of {len(streams.written())} windows were written again: {found}")  # noqa: T201 - to compare with the docs
    assert sum(found.values()) == len(times)
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        written = ReadFromDIS(streams.output, stop="latest", decode="rows", connection=streams.dis.connection)
        windows = pipeline | written | DropDuplicates(lambda row: f"{row.key} {row.second}", within=3600)
        counts = windows | beam.Map(lambda row: ((row.key, row.second), row.count))
        assert_that(counts, equal_to(streams.expected().items()))


def test_a_bounded_read_counts_each_row_once(cluster: Any, streams: Any, start_job: Callable[..., Any]) -> None:
    """A worker is killed while it waits for its first pages; no window has been written by then."""
    for _ in range(100):
        streams.write()
    slow = streams.dis.inject(Latency(seconds=10, operation="get_records"))
    job = start_job("--bounded", END_WHEN_READ)
    wait_for(lambda: job.running_since() and streams.dis.faults()[0].hits, "request for a page")
    before = job.running_since()
    for worker in cluster.workers():
        worker.kill()
    wait_for(lambda: job.running_since() > before, "restart after killed workers")
    streams.dis.clear_faults(slow)
    job.wait_until_finished()
    streams.assert_each_window_is_counted_right()
    assert streams.repeated() == {}


def test_a_job_goes_on_from_a_savepoint_with_more_slots(streams: Any, start_job: Callable[..., Any]) -> None:
    with streams.producer():
        job = start_job()
        streams.wait_for_a_new_window()
        assert job.parallelism() == 2
        savepoint = job.stop_with_savepoint()
        job = start_job("--parallelism=4", f"--savepoint_path={savepoint}")
        streams.wait_for_a_new_window()
        assert job.parallelism() == 4
    streams.assert_each_window_is_counted_right()
    assert streams.repeated() == {}


def test_partitions_that_appear_are_read_by_all_task_managers(
    streams: Any, start_job: Callable[..., Any], workers: Path
) -> None:
    """The stream is scaled up and down while the job runs, and each row is counted once.

    Flink chooses the slot of a partition by a hash. With 16 new partitions both TaskManagers get some, except once in 30,000
    times.
    """
    with streams.producer():
        start_job()
        streams.wait_for_a_new_window()
        first = streams.partitions()
        for count in (8, 4, 20):
            streams.client.update_partition_count(streams.input, target_partition_count=count)
            streams.wait_for_a_new_window()
    streams.assert_each_window_is_counted_right()
    assert streams.repeated() == {}
    readers: dict[str, set[str]] = defaultdict(set)
    for file in workers.iterdir():
        partition, _, process = file.name.partition("@")
        readers[partition].add(process)
    appeared = [readers[partition] for partition in streams.partitions() - first]
    assert len(appeared) == 16
    assert {len(processes) for processes in appeared} == {1}
    assert len(set.union(*appeared)) == 2
