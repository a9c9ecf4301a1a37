"""Endless reads of the local DIS, on the runners that stream; what V3IO has too is read from a local V3IO as well."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineState
from apache_beam.transforms.window import FixedWindows
from running_pipelines import eventually, put, running, values_in
from two_services import ON_BOTH_SERVICES, StreamsOnDIS, StreamsOnV3IO, everything

from beam_dis import DISClient, DISRecord, ReadFromDIS, StoppingPosition, WriteToDIS
from beam_dis.errors import ConfigurationError, DISError
from beam_dis.local import LocalDIS, LocalV3IO
from beam_dis.record import PutRecord
from beam_dis.testing import Latency

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]


@pytest.fixture
def client(local_dis: Any) -> Iterator[DISClient]:
    with DISClient(local_dis.connection) as client:
        yield client


def values(streams: StreamsOnDIS, stream: str) -> list[Any]:
    """All records of a stream, decoded as JSON."""
    return [json.loads(record.data) for record in everything(streams.connection, stream)]


def copy(options: PipelineOptions, connection: Any, source: str, target: str, **reading: Any) -> beam.Pipeline:
    """A pipeline that copies numbers from one stream to another."""
    pipeline = beam.Pipeline(options=options)
    read = ReadFromDIS(
        source, connection=connection, poll_interval=0.2, discovery_interval=1.0, decode="bytes", **reading
    )
    _ = pipeline | read | WriteToDIS(target, connection=connection)
    return pipeline


@ON_BOTH_SERVICES
@pytest.mark.each_runner
def test_windows_fire_during_the_read_with_the_sums_of_a_bounded_read(
    endless_options: PipelineOptions, streams: StreamsOnDIS
) -> None:
    source, target = streams.create(3), streams.create(1)
    streams.put_numbers(source, range(3000))
    pipeline = beam.Pipeline(options=endless_options)
    _ = (
        pipeline
        | ReadFromDIS(
            source,
            connection=streams.connection,
            decode=lambda record: int(record.data),
            timestamp_fn=lambda n: n * 0.01,
            watermark_lag=60,
            poll_interval=0.2,
        )
        | beam.WindowInto(FixedWindows(10))
        | beam.Map(lambda n: (n % 2, n))
        | beam.CombinePerKey(sum)
        | beam.Map(lambda kv: json.dumps(kv).encode())
        | WriteToDIS(target, connection=streams.connection)
    )
    expected = Counter((n // 1000, n % 2) for n in range(3000))
    sums = sorted(sum(n for n in range(3000) if (n // 1000, n % 2) == group) for group in expected)
    with running(pipeline):
        eventually(lambda: sorted(total for _, total in values(streams, target)), sums)


@ON_BOTH_SERVICES
def test_an_idle_partition_makes_no_record_of_a_backlogged_one_late(
    endless_options: PipelineOptions, streams: StreamsOnDIS
) -> None:
    """Partition 0 is idle, 1 has a backlog, 2 gets records during the read: one-second windows have every record."""
    source, target = streams.create(3), streams.create(1)
    streams.put_numbers(source, range(20_000), partition_id=1)
    with running(_counts_of_windows(endless_options, streams.connection, source, target)):
        for n in range(20):
            streams.put_numbers(source, range(20_000 + n * 50, 20_050 + n * 50), partition_id=2)
            time.sleep(0.1)
        eventually(lambda: sum(values(streams, target)), 21_000)


def _counts_of_windows(
    options: PipelineOptions,
    connection: Any,
    source: str,
    target: str,
    *,
    discovery_interval: float = 1.0,
    record_seconds: float = 0.0,
) -> beam.Pipeline:
    """A pipeline that writes the number of records in each one-second window.

    Its first step takes ``record_seconds`` for each record.
    """

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


def test_each_record_is_read_once_while_the_partition_count_changes(
    endless_options: PipelineOptions, local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    source, target = make_stream(partitions=2), make_stream(partitions=1)
    with running(copy(endless_options, local_dis.connection, source, target)):
        for index, count in enumerate((2, 5, 3, 5)):
            client.update_partition_count(source, target_partition_count=count)
            put(client, source, range(index * 1000, index * 1000 + 1000))
            time.sleep(1.5)  # longer than the discovery interval, so that each count is listed
        eventually(lambda: Counter(values_in(client, target)), Counter(range(4000)))


@ON_BOTH_SERVICES
def test_partitions_that_appear_are_read_from_their_beginning(
    endless_options: PipelineOptions, streams: StreamsOnDIS
) -> None:
    source, target = streams.create(2), streams.create()
    with running(copy(endless_options, streams.connection, source, target)):
        streams.put_numbers(source, range(1000))
        eventually(lambda: Counter(values(streams, target)), Counter(range(1000)))
        streams.grow(source, 5)
        streams.put_numbers(source, range(1000, 3000))
        eventually(lambda: Counter(values(streams, target)), Counter(range(3000)))


def test_no_record_is_late_while_up_to_eight_partitions_are_scaled(
    endless_options: PipelineOptions, local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    """The stream goes from 3 to 8 to 4 partitions, and one-second windows by arrival time have every record."""
    source, target = make_stream(partitions=3), make_stream(partitions=1)
    with running(_counts_of_windows(endless_options, local_dis.connection, source, target)):
        for index, count in enumerate((3, 8, 8, 4)):
            client.update_partition_count(source, target_partition_count=count)
            put(client, source, range(index * 2000, index * 2000 + 2000))
            time.sleep(1.3)  # no multiple of the discovery interval: the listings see changes of any age
        eventually(lambda: sum(values_in(client, target)), 8000)


@ON_BOTH_SERVICES
@pytest.mark.each_runner
def test_records_of_a_partition_that_is_listed_seconds_later_are_not_late(
    endless_options: PipelineOptions, streams: StreamsOnDIS
) -> None:
    """The stream is scaled right after windows have fired, and the next listing follows five seconds later."""
    source, target = streams.create(1), streams.create(1)
    with running(_counts_of_windows(endless_options, streams.connection, source, target, discovery_interval=5.0)):
        streams.put_numbers(source, range(10))
        eventually(lambda: sum(values(streams, target)), 10)
        streams.grow(source, 2)
        for _ in range(4):
            streams.put_numbers(source, range(10), partition_id=0)
            streams.put_numbers(source, range(10), partition_id=1)
            time.sleep(1)  # one-second windows: the records fall into several of them
        eventually(lambda: sum(values(streams, target)), 90)


def _put_large(client: DISClient, partition_id: str) -> None:
    entries = [PutRecord(data=bytes(100_000), partition_id=partition_id) for _ in range(5)]
    assert client.put_records("source", entries).failed_record_count == 0


@pytest.mark.prism
@pytest.mark.long
def test_a_slow_step_makes_no_record_late(prism_location: str) -> None:
    """The step needs five seconds for a page, and another partition reports its watermark during that bundle."""
    options = PipelineOptions(["--runner=PrismRunner", f"--prism_location={prism_location}", "--streaming"])
    with LocalDIS() as dis, DISClient(dis.connection) as client:
        client.create_stream("source", partition_count=3)
        client.create_stream("target", partition_count=1)
        for _ in range(12):
            _put_large(client, "0")
            _put_large(client, "1")
            time.sleep(0.7)  # stays below the partitions' limit of 1 MB a second
        for _ in range(8):
            _put_large(client, "2")
        with running(_counts_of_windows(options, dis.connection, "source", "target", record_seconds=0.25)):
            eventually(lambda: sum(values_in(client, "target")), 160, seconds=80)


def test_no_record_is_late_when_partitions_of_a_distant_service_alternate(
    endless_options: PipelineOptions, make_stream: Callable[..., str]
) -> None:
    """Eight partitions have a backlog of several pages each, and each request takes 20 ms longer."""
    with LocalDIS() as dis, DISClient(dis.connection) as client:
        client.create_stream("source", partition_count=8)
        client.create_stream("target", partition_count=1)
        for number in range(8):
            for _ in range(30):
                entries = [PutRecord(data=bytes(20_000), partition_id=str(number)) for _ in range(20)]
                client.put_records("source", entries)
        dis.inject(Latency(seconds=0.02, operation="get_records"))
        with running(_counts_of_windows(endless_options, dis.connection, "source", "target")):
            eventually(lambda: sum(values_in(client, "target")), 8 * 30 * 20)


def test_an_idle_partition_is_polled_once_per_interval(endless_options: PipelineOptions) -> None:
    with LocalDIS() as dis, DISClient(dis.connection) as client:
        for stream in ("source", "target"):
            client.create_stream(stream, partition_count=2)
        dis.inject(Latency(seconds=0, operation="get_records"))
        with running(copy(endless_options, dis.connection, "source", "target")):
            eventually(lambda: _calls(dis) >= 4, True)
            before = _calls(dis)
            time.sleep(4)  # no more polls than one for each interval and partition
            polls = _calls(dis) - before
    assert 2 <= polls <= 2 * (4 / 0.2 + 1)


def _calls(dis: LocalDIS) -> int:
    """How many requests the one injected fault has seen."""
    (seen,) = dis.faults()
    return seen.calls


@pytest.mark.parametrize("expired_seconds", [0.0, 3.0])
def test_a_restored_partition_is_read_on_without_repeats(
    endless_options: PipelineOptions, make_stream: Callable[..., str], expired_seconds: float
) -> None:
    """It is restored between two listings, or after three of them."""
    with LocalDIS() as dis, DISClient(dis.connection) as client:
        for stream in ("source", "target"):
            client.create_stream(stream, partition_count=2)
        with running(copy(endless_options, dis.connection, "source", "target")):
            put(client, "source", range(100), partition_id="1")
            client.update_partition_count("source", target_partition_count=1)
            eventually(lambda: Counter(values_in(client, "target")), Counter(range(100)))
            dis.advance(hours=26)
            eventually(lambda: client.describe_stream("source").partitions[1].status, "EXPIRED")
            time.sleep(expired_seconds)
            client.update_partition_count("source", target_partition_count=2)
            put(client, "source", range(100, 200), partition_id="1")
            eventually(lambda: Counter(n for n in values_in(client, "target") if n >= 100), Counter(range(100, 200)))


@pytest.mark.each_runner
def test_an_app_continues_at_the_commit_of_a_stopped_pipeline(
    endless_options: PipelineOptions, local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    source, target = make_stream(partitions=2), make_stream(partitions=1)
    for first in (0, 1000):
        put(client, source, range(first, first + 1000))
        with running(copy(endless_options, local_dis.connection, source, target, app="copy")):
            eventually(lambda: set(values_in(client, target)), set(range(first + 1000)))
            eventually(lambda: _committed(client, source), first + 1000)
    assert len(values_in(client, target)) == 2000


def _committed(client: DISClient, stream: str) -> int:
    """The sum of the numbers that the app ``copy`` has committed."""
    partitions = client.describe_stream(stream).partitions
    found = [
        client.get_checkpoint("copy", stream_name=stream, partition_id=p.partition_id).sequence_number
        for p in partitions
    ]
    return sum(int(number or 0) for number in found)


class WriteToFile(beam.DoFn):
    """Writes the partition, sequence number and data of each record to a file; each instance has its own file.

    It fails once, at the record whose data is ``fails_at``.
    """

    def __init__(self, folder: Path, fails_at: int | None = None) -> None:
        self._folder = folder
        self._fails_at = fails_at

    def setup(self) -> None:
        self._path = self._folder / f"{uuid.uuid4().hex}.txt"

    def process(self, record: DISRecord) -> None:
        if int(record.data) == self._fails_at and not (self._folder / "failed").exists():
            (self._folder / "failed").touch()
            raise RuntimeError("a user's step failed")
        with self._path.open("a") as file:
            file.write(f"{record.partition_id} {record.sequence_number} {record.data.decode()}\n")


def records_read(folder: Path) -> list[list[tuple[str, int, int]]]:
    """The partition, sequence number and data of the records that each instance got, in order."""
    files = [[line.split() for line in path.read_text().splitlines()] for path in folder.glob("*.txt")]
    return [[(partition, int(sequence), int(number)) for partition, sequence, number in lines] for lines in files]


def numbers(folder: Path) -> Counter[int]:
    """How often each number was read."""
    return Counter(number for lines in records_read(folder) for _, _, number in lines)


def read_into(
    step: WriteToFile, options: PipelineOptions, connection: Any, source: str, **reading: Any
) -> beam.Pipeline:
    """A pipeline that reads a stream into a step."""
    pipeline = beam.Pipeline(options=options)
    read = ReadFromDIS(source, connection=connection, poll_interval=0.2, discovery_interval=1.0, **reading)
    _ = pipeline | read | beam.ParDo(step)
    return pipeline


def test_the_order_within_a_partition_is_kept_while_the_count_changes(
    endless_options: PipelineOptions, local_dis: Any, client: DISClient, make_stream: Callable[..., str], tmp_path: Path
) -> None:
    source = make_stream(partitions=2)
    with running(read_into(WriteToFile(tmp_path), endless_options, local_dis.connection, source)):
        for index, count in enumerate((2, 5, 3, 5)):
            client.update_partition_count(source, target_partition_count=count)
            for part in range(10):
                first = index * 1000 + part * 100
                put(client, source, range(first, first + 100))
                time.sleep(0.1)
        eventually(lambda: numbers(tmp_path), Counter(range(4000)))
    for lines in records_read(tmp_path):
        for partition in {name for name, _, _ in lines}:
            sequence = [number for name, number, _ in lines if name == partition]
            assert sequence == sorted(sequence)


@pytest.mark.flink
def test_a_job_restarted_from_its_checkpoint_starts_no_partition_twice(
    flink_options: list[str], local_dis: Any, client: DISClient, make_stream: Callable[..., str], tmp_path: Path
) -> None:
    """A step fails once, long after a checkpoint: the records before it aren't read again, and none is lost."""
    source, flags = make_stream(partitions=3), [flag for flag in flink_options if "execution_retries" not in flag]
    options = PipelineOptions([*flags, "--number_of_execution_retries=3", "--execution_retry_delay=100"])
    with running(read_into(WriteToFile(tmp_path, fails_at=3000), options, local_dis.connection, source)):
        put(client, source, range(3000))
        eventually(lambda: set(numbers(tmp_path)), set(range(3000)))
        time.sleep(5)  # two checkpoints: after the failure none of these records may be read again
        put(client, source, range(3000, 4000))
        eventually(lambda: set(numbers(tmp_path)), set(range(4000)))
        time.sleep(3)  # no repeated record: a record that is read twice could follow after the last new one
    assert (tmp_path / "failed").exists()
    assert [n for n, times in numbers(tmp_path).items() if n < 3000 and times > 1] == []


def test_a_stream_recreated_under_its_name_fails_the_pipeline(endless_options: PipelineOptions, tmp_path: Path) -> None:
    with LocalDIS() as dis, DISClient(dis.connection) as client:
        client.create_stream("source", partition_count=1)
        put(client, "source", range(100))
        pipeline = read_into(WriteToFile(tmp_path), endless_options, dis.connection, "source")
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
        time.sleep(2)  # calls that were under way end
        before = _calls(dis)
        time.sleep(2)  # no poll: ten would be due
        assert _calls(dis) == before


@pytest.mark.each_runner
@pytest.mark.parametrize(("server", "kind"), [(LocalDIS, StreamsOnDIS), (LocalV3IO, StreamsOnV3IO)])
def test_nothing_is_lost_when_the_server_is_killed(endless_options: PipelineOptions, server: Any, kind: Any) -> None:
    with server() as service:
        streams = kind(service.connection)
        source, target = streams.create(2), streams.create(2)
        streams.put_numbers(source, range(5000))
        with running(copy(endless_options, streams.connection, source, target)):
            eventually(lambda: len(values(streams, target)) > 0, True)
            service.restart(kill=True)
            streams.put_numbers(source, range(5000, 6000))
            eventually(lambda: set(values(streams, target)), set(range(6000)))
        streams.close()


@pytest.mark.prism
@pytest.mark.parametrize("stop", [None, StoppingPosition.latest()], ids=["endless", "bounded"])
def test_a_read_with_an_app_logs_no_errors_on_prism(
    stop: StoppingPosition | None,
    local_dis: Any,
    client: DISClient,
    make_stream: Callable[..., str],
    prism_location: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Beam logs an error for each bundle that Prism finalises although it has no finalizer, also if it is idle.

    Beam's worker may log one more, if Prism ends it while it puts its last bundle away.
    """
    source = make_stream(partitions=2)
    put(client, source, range(100))
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=PrismRunner", f"--prism_location={prism_location}"]))
    _ = pipeline | ReadFromDIS(
        source, connection=local_dis.connection, app="a", stop=stop, poll_interval=0.1, discovery_interval=0.5
    )

    def committed() -> int:
        with suppress(DISError):
            parts = [client.get_checkpoint("a", stream_name=source, partition_id=n).sequence_number for n in (0, 1)]
            return sum(part or 0 for part in parts)
        return 0

    with running(pipeline) as result:
        eventually(committed, 100)
        if stop is None:
            client.update_partition_count(source, target_partition_count=3)
            time.sleep(2)  # the polls of this time are idle and have nothing to commit
        else:
            result.wait_until_finish()
        errors = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert [error for error in errors if "_cache.release(instruction_id)" not in error] == []


def test_a_runner_that_cannot_stream_is_warned_about(local_dis: Any, caplog: pytest.LogCaptureFixture) -> None:
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
