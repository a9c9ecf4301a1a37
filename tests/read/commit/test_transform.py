"""CommitToDIS on the runners: nothing is committed before it is written, and nothing is lost or read twice without need."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.window import FixedWindows, Sessions, SlidingWindows
from running_pipelines import ON_FLINK_TOO, eventually, put, running, values_in

from beam_dis import CommitToDIS, DISClient, DISRecord, ReadFromDIS, StoppingPosition, WriteToDIS
from beam_dis.errors import ConfigurationError, DISError

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]

APP = "copy"


@pytest.fixture
def client(local_dis: Any) -> Iterator[DISClient]:
    with DISClient(local_dis.connection) as client:
        yield client


def number_of(record: DISRecord) -> int:
    return int(record.data)


def encode(values: Any) -> bytes:
    return json.dumps(values).encode()


def copied(client: DISClient, stream: str) -> list[int]:
    """The numbers of all groups in a stream."""
    return sorted(number for numbers in values_in(client, stream) for number in numbers)


def committed(client: DISClient, stream: str) -> list[int]:
    """The app's next number in each partition, 0 without a checkpoint."""
    partitions = client.describe_stream(stream).partitions
    found = [client.get_checkpoint(APP, stream_name=stream, partition_id=p.partition_id) for p in partitions]
    return [int(each.sequence_number or 0) for each in found]


def copy_in_groups(
    options: PipelineOptions,
    connection: Any,
    source: str,
    target: str,
    *,
    window: Any,
    step: Any = None,
    **reading: Any,
) -> beam.Pipeline:
    """A pipeline that writes the numbers of each window and key as one record, and commits what it has written."""
    pipeline = beam.Pipeline(options=options)
    read = pipeline | ReadFromDIS(
        source, app=APP, commit="manual", decode=number_of, poll_interval=0.2, connection=connection, **reading
    )
    groups = (
        read.records
        | beam.WindowInto(window)
        | "Key" >> beam.Map(lambda n: (n % 3, n)).with_output_types(tuple[int, int])
        | beam.GroupByKey()
        | "Encode" >> beam.MapTuple(lambda _, numbers: encode(sorted(numbers))).with_output_types(bytes)
    )
    if step is not None:
        groups |= "Step" >> beam.Map(step).with_output_types(bytes)
    written = groups | WriteToDIS(target, connection=connection)
    _ = read.positions | beam.WaitOn(written.done) | CommitToDIS(APP, connection=connection)
    return pipeline


def fail(_: bytes) -> bytes:
    raise RuntimeError("after the shuffle")


@ON_FLINK_TOO
def test_scheduled_runs_read_each_record_exactly_once(
    bounded_options: PipelineOptions, local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    source, target = make_stream(partitions=2), make_stream()
    for run in range(3):
        put(client, source, range(run * 100, run * 100 + 100))
        copying = copy_in_groups(
            bounded_options, local_dis.connection, source, target, window=FixedWindows(1), stop="latest"
        )
        copying.run().wait_until_finish()
        assert copied(client, target) == list(range(run * 100 + 100))
        assert sum(committed(client, source)) == run * 100 + 100


@ON_FLINK_TOO
def test_the_next_run_reads_again_what_a_step_after_a_shuffle_failed_on(
    bounded_options: PipelineOptions, local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    source, target = make_stream(partitions=2), make_stream()
    put(client, source, range(200))
    given: dict[str, Any] = {"window": FixedWindows(1), "stop": "latest"}
    failing = copy_in_groups(bounded_options, local_dis.connection, source, target, step=fail, **given)
    with pytest.raises(Exception, match=r"after the shuffle|failed"):
        failing.run().wait_until_finish()
    assert committed(client, source) == [0, 0]
    copy_in_groups(bounded_options, local_dis.connection, source, target, **given).run().wait_until_finish()
    assert copied(client, target) == list(range(200))


@pytest.mark.parametrize("window", [FixedWindows(2), SlidingWindows(4, 2)], ids=["fixed", "sliding"])
def test_a_job_stopped_with_open_windows_and_started_again_loses_nothing(
    endless_options: PipelineOptions, local_dis: Any, client: DISClient, make_stream: Callable[..., str], window: Any
) -> None:
    """Each run is stopped while windows are open. What was committed has been written."""
    source, target = make_stream(partitions=2), make_stream()
    client.create_app(APP)
    numbers = 0
    for _ in range(2):
        copying = copy_in_groups(endless_options, local_dis.connection, source, target, window=window)
        with running(copying):
            until, before = time.monotonic() + 40, sum(committed(client, source))
            progress = before
            while progress == before and time.monotonic() < until:
                put(client, source, range(numbers, numbers + 20))
                numbers += 20
                time.sleep(0.3)
                progress = sum(committed(client, source))
                assert progress <= len(set(copied(client, target)))
            assert progress > before
    with running(copy_in_groups(endless_options, local_dis.connection, source, target, window=window)):
        eventually(lambda: sorted(set(copied(client, target))), list(range(numbers)))


@pytest.mark.flink
@pytest.mark.parametrize("manual", [True, False])
def test_a_job_continues_on_another_runner_from_its_app(
    runner_flags: Callable[..., list[str]],
    local_dis: Any,
    client: DISClient,
    make_stream: Callable[..., str],
    manual: bool,
) -> None:
    """Each run is bounded, and reads what the one before didn't commit. The last bundle is committed on Flink too."""
    source, target = make_stream(partitions=2), make_stream()
    commit: dict[str, Any] = {"commit": "manual"} if manual else {}
    for run, runner in enumerate(("FnApiRunner", "FlinkRunner", "PrismRunner", "FlinkRunner")):
        put(client, source, range(run * 100, run * 100 + 100))
        pipeline = beam.Pipeline(options=PipelineOptions(runner_flags(runner)))
        read = pipeline | ReadFromDIS(
            source, app=APP, stop="latest", decode="bytes", connection=local_dis.connection, **commit
        )
        written = (read.records if manual else read) | WriteToDIS(target, connection=local_dis.connection)
        if manual:
            _ = read.positions | beam.WaitOn(written.done) | CommitToDIS(APP, connection=local_dis.connection)
        pipeline.run().wait_until_finish()
        assert sorted(values_in(client, target)) == list(range(run * 100 + 100))
        assert sum(committed(client, source)) == run * 100 + 100


@pytest.mark.flink
def test_flinks_batch_mode_commits_what_is_written(
    flink_endpoint: str, local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    source, target = make_stream(partitions=2), make_stream()
    put(client, source, range(100))
    options = PipelineOptions(
        ["--runner=FlinkRunner", "--environment_type=LOOPBACK", f"--job_endpoint={flink_endpoint}"]
    )
    copying = copy_in_groups(options, local_dis.connection, source, target, window=FixedWindows(1), stop="latest")
    copying.run().wait_until_finish()
    assert copied(client, target) == list(range(100))
    assert sum(committed(client, source)) == 100


def test_a_read_after_records_commits_what_it_has_written(
    bounded_options: PipelineOptions, local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    source, target = make_stream(), make_stream()
    put(client, source, range(100))
    for run in (1, 2):
        stop = StoppingPosition.after(records=40)
        copying = copy_in_groups(
            bounded_options, local_dis.connection, source, target, window=FixedWindows(1), stop=stop
        )
        copying.run().wait_until_finish()
        assert copied(client, target) == list(range(run * 40))
        assert committed(client, source) == [run * 40]


def test_positions_of_another_app_are_an_error(
    local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    source = make_stream()
    put(client, source, range(5))
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"]))
    read = pipeline | ReadFromDIS(source, app=APP, commit="manual", stop="latest", connection=local_dis.connection)
    _ = read.positions | CommitToDIS("other", connection=local_dis.connection)
    with pytest.raises(ConfigurationError, match="give both transforms the same app"):
        pipeline.run()


def test_a_refused_commit_fails_with_app_stream_partition_and_number(
    local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    source = make_stream()
    put(client, source, range(5))
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"]))
    read = pipeline | ReadFromDIS(source, app=APP, commit="manual", stop="latest", connection=local_dis.connection)
    deleted = read.positions | beam.Map(lambda position: _delete_app(position, local_dis.connection))
    _ = deleted | CommitToDIS(APP, connection=local_dis.connection)
    with pytest.raises(DISError, match=rf"app {APP}, stream {source}, partition shardId-0000000000: "):
        pipeline.run()


def _delete_app(position: Any, connection: Any) -> Any:
    with DISClient(connection) as client:
        client.delete_app(position.app)
    return position


def test_commits_that_wait_for_nothing_are_warned_about(local_dis: Any, caplog: pytest.LogCaptureFixture) -> None:
    pipeline = beam.Pipeline()
    read = pipeline | ReadFromDIS("s", app=APP, commit="manual", stop="latest", connection=local_dis.connection)
    with caplog.at_level(logging.WARNING):
        _ = read.positions | CommitToDIS(APP, connection=local_dis.connection)
    assert "Put beam.WaitOn(written.done) before it" in caplog.text


def test_waiting_for_results_of_session_windows_is_refused(local_dis: Any) -> None:
    """Beam itself refuses to wait for session windows. Here their results have other windows before they are written."""
    pipeline = beam.Pipeline()
    read = pipeline | ReadFromDIS("s", app=APP, commit="manual", stop="latest", connection=local_dis.connection)
    sessions = read.records | beam.WindowInto(Sessions(5)) | beam.combiners.Count.PerElement()
    minutes = sessions | "Minutes" >> beam.WindowInto(FixedWindows(60))
    written = minutes | beam.Map(encode) | WriteToDIS("t", connection=local_dis.connection)
    waiting = read.positions | beam.WaitOn(written.done)
    with pytest.raises(ConfigurationError, match="use fixed or sliding windows"):
        _ = waiting | CommitToDIS(APP, connection=local_dis.connection)


def test_records_instead_of_positions_are_refused(local_dis: Any) -> None:
    pipeline = beam.Pipeline()
    read = pipeline | ReadFromDIS("s", app=APP, commit="manual", stop="latest", connection=local_dis.connection)
    with pytest.raises(ConfigurationError, match="takes the positions of a read"):
        _ = read.records | CommitToDIS(APP, connection=local_dis.connection)
    with pytest.raises(ConfigurationError, match=r"take .*`\.positions` \(with commit=\"manual\"\)"):
        _ = read | CommitToDIS(APP, connection=local_dis.connection)


def test_manual_commits_need_an_app() -> None:
    with pytest.raises(ConfigurationError, match=r"needs app="):
        ReadFromDIS("s", commit="manual")
    with pytest.raises(ConfigurationError, match="'manul' is none of 'finalized', 'manual'"):
        ReadFromDIS("s", app=APP, commit="manul")
