"""Bounded reads of the local DIS, which give the same on each runner; what V3IO has too, it gives as well."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import datetime, timedelta, timezone
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.metrics import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.portability.fn_api_runner import fn_runner
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms import error_handling
from apache_beam.transforms.environments import EmbeddedPythonGrpcEnvironment
from apache_beam.transforms.window import FixedWindows
from running_pipelines import ON_FLINK_TOO
from two_services import ON_BOTH_SERVICES, StreamsOnDIS

from beam_dis import (
    AvroCoder,
    CSVCoder,
    DISClient,
    DISConnection,
    DISRecord,
    JSONCoder,
    ReadAllFromDIS,
    ReadFromDIS,
    StartingPosition,
    StoppingPosition,
    WriteToDIS,
)
from beam_dis.errors import ConfigurationError, StreamNotFoundError
from beam_dis.read.partition import bounded
from beam_dis.record import PutRecord

pytestmark = pytest.mark.integration

LATEST = StoppingPosition.latest()
WORD = (
    '{"type": "record", "name": "Word", "fields": [{"name": "word", "type": "string"}, {"name": "n", "type": "int"}]}'
)
WORDS_AND_KEYS = [(b"a", "k"), (b"b", "m"), (b"c", "k")]


@pytest.fixture
def client(local_dis: Any) -> Iterator[DISClient]:
    with DISClient(local_dis.connection) as client:
        yield client


@pytest.fixture
def filled(streams: StreamsOnDIS) -> Callable[..., str]:
    """Creates a stream, puts ``count`` records of at least ``size`` bytes with different keys, and returns its name."""

    def fill(count: int, *, partitions: int = 4, first: int = 0, stream: str | None = None, size: int = 1) -> str:
        name = stream or streams.create(partitions)
        numbers = range(first, first + count)
        streams.put(name, (PutRecord((b"%d" % n).rjust(size, b"0"), partition_key=str(n)) for n in numbers))
        return name

    return fill


def source(stream: str, where: Any, **options: Any) -> ReadFromDIS:
    """A read of a stream that ends with its newest record; ``where`` has a ``connection``."""
    return ReadFromDIS(stream, **{"stop": LATEST, "connection": where.connection, **options})


def id_of(record: DISRecord) -> tuple[str, int]:
    """The record's partition and sequence number."""
    return record.partition_id, record.sequence_number


@ON_BOTH_SERVICES
@pytest.mark.each_runner
@ON_FLINK_TOO
def test_every_record_is_read_once(
    bounded_options: PipelineOptions, streams: StreamsOnDIS, filled: Callable[..., str]
) -> None:
    stream = filled(3000)
    with beam.Pipeline(options=bounded_options) as pipeline:
        data = pipeline | source(stream, streams, decode="bytes")
        assert_that(data, equal_to([b"%d" % n for n in range(3000)]))


@ON_BOTH_SERVICES
def test_a_record_has_its_stream_partition_number_key_and_arrival_time(
    bounded_options: PipelineOptions,
    streams: StreamsOnDIS,
) -> None:
    stream, before = streams.create(), datetime.now(timezone.utc) - timedelta(minutes=1)
    places = streams.put_numbers(stream, range(6))

    def check(record: DISRecord, timestamp: Any = beam.DoFn.TimestampParam) -> tuple[Any, ...]:
        assert timestamp.micros == record.timestamp * 1000
        assert before < record.arrival_time < before + timedelta(minutes=2)
        return record.stream, id_of(record), record.partition_key, record.data

    with beam.Pipeline(options=bounded_options) as pipeline:
        seen = pipeline | source(stream, streams) | beam.Map(check)
        expected = [(stream, place, str(n), b"%d" % n) for n, place in enumerate(places)]
        assert_that(seen, equal_to(expected))


@ON_BOTH_SERVICES
def test_a_bounded_read_can_be_grouped_in_the_global_window(
    bounded_options: PipelineOptions, streams: StreamsOnDIS, filled: Callable[..., str]
) -> None:
    stream = filled(1000)
    with beam.Pipeline(options=bounded_options) as pipeline:
        numbers = pipeline | source(stream, streams, decode=lambda record: int(record.data))
        sums = numbers | beam.Map(lambda n: (n % 2, n)) | beam.CombinePerKey(sum)
        assert_that(sums, equal_to([(0, sum(range(0, 1000, 2))), (1, sum(range(1, 1000, 2)))]))


def _put_large(streams: StreamsOnDIS, count: int = 3000) -> tuple[str, list[tuple[str, int]]]:
    """A stream whose one partition has records of 2 kB, which fill several pages; returns its name and their ids."""
    stream = streams.create()
    return stream, streams.put(stream, (PutRecord((b"%d" % n).rjust(2000, b"0")) for n in range(count)))


@ON_BOTH_SERVICES
def test_initial_and_dynamic_splits_lose_and_repeat_nothing(
    bounded_options: PipelineOptions, streams: StreamsOnDIS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A range of 3,000 records is three pages; the runner chooses the splits. On V3IO they fall between the records' numbers too."""
    monkeypatch.setattr(bounded, "INITIAL_SPLIT", 700)
    stream, ids = _put_large(streams)
    with beam.Pipeline(options=bounded_options) as pipeline:
        assert_that(pipeline | source(stream, streams) | beam.Map(id_of), equal_to(ids))


REACHED, CONTINUE = threading.Event(), threading.Event()


def _pause_at_50(record: DISRecord) -> tuple[str, int]:
    """Wait at record 50.

    It is a function of the module, as the events are, because a nested one is pickled with copies of them.
    """
    if int(record.data) == 50:
        REACHED.set()
        assert CONTINUE.wait(30)
    return id_of(record)


@ON_BOTH_SERVICES
@pytest.mark.fnapi
def test_a_split_during_a_read_returns_the_remaining_range(streams: StreamsOnDIS) -> None:
    """The records fill three pages, and the split comes during the first one."""
    REACHED.clear()
    CONTINUE.clear()
    concurrent = fn_runner.FnApiRunner(EmbeddedPythonGrpcEnvironment.default())  # reads and splits at the same time
    (stream, ids), residuals = _put_large(streams), []

    def split(elements: int) -> Iterator[float | None]:
        if elements and not residuals:
            yield None
            assert REACHED.wait(30)
            residuals.extend((yield 0.5).residual_roots)
            CONTINUE.set()

    with fn_runner.split_manager("Read/ReadPartition", split), beam.Pipeline(concurrent) as pipeline:
        assert_that(pipeline | "Read" >> source(stream, streams) | beam.Map(_pause_at_50), equal_to(ids))
    assert len(residuals) == 1


@ON_BOTH_SERVICES
def test_a_read_keeps_to_each_kind_of_start_and_stop(bounded_options: PipelineOptions, streams: StreamsOnDIS) -> None:
    stream = streams.create()
    numbers_of = [number for _, number in streams.put_numbers(stream, range(100))]
    first, last = numbers_of[20], numbers_of[30]
    positions = [
        (StartingPosition.earliest(), LATEST, range(100)),
        (StartingPosition.latest(), LATEST, range(0)),
        (
            StartingPosition.at_sequence_number({0: first}),
            StoppingPosition.at_sequence_number({0: last}),
            range(20, 30),
        ),
        (StartingPosition.at_timestamp(datetime(2020, 1, 1, tzinfo=timezone.utc)), LATEST, range(100)),
        (None, StoppingPosition.at_timestamp(datetime.now(timezone.utc)), range(100)),
        (StartingPosition.at_timestamp(datetime.now(timezone.utc)), LATEST, range(0)),
    ]
    with beam.Pipeline(options=bounded_options) as pipeline:
        for index, (start, stop, expected) in enumerate(positions):
            numbers = pipeline | f"Read{index}" >> source(stream, streams, start=start, stop=stop, decode="bytes")
            assert_that(numbers, equal_to([b"%d" % n for n in expected]), label=f"Check{index}")


@ON_BOTH_SERVICES
def test_only_the_chosen_partitions_are_read(
    bounded_options: PipelineOptions, streams: StreamsOnDIS, filled: Callable[..., str]
) -> None:
    stream = filled(400, partitions=4)
    with beam.Pipeline(options=bounded_options) as pipeline:
        partitions = pipeline | source(stream, streams, partitions=[1, "shardId-0000000003"]) | beam.Map(id_of)
        assert_that(partitions | beam.Keys() | beam.Distinct(), equal_to(["shardId-0000000001", "shardId-0000000003"]))


def test_an_app_continues_where_it_stopped(
    bounded_options: PipelineOptions, local_dis: Any, filled: Callable[..., str], client: DISClient
) -> None:
    stream, reads = filled(50, partitions=1), []
    for first in (0, 50):
        with beam.Pipeline(options=bounded_options) as pipeline:
            data = pipeline | source(stream, local_dis, app="delays", decode="bytes")
            assert_that(data, equal_to([b"%d" % n for n in range(first, 50 + first)]))
        partition = {"stream_name": stream, "partition_id": "shardId-0000000000"}
        reads.append(client.get_checkpoint("delays", **partition).sequence_number)
        filled(50, first=50, stream=stream)
    assert reads == [50, 100]


@ON_BOTH_SERVICES
@ON_FLINK_TOO
def test_event_time_is_the_users_function_of_the_decoded_value(
    bounded_options: PipelineOptions, streams: StreamsOnDIS, filled: Callable[..., str]
) -> None:
    stream = filled(300, partitions=2)
    with beam.Pipeline(options=bounded_options) as pipeline:
        numbers = pipeline | source(
            stream, streams, decode=lambda record: int(record.data), timestamp_fn=lambda n: n * 60
        )
        hours = (
            numbers
            | beam.WindowInto(beam.window.FixedWindows(3600))
            | beam.combiners.Count.Globally().without_defaults()
        )
        assert_that(hours, equal_to([60] * 5))


@ON_FLINK_TOO
def test_rows_have_the_streams_schema_and_other_records_are_dead_letters(
    bounded_options: PipelineOptions, local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    stream = make_stream(data_type="CSV", data_schema=WORD)
    client.put_records(stream, [PutRecord(data=data) for data in (b"a,1", b"b,x", b"c,3")])
    with beam.Pipeline(options=bounded_options) as pipeline:
        result = pipeline | source(stream, local_dis, decode="rows", dead_letters=True)
        assert_that(result.records | beam.Map(lambda row: (row.word, row.n)), equal_to([("a", 1), ("c", 3)]))
        dead = result.dead_letters | beam.Map(
            lambda letter: (letter.sequence_number, letter.data, "'n'" in letter.error)
        )
        assert_that(dead, equal_to([(1, b"b,x", True)]), label="Dead")


@ON_FLINK_TOO
def test_rows_can_be_grouped_by_a_field(
    bounded_options: PipelineOptions, local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    """Rows keep the types of their fields: without one, Flink can't use a field as a key."""
    stream = make_stream(data_type="CSV", data_schema=WORD)
    client.put_records(stream, [PutRecord(data=data) for data in (b"a,1", b"b,2", b"a,3")])
    with beam.Pipeline(options=bounded_options) as pipeline:
        words = pipeline | source(stream, local_dis, decode="rows") | beam.GroupBy("word")
        sums = words | beam.MapTuple(lambda word, rows: (word, sum(row.n for row in rows)))
        assert_that(sums, equal_to([("a", 4), ("b", 2)]))


@ON_FLINK_TOO
def test_metadata_is_in_the_rows_and_their_key_can_be_written_again(
    bounded_options: PipelineOptions, local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    """The fields can be grouped by, so they are in Beam's schema of the rows."""
    stream, copy = (make_stream(partitions=1, data_type="CSV", data_schema=WORD) for _ in range(2))
    client.put_records(stream, [PutRecord(data=b"%s,1" % word, partition_key=key) for word, key in WORDS_AND_KEYS])
    with beam.Pipeline(options=bounded_options) as pipeline:
        rows = pipeline | source(
            stream, local_dis, decode="rows", metadata=["partition_key", "sequence_number", "arrival_time", "stream"]
        )
        _ = rows | WriteToDIS(copy, encode="rows", partition_key="partition_key_", connection=local_dis.connection)
        groups = rows | beam.GroupBy("partition_key_", "stream_").aggregate_field("sequence_number_", max, "last")
        last = groups | beam.Map(lambda row: (row.partition_key_, row.stream_, row.last))
        assert_that(last, equal_to([("k", stream, 2), ("m", stream, 1)]))
    with beam.Pipeline(options=bounded_options) as pipeline:
        copied = pipeline | source(copy, local_dis) | beam.Map(lambda record: (record.data, record.partition_key))
        assert_that(copied, equal_to([(b"%s,1" % word, key) for word, key in WORDS_AND_KEYS]))


@pytest.mark.parametrize("data_type", ["BLOB", "JSON", "CSV"])
@pytest.mark.fnapi
def test_rows_keep_their_type_when_the_schema_of_the_stream_changes(
    local_dis: Any, client: DISClient, make_stream: Callable[..., str], data_type: str
) -> None:
    """The pipeline is built before the stream's schema changes, and the new field stands before an old one."""
    coder = {"BLOB": AvroCoder, "JSON": JSONCoder, "CSV": CSVCoder}[data_type]
    word, n = json.loads(WORD)["fields"]
    newer = json.dumps({**json.loads(WORD), "fields": [word, {"name": "lang", "type": "string"}, n]})
    stream = make_stream(partitions=1, data_type=data_type, data_schema=WORD)
    client.put_records(stream, [PutRecord(data=coder(WORD).encode({"word": "a", "n": 1}))])
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"]))
    rows = pipeline | source(stream, local_dis, decode="rows")
    assert_that(rows | beam.Map(tuple), equal_to([("a", 1), ("b", 2)]))
    client.update_stream(stream, data_schema=newer)
    client.put_records(stream, [PutRecord(data=coder(newer).encode({"word": "b", "lang": "en", "n": 2}))])
    result = pipeline.run()
    result.wait_until_finish()
    counters = result.metrics().query(MetricsFilter().with_name("other_schemas"))["counters"]
    assert [counter.committed for counter in counters] == ([1] if data_type == "BLOB" else [])


@pytest.mark.fnapi
def test_rows_of_a_stream_with_a_compression_format_are_compressed(
    bounded_options: PipelineOptions, local_dis: Any, client: DISClient
) -> None:
    name = "compressed-words"
    client.create_stream(name, partition_count=1, data_type="JSON", data_schema=WORD, compression_format="gzip")
    with beam.Pipeline(options=bounded_options) as pipeline:
        words = pipeline | beam.Create([{"word": "a", "n": 1}, {"word": "b", "n": 2}])
        _ = words | WriteToDIS(name, encode="rows", connection=local_dis.connection)
    with beam.Pipeline(options=bounded_options) as pipeline:
        data = pipeline | source(name, local_dis, decode=lambda record: gzip.decompress(record.data)[:9])
        assert_that(data, equal_to([b'{"word":"'] * 2))
        rows = pipeline | "Rows" >> source(name, local_dis, decode="rows")
        assert_that(rows | beam.Map(lambda row: (row.word, row.n)), equal_to([("a", 1), ("b", 2)]), label="Compare")


@pytest.mark.fnapi
def test_a_record_of_several_rows_is_several_elements(
    bounded_options: PipelineOptions, local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    stream = make_stream()
    client.put_records(stream, [PutRecord(data=data) for data in (b"a,1\nb,2\n", b"c,3\nd,x\n")])
    with beam.Pipeline(options=bounded_options) as pipeline:
        result = pipeline | source(stream, local_dis, decode=CSVCoder(WORD, records="lines"), dead_letters=True)
        assert_that(result.records | beam.Map(lambda row: row.word), equal_to(["a", "b"]))
        assert_that(result.dead_letters | beam.Map(lambda dead: dead.data), equal_to([b"c,3\nd,x\n"]), label="Dead")


@pytest.mark.fnapi
def test_an_error_handler_takes_the_dead_letters(
    local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    stream = make_stream()
    client.put_records(stream, [PutRecord(data=data) for data in (b"a,1", b"b,x")])
    check = beam.combiners.Count.Globally() | beam.Map(lambda n: n == 1 or pytest.fail(f"{n} dead letters"))
    with (
        beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"])) as pipeline,
        error_handling.ErrorHandler(check) as handler,
    ):
        rows = pipeline | source(stream, local_dis, decode=CSVCoder(WORD)).with_error_handler(handler)
        assert_that(rows | beam.Map(lambda row: row.word), equal_to(["a"]))


@pytest.mark.fnapi
@pytest.mark.parametrize("windowing", [None, FixedWindows(1000)])
@pytest.mark.parametrize(("threshold", "fails"), [(0.7, False), (0.6, True)])
def test_a_threshold_is_the_share_of_dead_letters_in_a_window(
    local_dis: Any, client: DISClient, make_stream: Callable[..., str], threshold: float, fails: bool, windowing: Any
) -> None:
    stream = make_stream()
    client.put_records(stream, [PutRecord(data=data) for data in (b"a,1", b"b,x", b"c,x")])

    def run() -> None:
        with (
            beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"])) as pipeline,
            error_handling.ErrorHandler(beam.Map(lambda letter: letter.error)) as handler,
        ):
            _ = pipeline | source(stream, local_dis, decode=CSVCoder(WORD)).with_error_handler(
                handler, threshold=threshold, threshold_windowing=windowing
            )

    with pytest.raises(Exception, match=r"2 of 3 elements of .* became dead letters") if fails else nullcontext():
        run()


@pytest.mark.fnapi
@pytest.mark.parametrize("event_time", [False, True])
def test_a_stream_of_another_schema_fails_a_read_with_a_limit(
    local_dis: Any, client: DISClient, make_stream: Callable[..., str], event_time: bool
) -> None:
    stream = make_stream()
    client.put_records(stream, [PutRecord(data=b"a,1")] + [PutRecord(data=b"b,x")] * 4)
    options: dict[str, Any] = {"decode": CSVCoder(WORD), "dead_letters": True}
    if event_time:
        options["timestamp_fn"] = lambda _: 5

    def run(most: int) -> None:
        with beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner"])) as pipeline:
            result = pipeline | source(stream, local_dis, max_dead_letters=most, **options)
            assert_that(result.dead_letters | beam.combiners.Count.Globally(), equal_to([4]))

    run(4)
    with pytest.raises(Exception, match="4 records in a row don't decode, and max_dead_letters=3:"):
        run(3)


def test_a_limit_needs_dead_letters() -> None:
    with pytest.raises(ConfigurationError, match="max_dead_letters=3 needs dead_letters=True or with_error_handler"):
        beam.Pipeline() | ReadFromDIS(
            "s", stop="latest", max_dead_letters=3, connection=DISConnection(endpoint="http://h", project_id="p")
        )


@ON_FLINK_TOO
def test_an_undecodable_record_fails_the_pipeline_and_is_named(
    bounded_options: PipelineOptions, local_dis: Any, client: DISClient, make_stream: Callable[..., str]
) -> None:
    stream = make_stream()
    client.put_records(stream, [PutRecord(data=b"b,x")])
    with (
        pytest.raises(
            Exception, match=f"stream '{stream}', partition shardId-0000000000, sequence number 0: field 'n'"
        ),
        beam.Pipeline(options=bounded_options) as pipeline,
    ):
        _ = pipeline | source(stream, local_dis, decode=CSVCoder(WORD))


def test_many_streams_are_each_read_from_their_own_start(
    bounded_options: PipelineOptions, local_dis: Any, filled: Callable[..., str]
) -> None:
    first, second = filled(10, partitions=1), filled(10, partitions=1, first=100)
    with beam.Pipeline(options=bounded_options) as pipeline:
        names = pipeline | beam.Create([first, (second, StartingPosition.at_sequence_number({0: 7}))])
        records = names | ReadAllFromDIS(stop=LATEST, connection=local_dis.connection)
        seen = records | beam.Map(lambda record: (record.stream, int(record.data)))
        assert_that(seen, equal_to([(first, n) for n in range(10)] + [(second, n) for n in (107, 108, 109)]))


def test_a_missing_stream_is_named(bounded_options: PipelineOptions, local_dis: Any) -> None:
    with pytest.raises(Exception, match="nowhere"), beam.Pipeline(options=bounded_options) as pipeline:
        _ = pipeline | source("nowhere", local_dis)
    with pytest.raises(StreamNotFoundError, match="nowhere"):
        _ = beam.Pipeline(options=bounded_options) | source("nowhere", local_dis, decode="rows")


def test_a_connection_without_a_project_is_refused_before_the_pipeline_runs() -> None:
    connection = DISConnection(endpoint="https://dis.example")
    with pytest.raises(ConfigurationError, match="no project id"):
        _ = beam.Pipeline() | ReadFromDIS("flights", stop=LATEST, connection=connection)
