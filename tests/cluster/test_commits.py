"""Parts of a Flink cluster are killed while a job copies with an app: all is copied, and only copied records are committed.

Flink restarts the job from its last checkpoint: the records that were copied before it aren't copied again.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from cluster_parts import wait_for
from running_pipelines import put, values_in

from beam_dis import DISClient, ReadFromDIS, WriteToDIS

pytestmark = [pytest.mark.integration, pytest.mark.flink, pytest.mark.long, pytest.mark.timeout(600)]

APP = "copy"


class Numbers:
    """A stream of numbers, and the stream into which a job copies them with an app."""

    def __init__(self, client: DISClient, source: str, target: str) -> None:
        self._client, self._source, self._target = client, source, target
        self._count = 0

    def put(self, count: int) -> None:
        """Put the next ``count`` numbers."""
        put(self._client, self._source, range(self._count, self._count + count))
        self._count += count

    def copied(self) -> Counter[int]:
        """How often each number was copied."""
        return Counter(values_in(self._client, self._target))

    def committed(self) -> int:
        """How many numbers are before the app's checkpoints."""
        partitions = [partition.partition_id for partition in self._client.describe_stream(self._source).partitions]
        found = [self._client.get_checkpoint(APP, stream_name=self._source, partition_id=name) for name in partitions]
        return sum(int(checkpoint.sequence_number or 0) for checkpoint in found)

    def wait_until_all_are_copied(self) -> None:
        """Wait until each number that was put is copied."""
        wait_for(lambda: self.copied().keys() == set(range(self._count)), "copy of each number")

    def wait_until_all_are_committed(self) -> None:
        """Wait until the app has committed each number that was put."""
        wait_for(lambda: self.committed() == self._count, "commit of each number")


@pytest.fixture
def numbers(local_dis: Any, make_stream: Callable[..., str]) -> Iterator[Numbers]:
    with DISClient(local_dis.connection) as client:
        yield Numbers(client, make_stream("numbers", partitions=3), make_stream("copy", partitions=2))


@pytest.fixture
def job(cluster: Any, job_on_the_cluster: Callable[[str], Any], local_dis: Any, numbers: Numbers) -> Any:
    """A job that copies the numbers."""
    name = uuid.uuid4().hex
    pipeline = beam.Pipeline(options=PipelineOptions([*cluster.flags, f"--job_name={name}"]))
    given = {"connection": local_dis.connection, "app": APP, "poll_interval": 0.2, "discovery_interval": 1.0}
    _ = pipeline | ReadFromDIS("numbers", decode="bytes", **given) | WriteToDIS("copy", connection=local_dis.connection)
    pipeline.run()
    return job_on_the_cluster(name)


def test_only_copied_records_are_committed_when_workers_and_machines_are_killed(
    cluster: Any, job: Any, numbers: Numbers
) -> None:
    numbers.put(500)
    numbers.wait_until_all_are_copied()
    job.wait_for_a_checkpoint()  # after a restart none of these numbers may be copied again
    for part in ("worker", "task-manager"):
        for _ in range(4):
            numbers.put(250)
            time.sleep(0.25)  # so that the job is copying when a part is killed
        cluster.kill(part)
        cluster.start()
        assert numbers.committed() <= len(numbers.copied())
        numbers.put(250)
        numbers.wait_until_all_are_copied()
    copied = numbers.copied()
    assert [number for number in range(500) if copied[number] > 1] == []
    numbers.wait_until_all_are_committed()
