"""``redistribute=``: every record is decoded once, with its own time, by whichever worker has room."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import FixedWindows, TimestampedValue
from apache_beam.utils.timestamp import Timestamp
from running_pipelines import ON_FLINK_TOO, eventually, put, running, values_in

from beam_dis import CommitToDIS, DISClient, JSONCoder, PutRecord, ReadFromDIS, WriteToDIS
from beam_dis.errors import DecodeError
from beam_dis.read.decode import PageDecoder
from beam_dis.read.redistribute import MOST_BYTES, MOST_RECORDS, DecodePartFn, GatherRunsFn
from beam_dis.read.values import PagePart, RecordRun
from beam_dis.stream_service import PageRecord

SCHEMA = '{"type": "record", "name": "R", "fields": [{"name": "n", "type": "int"}]}'


def run_of(partition: str, numbers: range, size: int = 1, time: int = 0) -> RecordRun:
    return RecordRun("s", partition, [PageRecord(n, bytes(size), time) for n in numbers])


def gathered(runs: list[tuple[int, RecordRun]]) -> list[tuple[int, PagePart]]:
    """The parts that one bundle of runs becomes, with their times in µs."""
    step = GatherRunsFn()
    step.start_bundle()
    parts = [part for micros, run in runs for part in step.process(run, Timestamp(micros=micros))]
    return [(part.timestamp.micros, part.value) for part in [*parts, *step.finish_bundle()]]


def test_runs_are_gathered_up_to_the_limits_and_to_the_partition() -> None:
    runs = [(n, run_of("a", range(n, n + 1))) for n in range(MOST_RECORDS + 1)]
    runs += [(7, run_of("b", range(2), MOST_BYTES)), (8, run_of("b", range(2, 3)))]
    parts = gathered(runs)
    assert [(micros, part.partition_id, len(part.runs)) for micros, part in parts] == [
        (0, "a", MOST_RECORDS),
        (MOST_RECORDS, "a", 1),
        (7, "b", 1),
        (8, "b", 1),
    ]


def test_a_part_has_the_earliest_time_of_its_runs() -> None:
    assert [micros for micros, _ in gathered([(9, run_of("a", range(1))), (5, run_of("a", range(1, 2)))])] == [5]


def test_nothing_is_output_for_an_empty_bundle() -> None:
    assert gathered([]) == []


def test_elements_and_dead_letters_have_the_times_of_their_runs() -> None:
    def decode(record: Any) -> Any:
        if record.sequence_number == 1:
            raise DecodeError("bad")
        return record.sequence_number

    ((_, part),) = gathered([(9, run_of("a", range(2))), (5, run_of("a", range(2, 3)))])
    outputs = list(DecodePartFn(PageDecoder(decode, dead_letters=True)).process(part))
    values = [output if isinstance(output, TimestampedValue) else output.value for output in outputs]
    assert [value.timestamp.micros for value in values] == [9, 9, 5]
    assert [values[0].value, values[1].value.sequence_number, values[2].value] == [0, 1, 2]


@pytest.mark.integration
@ON_FLINK_TOO
def test_each_record_is_read_once_with_its_time(
    local_dis: Any, dis_stream: Callable[..., str], bounded_options: PipelineOptions
) -> None:
    """The times are those of a read that doesn't redistribute. One record doesn't decode."""
    stream = dis_stream(partitions=2)
    data = [*(b'{"n": %d}' % n for n in range(1500)), b"no json"]
    with DISClient(local_dis.connection) as client:
        for start in range(0, len(data), 100):
            part = data[start : start + 100]
            client.put_records(stream, [PutRecord(each, partition_key=each.decode()) for each in part])
    with beam.Pipeline(options=bounded_options) as pipeline:
        times = []
        for redistribute in (None, 3):
            reading = ReadFromDIS(
                stream,
                stop="latest",
                decode=JSONCoder(SCHEMA),
                redistribute=redistribute,
                dead_letters=True,
                connection=local_dis.connection,
            )
            read = pipeline | f"Read {redistribute}" >> reading
            numbers = read.records | f"Number {redistribute}" >> beam.Map(lambda row: row.n)
            letters = read.dead_letters | f"Data {redistribute}" >> beam.Map(lambda letter: letter.data)
            both = (numbers, letters) | f"Both {redistribute}" >> beam.Flatten()
            times.append(
                both
                | f"Times {redistribute}" >> beam.Map(lambda each, at=beam.DoFn.TimestampParam: (str(each), at.micros))
            )
        counts = (
            times
            | beam.Flatten()
            | beam.combiners.Count.PerElement()
            | beam.Values()
            | "Counts" >> beam.combiners.Count.PerElement()
        )
        assert_that(counts, equal_to([(2, len(data))]))


@pytest.mark.integration
def test_windows_of_an_endless_read_have_every_record(
    local_dis: Any, dis_stream: Callable[..., str], endless_options: PipelineOptions
) -> None:
    """Parts wait after the shuffle without becoming late, and CommitToDIS commits what is written."""
    source, target = dis_stream(partitions=1), dis_stream(partitions=1)
    with DISClient(local_dis.connection) as client:
        put(client, source, range(3000))
        pipeline = beam.Pipeline(options=endless_options)
        read = pipeline | ReadFromDIS(
            source, app="a", commit="manual", decode="bytes", redistribute=4, connection=local_dis.connection
        )
        counts = (
            read.records | beam.WindowInto(FixedWindows(1)) | beam.Map(lambda _: ("all", 1)) | beam.CombinePerKey(sum)
        )
        written = counts | beam.MapTuple(lambda _, n: b"%d" % n) | WriteToDIS(target, connection=local_dis.connection)
        read.positions | beam.WaitOn(written.done) | CommitToDIS("a", connection=local_dis.connection)
        with running(pipeline):
            eventually(lambda: sum(values_in(client, target)) >= 500, expected=True)
            put(client, source, range(3000, 3500))
            eventually(lambda: sum(values_in(client, target)), expected=3500)
            eventually(lambda: client.get_checkpoint("a", stream_name=source, partition_id=0).sequence_number, 3500)
