"""How soon windows of an endless read come out with default settings, and that wrong answers neither delay nor empty them."""

from __future__ import annotations

import random
import statistics
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.window import FixedWindows
from running_pipelines import eventually, put, running

from beam_dis import DISClient, ReadFromDIS
from beam_dis.local import LocalDIS
from beam_dis.testing import ClockSkew, EmptyPages, Latency

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(300)]

PRISM = pytest.param("PrismRunner", marks=pytest.mark.prism)
FLINK = pytest.param("FlinkRunner", marks=pytest.mark.flink)
LIMITS = {"PrismRunner": (2.0, 3.5), "FlinkRunner": (2.5, 10.0)}
"""Runner → the limits of the median and of the longest delay, in seconds. On Flink a checkpoint may hold up a window."""


class WriteDelays(beam.DoFn):
    """Writes how many seconds after the end of its window each count came, and the count; each instance has its own file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def setup(self) -> None:
        self._file = self._folder / uuid.uuid4().hex

    def process(self, element: tuple[str, int], window: Any = beam.DoFn.WindowParam) -> None:
        with self._file.open("a") as file:
            file.write(f"{time.time() - float(window.end)} {element[1]}\n")


class Windows:
    """A running pipeline that counts the records of ``source`` in windows of a second, and the local DIS that it reads."""

    def __init__(self, dis: LocalDIS, client: DISClient, folder: Path) -> None:
        self.dis, self.client, self._folder = dis, client, folder
        self.records = 0

    def put(self, count: int, **target: str) -> None:
        """Put records, to one partition or to those that their keys choose."""
        put(self.client, "source", range(self.records, self.records + count), **target)
        self.records += count

    def delays(self) -> list[tuple[float, int]]:
        """The delay and the count of each window that came out."""
        text = "".join(file.read_text().rpartition("\n")[0] + "\n" for file in self._folder.iterdir())
        return [(float(line.split()[0]), int(line.split()[1])) for line in text.splitlines() if line]

    def wait_for_all(self) -> None:
        """Wait until the windows have every record; a late one would never come."""
        eventually(lambda: sum(count for _, count in self.delays()), self.records)

    def wait_for_hits(self, number: int, hits: int) -> None:
        """Wait until an injected fault has hit so many calls."""
        eventually(lambda: next(f.hits for f in self.dis.faults() if f.id == number) >= hits, True)


@pytest.fixture
def windows(runner_flags: Callable[..., list[str]], tmp_path: Path) -> Any:
    """``windows(runner, **options)`` runs the pipeline with these options of the read, and waits until it polls."""

    @contextmanager
    def run(runner: str, **reading: Any) -> Iterator[Windows]:
        flags = runner_flags(runner, streaming=True)
        options = PipelineOptions([*flags, "--max_bundle_time_mills=100"] if runner == "FlinkRunner" else flags)
        folder = tmp_path / uuid.uuid4().hex
        folder.mkdir()
        with LocalDIS() as dis, DISClient(dis.connection) as client:
            client.create_stream("source", partition_count=2)
            pipeline = beam.Pipeline(options=options)
            _ = (
                pipeline
                | ReadFromDIS("source", connection=dis.connection, **reading)
                | beam.WindowInto(FixedWindows(1))
                | beam.Map(lambda _: ("all", 1))
                | beam.CombinePerKey(sum)
                | beam.ParDo(WriteDelays(folder))
            )
            made = Windows(dis, client, folder)
            polled = dis.inject(Latency(seconds=0, operation="get_records"))
            with running(pipeline):
                made.wait_for_hits(polled, 8)
                yield made

    return run


@pytest.mark.alone
@pytest.mark.parametrize("runner", [PRISM, FLINK])
def test_windows_come_out_soon_while_a_stream_is_scaled(
    runner: str, windows: Any, undisturbed: Callable[[Callable[[], float], float], float]
) -> None:
    """A producer writes steadily, and the stream is scaled from 2 to 5 to 3 partitions."""
    median, longest = LIMITS[runner]
    chance = random.Random(7)

    def share_of_the_limits() -> float:
        with windows(runner) as made:
            for partitions in (2, 5, 3):
                made.client.update_partition_count("source", target_partition_count=partitions)
                until = time.monotonic() + 7
                while time.monotonic() < until:
                    made.put(chance.randint(1, 20))
                    time.sleep(0.05)
            made.wait_for_all()
            delays = [delay for delay, _ in made.delays()]
        return max(statistics.median(delays) / median, max(delays) / longest)

    assert undisturbed(share_of_the_limits, 1.0) < 1.0


@pytest.mark.prism
def test_empty_pages_in_front_of_records_make_none_late(windows: Any) -> None:
    """The pages of one partition are empty for 12 s, and the other one is written to meanwhile.

    The event time is the arrival time, since an arrival time itself would be raised to the watermark.
    """
    with windows("PrismRunner", timestamp_fn=lambda record: record.timestamp / 1000, watermark_lag=1) as made:
        fault = made.dis.inject(EmptyPages(partition=0))
        made.put(10, partition_id="0")
        for _ in range(12):
            made.put(5, partition_id="1")
            time.sleep(1)
        made.dis.clear_faults(fault)
        made.put(5, partition_id="1")
        made.wait_for_all()


@pytest.mark.prism
def test_windows_go_on_after_one_wrong_clock(windows: Any) -> None:
    """An answer about an idle partition says that it is tomorrow, and so does a listing."""
    with windows("PrismRunner") as made:
        for operation in ("get_records", "describe_stream"):
            made.wait_for_hits(made.dis.inject(ClockSkew(seconds=86_400, operation=operation, count=1)), 1)
        for _ in range(3):
            made.put(10)
            time.sleep(1)
        made.wait_for_all()
