"""Reads without an end, against the local DIS, on runners that stream."""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineState
from apache_beam.transforms.window import FixedWindows

from beam_dis import DISClient, DISRecord, ReadFromDIS, WriteToDIS
from beam_dis.errors import ConfigurationError
from beam_dis.local import LocalDIS
from beam_dis.record import PutRecord
from beam_dis.testing import Latency

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]

RUNNERS = [
    pytest.param("PrismRunner", marks=pytest.mark.prism),
    pytest.param("FlinkRunner", marks=pytest.mark.flink),
]


@pytest.fixture(params=RUNNERS)
def options(request: pytest.FixtureRequest) -> PipelineOptions:
    if request.param == "FlinkRunner":
        return PipelineOptions(request.getfixturevalue("flink_options"))
    return PipelineOptions(
        ["--runner=PrismRunner", f"--prism_location={request.getfixturevalue('prism_location')}", "--streaming"]
    )


@pytest.fixture
def client(local_dis: Any) -> Iterator[DISClient]:
    with DISClient(local_dis.connection) as client:
        yield client


def put(client: DISClient, stream: str, numbers: range, **place: str) -> None:
    for start in range(numbers.start, numbers.stop, 500):
        part = range(start, min(start + 500, numbers.stop))
        entries = [PutRecord(data=b"%d" % n, partition_key=str(n), **place) for n in part]
        result = client.put_records(stream, entries)
        assert result.failed_record_count == 0


def held(client: DISClient, stream: str) -> list[Any]:
    """Everything in a stream, as JSON."""
    values: list[Any] = []
    for partition in client.describe_stream(stream).partitions:
        cursor = client.get_cursor(stream, partition_id=partition.partition_id, cursor_type="TRIM_HORIZON")
        while (page := client.get_records(cursor)).records:
            values += [json.loads(record.data) for record in page.records]
            cursor = page.next_partition_cursor
    return values


def eventually(look: Callable[[], Any], expected: Any, seconds: float = 45.0) -> None:
    """What is looked at becomes what is expected, in time."""
    until = time.monotonic() + seconds
    while (seen := look()) != expected and time.monotonic() < until:
        time.sleep(0.2)
    assert seen == expected


@contextmanager
def running(pipeline: beam.Pipeline) -> Iterator[Any]:
    result = pipeline.run()
    try:
        yield result
    finally:
        if not PipelineState.is_terminal(result.state):
            result.cancel()


def copy(options: PipelineOptions, connection: Any, source: str, target: str, **reading: Any) -> beam.Pipeline:
    """A pipeline that copies numbers from one stream to another."""
    pipeline = beam.Pipeline(options=options)
    read = ReadFromDIS(
        source, connection=connection, poll_interval=0.2, discovery_interval=1.0, decode="bytes", **reading
    )
    _ = pipeline | read | WriteToDIS(target, connection=connection)
    return pipeline


def test_windows_fire_while_reading_and_hold_what_a_bounded_read_finds(
    options: PipelineOptions, local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    source, target = make_stream(partitions=3), make_stream(partitions=1)
    put(client, source, range(3000))
    pipeline = beam.Pipeline(options=options)
    _ = (
        pipeline
        | ReadFromDIS(
            source,
            connection=local_dis.connection,
            decode=lambda record: int(record.data),
            timestamp_fn=lambda n: n * 0.01,
            watermark_lag=60,
            poll_interval=0.2,
        )
        | beam.WindowInto(FixedWindows(10))
        | beam.Map(lambda n: (n % 2, n))
        | beam.CombinePerKey(sum)
        | beam.Map(lambda kv: json.dumps(kv).encode())
        | WriteToDIS(target, connection=local_dis.connection)
    )
    expected = Counter((n // 1000, n % 2) for n in range(3000))
    sums = sorted(sum(n for n in range(3000) if (n // 1000, n % 2) == group) for group in expected)
    with running(pipeline):
        eventually(lambda: sorted(total for _, total in held(client, target)), sums)


def test_an_idle_partition_makes_nothing_of_a_backlogged_one_late(
    options: PipelineOptions, local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    """Partition 0 idle, 1 with a backlog, 2 fed while it is read: every record comes out of a one-second window."""
    source, target = make_stream(partitions=3), make_stream(partitions=1)
    put(client, source, range(20_000), partition_id="1")
    with running(_counts_of_windows(options, local_dis.connection, source, target)):
        for n in range(20):
            put(client, source, range(20_000 + n * 50, 20_050 + n * 50), partition_id="2")
            time.sleep(0.1)
        eventually(lambda: sum(held(client, target)), 21_000)


def _counts_of_windows(
    options: PipelineOptions,
    connection: Any,
    source: str,
    target: str,
    *,
    discovery_interval: float = 1.0,
    record_seconds: float = 0.0,
) -> beam.Pipeline:
    """A pipeline that writes how many records each second's window held, behind a step that takes so long for each."""

    def work(_: DISRecord) -> tuple[str, int]:
        time.sleep(record_seconds)
        return "all", 1

    pipeline = beam.Pipeline(options=options)
    _ = (
        pipeline
        | ReadFromDIS(source, connection=connection, poll_interval=0.2, discovery_interval=discovery_interval)
        | beam.WindowInto(FixedWindows(1))
        | beam.Map(work)
        | beam.CombinePerKey(sum)
        | beam.Map(lambda kv: json.dumps(kv[1]).encode())
        | WriteToDIS(target, connection=connection)
    )
    return pipeline


def test_partitions_come_and_go_and_each_record_is_read_once(
    options: PipelineOptions, local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    source, target = make_stream(partitions=2), make_stream(partitions=1)
    with running(copy(options, local_dis.connection, source, target)):
        for index, count in enumerate((2, 5, 3, 5)):
            client.update_partition_count(source, target_partition_count=count)
            put(client, source, range(index * 1000, index * 1000 + 1000))
            time.sleep(1.5)
        eventually(lambda: Counter(held(client, target)), Counter(range(4000)))


def test_eight_partitions_scaled_while_they_are_read_lose_nothing_from_windows(
    options: PipelineOptions, local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    """3 → 8 → 4 partitions out of phase, one-second windows by arrival: no record is dropped as late."""
    source, target = make_stream(partitions=3), make_stream(partitions=1)
    with running(_counts_of_windows(options, local_dis.connection, source, target)):
        for index, count in enumerate((3, 8, 8, 4)):
            client.update_partition_count(source, target_partition_count=count)
            put(client, source, range(index * 2000, index * 2000 + 2000))
            time.sleep(1.3)
        eventually(lambda: sum(held(client, target)), 8000)


def test_records_of_a_partition_are_not_late_however_long_it_was_not_found(
    options: PipelineOptions, local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    """Windows fire behind a listing; right after that the stream is scaled, and the next listing is five seconds away."""
    source, target = make_stream(partitions=1), make_stream(partitions=1)
    with running(_counts_of_windows(options, local_dis.connection, source, target, discovery_interval=5.0)):
        put(client, source, range(10))
        eventually(lambda: sum(held(client, target)), 10)
        client.update_partition_count(source, target_partition_count=2)
        for _ in range(4):
            put(client, source, range(10), partition_id="0")
            put(client, source, range(10), partition_id="1")
            time.sleep(1)
        eventually(lambda: sum(held(client, target)), 90)


def _put_large(client: DISClient, partition_id: str) -> None:
    entries = [PutRecord(data=bytes(100_000), partition_id=partition_id) for _ in range(5)]
    assert client.put_records("source", entries).failed_record_count == 0


@pytest.mark.prism
def test_a_slow_step_makes_no_record_late(prism_location: str) -> None:
    """A page takes five seconds; another partition reports how far the read has come while that bundle isn't through."""
    options = PipelineOptions(["--runner=PrismRunner", f"--prism_location={prism_location}", "--streaming"])
    with LocalDIS() as dis, DISClient(dis.connection) as client:
        client.create_stream("source", partition_count=3)
        client.create_stream("target", partition_count=1)
        for _ in range(12):
            _put_large(client, "0")
            _put_large(client, "1")
            time.sleep(0.7)
        for _ in range(8):
            _put_large(client, "2")
        with running(_counts_of_windows(options, dis.connection, "source", "target", record_seconds=0.25)):
            eventually(lambda: sum(held(client, "target")), 160, seconds=80)


def test_far_partitions_that_give_way_to_each_other_lose_nothing_from_windows(
    options: PipelineOptions, make_stream: Callable[..., str]
) -> None:
    """Eight backlogs of several pages, 20 ms away, by arrival."""
    with LocalDIS() as dis, DISClient(dis.connection) as client:
        client.create_stream("source", partition_count=8)
        client.create_stream("target", partition_count=1)
        for number in range(8):
            for _ in range(30):
                entries = [PutRecord(data=bytes(20_000), partition_id=str(number)) for _ in range(20)]
                client.put_records("source", entries)
        dis.inject(Latency(seconds=0.02, operation="get_records"))
        with running(_counts_of_windows(options, dis.connection, "source", "target")):
            eventually(lambda: sum(held(client, "target")), 8 * 30 * 20)


def test_an_idle_partition_is_polled_once_per_interval(options: PipelineOptions) -> None:
    with LocalDIS() as dis, DISClient(dis.connection) as client:
        for stream in ("source", "target"):
            client.create_stream(stream, partition_count=2)
        dis.inject(Latency(seconds=0, operation="get_records"))
        with running(copy(options, dis.connection, "source", "target")):
            eventually(lambda: _calls(dis) >= 4, True)
            before = _calls(dis)
            time.sleep(4)
            polls = _calls(dis) - before
    assert 2 <= polls <= 2 * (4 / 0.2 + 1)


def _calls(dis: LocalDIS) -> int:
    (seen,) = dis.faults()
    return seen.calls


@pytest.mark.parametrize("away", [0.0, 3.0])
def test_a_partition_that_expired_and_came_back_is_read_on_once(
    options: PipelineOptions, make_stream: Callable[..., str], away: float
) -> None:
    """Restored at once, between two listings, and after some of them."""
    with LocalDIS() as dis, DISClient(dis.connection) as client:
        for stream in ("source", "target"):
            client.create_stream(stream, partition_count=2)
        with running(copy(options, dis.connection, "source", "target")):
            put(client, "source", range(100), partition_id="1")
            client.update_partition_count("source", target_partition_count=1)
            eventually(lambda: Counter(held(client, "target")), Counter(range(100)))
            dis.advance(hours=26)
            eventually(lambda: client.describe_stream("source").partitions[1].status, "EXPIRED")
            time.sleep(away)
            client.update_partition_count("source", target_partition_count=2)
            put(client, "source", range(100, 200), partition_id="1")
            eventually(lambda: Counter(n for n in held(client, "target") if n >= 100), Counter(range(100, 200)))


def test_an_app_goes_on_where_a_stopped_pipeline_committed(
    options: PipelineOptions, local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    source, target = make_stream(partitions=2), make_stream(partitions=1)
    for first in (0, 1000):
        put(client, source, range(first, first + 1000))
        with running(copy(options, local_dis.connection, source, target, app="copy")):
            eventually(lambda: set(held(client, target)), set(range(first + 1000)))
            eventually(lambda: _committed(client, source), first + 1000)
    assert len(held(client, target)) == 2000


def _committed(client: DISClient, stream: str) -> int:
    partitions = client.describe_stream(stream).partitions
    found = [
        client.get_checkpoint("copy", stream_name=stream, partition_id=p.partition_id).sequence_number
        for p in partitions
    ]
    return sum(int(number or 0) for number in found)


class NoteDown(beam.DoFn):
    """Writes partition and sequence number of each record into a file for each instance; ``fails_at`` fails it once."""

    def __init__(self, folder: Path, fails_at: int | None = None) -> None:
        self._folder = folder
        self._fails_at = fails_at

    def setup(self) -> None:
        self._path = self._folder / f"{uuid.uuid4().hex}.txt"

    def process(self, record: DISRecord) -> None:
        if int(record.data) == self._fails_at and not (self._folder / "failed").exists():
            (self._folder / "failed").touch()
            raise RuntimeError("as a user's step does")
        with self._path.open("a") as file:
            file.write(f"{record.partition_id} {record.sequence_number} {record.data.decode()}\n")


def noted(folder: Path) -> list[list[tuple[str, int, int]]]:
    """Partition, sequence number and number of what came, in order, of each instance."""
    files = [[line.split() for line in path.read_text().splitlines()] for path in folder.glob("*.txt")]
    return [[(partition, int(place), int(number)) for partition, place, number in lines] for lines in files]


def numbers(folder: Path) -> Counter[int]:
    return Counter(number for lines in noted(folder) for _, _, number in lines)


def noting(options: PipelineOptions, connection: Any, source: str, step: NoteDown, **reading: Any) -> beam.Pipeline:
    pipeline = beam.Pipeline(options=options)
    read = ReadFromDIS(source, connection=connection, poll_interval=0.2, discovery_interval=1.0, **reading)
    _ = pipeline | read | beam.ParDo(step)
    return pipeline


def test_the_order_within_a_partition_is_kept_while_partitions_come_and_go(
    options: PipelineOptions, local_dis: Any, client: DISClient, make_stream: Callable[..., str], tmp_path: Path
) -> None:
    source = make_stream(partitions=2)
    with running(noting(options, local_dis.connection, source, NoteDown(tmp_path))):
        for index, count in enumerate((2, 5, 3, 5)):
            client.update_partition_count(source, target_partition_count=count)
            for part in range(10):
                first = index * 1000 + part * 100
                put(client, source, range(first, first + 100))
                time.sleep(0.1)
        eventually(lambda: numbers(tmp_path), Counter(range(4000)))
    for lines in noted(tmp_path):
        for partition in {name for name, _, _ in lines}:
            places = [place for name, place, _ in lines if name == partition]
            assert places == sorted(places)


@pytest.mark.flink
def test_a_job_that_begins_again_at_its_checkpoint_starts_no_partition_twice(
    flink_options: list[str], local_dis: Any, client: DISClient, make_stream: Callable[..., str], tmp_path: Path
) -> None:
    """A step fails once, long after a checkpoint: what came before that isn't read again, and nothing is lost."""
    source, flags = make_stream(partitions=3), [flag for flag in flink_options if "execution_retries" not in flag]
    options = PipelineOptions([*flags, "--number_of_execution_retries=3", "--execution_retry_delay=100"])
    with running(noting(options, local_dis.connection, source, NoteDown(tmp_path, fails_at=3000))):
        put(client, source, range(3000))
        eventually(lambda: set(numbers(tmp_path)), set(range(3000)))
        time.sleep(5)  # two checkpoints
        put(client, source, range(3000, 4000))
        eventually(lambda: set(numbers(tmp_path)), set(range(4000)))
        time.sleep(3)
    assert (tmp_path / "failed").exists()
    assert [n for n, times in numbers(tmp_path).items() if n < 3000 and times > 1] == []


def test_a_stream_made_anew_under_its_name_ends_the_pipeline(options: PipelineOptions, tmp_path: Path) -> None:
    with LocalDIS() as dis, DISClient(dis.connection) as client:
        client.create_stream("source", partition_count=1)
        put(client, "source", range(100))
        pipeline = noting(options, dis.connection, "source", NoteDown(tmp_path))
        with running(pipeline) as result:
            eventually(lambda: numbers(tmp_path), Counter(range(100)))
            client.delete_stream("source")
            client.create_stream("source", partition_count=1)
            put(client, "source", range(1000, 1200))
            eventually(lambda: result.state, PipelineState.FAILED)
    assert max(numbers(tmp_path)) < 1000


@pytest.mark.prism
def test_cancel_ends_the_polling(prism_location: str) -> None:
    options = PipelineOptions(["--runner=PrismRunner", f"--prism_location={prism_location}", "--streaming"])
    with LocalDIS() as dis, DISClient(dis.connection) as client:
        for stream in ("source", "target"):
            client.create_stream(stream, partition_count=2)
        dis.inject(Latency(seconds=0))
        with running(copy(options, dis.connection, "source", "target")):
            eventually(lambda: _calls(dis) >= 20, True)
        time.sleep(2)
        before = _calls(dis)
        time.sleep(2)
        assert _calls(dis) == before


def test_nothing_is_lost_when_the_server_dies(options: PipelineOptions, make_stream: Callable[..., str]) -> None:
    with LocalDIS() as dis, DISClient(dis.connection) as client:
        for stream in ("source", "target"):
            client.create_stream(stream, partition_count=2)
        put(client, "source", range(5000))
        with running(copy(options, dis.connection, "source", "target")):
            threading.Timer(0.5, lambda: dis.restart(kill=True)).start()
            time.sleep(3)
            put(client, "source", range(5000, 6000))
            eventually(lambda: set(held(client, "target")), set(range(6000)))


def test_a_runner_that_cannot_stream_is_told_on(local_dis: Any, caplog: pytest.LogCaptureFixture) -> None:
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"]))
    with caplog.at_level(logging.WARNING):
        _ = pipeline | ReadFromDIS("flights", connection=local_dis.connection)
    assert "no window fires" in caplog.text
    assert "--runner=PrismRunner" in caplog.text


def test_workers_that_would_lose_data_are_refused(local_dis: Any) -> None:
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner", "--direct_num_workers=2"]))
    with pytest.raises(
        ConfigurationError, match="direct_num_workers=2 silently drops what an endless read leaves for later"
    ):
        _ = pipeline | ReadFromDIS("flights", connection=local_dis.connection)
