"""WriteToDIS against a local DIS, and what V3IO has too against a local V3IO; the records are read back with the clients."""

import itertools
import operator
import threading
from typing import NamedTuple

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing import test_stream
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.util import WaitOn
from apache_beam.transforms.window import FixedWindows, SlidingWindows, TimestampedValue
from fake_time import FakeTime, in_memory_sender
from running_pipelines import eventually
from two_services import ON_BOTH_SERVICES, everything

from beam_dis.client.dis_client import DISClient
from beam_dis.connection import DISConnection
from beam_dis.dead_letter import DeadLetter
from beam_dis.errors import EncodeError, StreamNotFoundError, TransportError, WriteError
from beam_dis.local import LocalDIS
from beam_dis.services import shared_service
from beam_dis.stream_service import NotWritten
from beam_dis.testing import RequestRefused
from beam_dis.write import WriteToDIS
from beam_dis.write.bundle import BundleWriter, WritePlan
from beam_dis.write.routing import element_encoder
from beam_dis.write.streams import Streams

pytestmark = [pytest.mark.integration, pytest.mark.fnapi]

EVERYWHERE = pytest.mark.parametrize(
    "runner",
    [
        "FnApiRunner",
        pytest.param("PrismRunner", marks=pytest.mark.prism),
        pytest.param("FlinkRunner", marks=pytest.mark.flink),
    ],
)


class Element(NamedTuple):
    """Carries an element, as Beam's WindowedValue does."""

    value: bytes


def run(build, *flags):
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner", *flags]))
    build(pipeline)
    pipeline.run().wait_until_finish()


def record_at(written, connection):
    """The key of a WrittenRecord, and key and data of the record that it names."""
    (record,) = [each for each in everything(connection, written.stream) if place_of(each) == place_of(written)]
    return written.partition_key, record.partition_key, record.data


def place_of(record):
    return record.partition_id, record.sequence_number


class Failing:
    """The real service; its first requests fail, one for each fault."""

    def __init__(self, service, faults):
        self._service = service
        self._faults = iter(faults)
        self.describe = service.describe

    def write(self, stream, records):
        """Write. A fault n refuses every n-th record; an exception is raised after writing, so the answer is lost."""
        fault = next(self._faults, None)
        if fault is None or isinstance(fault, Exception):
            answers = self._service.write(stream, records)
            if fault is not None:
                raise fault
            return answers
        return self._write_partly(stream, records, range(0, len(records), fault))

    def _write_partly(self, stream, records, refused):
        kept = [record for index, record in enumerate(records) if index not in refused]
        answers = iter(self._service.write(stream, kept) if kept else ())
        no = NotWritten("DIS.4303", "Exceeded traffic control limit.", retriable=True, throttled=True)
        return [no if index in refused else next(answers) for index in range(len(records))]


@pytest.fixture
def failing(streams, sink, write_through):
    """A sink whose requests fail: ``failing([3, 2], stream)`` refuses each third record of the first, half of the next."""

    def failing(faults, stream, **arguments):
        return write_through(Failing(shared_service(streams.connection), faults), sink(stream, **arguments))

    return failing


@pytest.fixture
def flags(runner, runner_flags):
    """The pipeline's options for a runner."""
    return runner_flags(runner)


@pytest.fixture
def sink(streams):
    return lambda stream, **arguments: WriteToDIS(stream, connection=streams.connection, **arguments)


def numbers(count):
    return beam.Create(range(count), reshuffle=False) | "Bytes" >> beam.Map(lambda n: b"%d" % n).with_output_types(
        bytes
    )


@ON_BOTH_SERVICES
@pytest.mark.each_runner
@EVERYWHERE
def test_ten_thousand_elements_are_written_once_each_with_its_key(streams, sink, flags):
    stream = streams.create(4)
    run(lambda p: p | numbers(10_000) | sink(stream, partition_key=bytes.decode), *flags)
    records = everything(streams.connection, stream)
    assert sorted(int(record.data) for record in records) == list(range(10_000))
    assert all(record.partition_key == record.data.decode() for record in records)
    assert len({record.partition_id for record in records}) == 4


@ON_BOTH_SERVICES
def test_results_say_where_the_records_are(streams, sink):
    stream = streams.create(2)

    def build(p):
        result = p | beam.Create([b"a", b"b", b"c"]) | sink(stream, partition_key=bytes.decode, results=True)
        found = result.written | beam.Map(record_at, streams.connection)
        assert_that(found, equal_to([("a", "a", b"a"), ("b", "b", b"b"), ("c", "c", b"c")]))

    run(build)


def last_digit(data):
    return data[-1:].decode()


@ON_BOTH_SERVICES
@pytest.mark.parametrize("ordered", [False, True])
def test_every_element_arrives_through_partial_failures_and_lost_answers(streams, failing, ordered):
    stream = streams.create(2)
    faults = [3, TransportError("the connection was cut"), 2, 1]
    run(lambda p: p | numbers(5_000) | failing(faults, stream, partition_key=last_digit, ordered=ordered))
    assert {int(record.data) for record in everything(streams.connection, stream)} == set(range(5_000))


@ON_BOTH_SERVICES
def test_with_ordering_the_last_copies_of_a_key_are_in_order(streams, failing):
    stream = streams.create(2)
    faults = [3, TransportError("the connection was cut"), 2, 1]
    run(lambda p: p | numbers(5_000) | failing(faults, stream, partition_key=last_digit, ordered=True))
    last = {int(r.data): (r.partition_id, r.sequence_number) for r in everything(streams.connection, stream)}
    for digit in range(10):
        positions = [last[number] for number in range(digit, 5_000, 10)]
        assert positions == sorted(positions)


def test_a_repeated_bundle_writes_its_records_again(local_dis, make_stream, sink, failing):
    stream = make_stream()
    gone = StreamNotFoundError("gone", code="DIS.4301", status=400)
    with pytest.raises(StreamNotFoundError, match="gone"):
        run(lambda p: p | numbers(10) | failing([gone], stream))
    run(lambda p: p | numbers(10) | sink(stream))
    written = [int(record.data) for record in everything(local_dis.connection, stream)]
    assert written == [*range(10), *range(10)]


@ON_BOTH_SERVICES
def test_a_refused_record_is_a_dead_letter_and_the_others_are_written(streams, sink):
    stream = streams.create(2)

    def build(p):
        partition = {"partition_id": lambda data: 7 if data == b"b" else 0}
        result = p | beam.Create([b"a", b"b", b"c"]) | sink(stream, **partition, dead_letters=True)
        letters = result.dead_letters | beam.Map(
            lambda letter: (letter.code, letter.stream, letter.data, letter.element)
        )
        assert_that(letters, equal_to([(streams.no_partition, stream, b"b", b"b")]))

    run(build)
    assert sorted(record.data for record in everything(streams.connection, stream)) == [b"a", b"c"]


@ON_BOTH_SERVICES
@EVERYWHERE
def test_an_element_in_three_windows_is_one_record_with_a_result_in_each(streams, sink, flags):
    stream = streams.create()

    def build(p):
        elements = p | beam.Create([TimestampedValue(b"a", 25)]) | beam.WindowInto(SlidingWindows(30, 10))
        result = elements | sink(stream, results=True)
        found = result.written | beam.Map(lambda written, window=beam.DoFn.WindowParam: (written[1], int(window.start)))
        assert_that(found, equal_to([("shardId-0000000000", start) for start in (0, 10, 20)]))

    run(build, *flags)
    assert len(everything(streams.connection, stream)) == 1


@ON_BOTH_SERVICES
@EVERYWHERE
def test_what_waits_on_done_runs_after_the_records_are_in_the_stream(streams, sink, flags):
    stream, connection = streams.create(2), streams.connection

    def build(p):
        waiting = p | "Waiting" >> beam.Create([1])
        result = p | numbers(2_000) | sink(stream)
        released = waiting | WaitOn(result.done) | beam.Map(lambda _: len(everything(connection, stream)))
        assert_that(released, equal_to([2_000]))

    run(build, *flags)


@ON_BOTH_SERVICES
@pytest.mark.parametrize("runner", [pytest.param("PrismRunner", marks=pytest.mark.prism)])
def test_an_endless_input_waits_on_done_window_by_window(streams, sink, flags):
    """A window is let through when its own records are written, and not only when all are."""
    stream, connection = streams.create(), streams.connection

    def build(p):
        events = (
            test_stream.TestStream()
            .add_elements([TimestampedValue(b"1", 1), TimestampedValue(b"2", 2)])
            .advance_watermark_to(10)
            .add_elements([TimestampedValue(b"11", 11)])
            .advance_watermark_to_infinity()
        )
        windows = p | events | beam.WindowInto(FixedWindows(10))
        result = windows | sink(stream, encode=lambda element: element)
        released = windows | WaitOn(result.done)
        seen = released | beam.Map(lambda element: (element, len(everything(connection, stream))))
        assert_that(seen, equal_to([(b"1", 2), (b"2", 2), (b"11", 3)]))

    run(build, *flags, "--streaming")


@ON_BOTH_SERVICES
def test_a_refused_record_fails_the_pipeline_with_the_reason(streams, sink):
    stream = streams.create()
    with pytest.raises(
        WriteError, match=rf"1 of 1 records .* refused for good.*'{stream}'.*1 bytes.*{streams.no_partition}"
    ):
        run(lambda p: p | beam.Create([b"a"]) | sink(stream, partition_id=lambda _: 7))


@ON_BOTH_SERVICES
def test_a_record_of_a_mebibyte_is_written_and_one_byte_more_is_refused(streams, sink):
    stream = streams.create()
    run(lambda p: p | beam.Create([b"x" * 2**20]) | sink(stream))
    assert [len(record.data) for record in everything(streams.connection, stream)] == [2**20]
    with pytest.raises(EncodeError, match=r"the record has 1,048,577 bytes; stream .* takes 1,048,576 at most"):
        run(lambda p: p | beam.Create([b"x" * (2**20 + 1)]) | sink(stream))


@ON_BOTH_SERVICES
def test_large_records_are_written_in_several_requests(streams, sink):
    stream = streams.create(2)
    run(lambda p: p | beam.Create([b"%d" % n + b"x" * 400_000 for n in range(9)]) | sink(stream))
    assert len(everything(streams.connection, stream)) == 9


def test_an_unknown_stream_fails_and_the_message_names_the_streams(make_stream, sink):
    there = make_stream()
    with pytest.raises(StreamNotFoundError, match=there):
        run(lambda p: p | beam.Create([b"a"]) | sink("elsewhere"))


@pytest.mark.long
def test_an_unreachable_service_fails_the_pipeline_and_is_named():
    nowhere = DISConnection(endpoint="http://127.0.0.1:9", project_id="p", deadline=1.0)
    with pytest.raises(TransportError, match=r"127\.0\.0\.1:9"):
        run(lambda p: p | beam.Create([b"a"]) | WriteToDIS("s", connection=nowhere))


def test_rows_are_written_by_the_stream_s_schema(local_dis, make_stream, sink):
    schema = '{"type":"record","name":"f","fields":[{"name":"carrier","type":"string"},{"name":"n","type":"int"}]}'
    stream = make_stream(data_type="CSV", data_schema=schema)
    run(lambda p: p | beam.Create([beam.Row(carrier="AA", n=7)]) | sink(stream, encode="rows", partition_key="carrier"))
    assert [(r.partition_key, r.data) for r in everything(local_dis.connection, stream)] == [("AA", b"AA,7")]


@EVERYWHERE
def test_each_row_is_written_by_the_schema_of_the_stream_that_a_function_chooses(local_dis, make_stream, sink, flags):
    schema = '{"type":"record","name":"f","fields":[{"name":"to","type":"string"},{"name":"n","type":"int"}]}'
    make_stream("csv", data_type="CSV", data_schema=schema)
    make_stream("json", data_type="JSON", data_schema=schema)
    make_stream("bare")
    rows = [beam.Row(to=to, n=n) for n, to in enumerate(["csv", "json", "csv", "bare", "missing"])]

    def build(p):
        chosen = sink(operator.attrgetter("to"), encode="rows", partition_key="to", dead_letters=True)
        letters = (p | beam.Create(rows) | chosen).dead_letters
        reasons = letters | beam.Map(
            lambda letter: (letter.stream, letter.code, "encode='rows' of stream 'bare'" in letter.error)
        )
        assert_that(reasons, equal_to([("bare", "", True), ("missing", "DIS.4301", False)]))

    run(build, *flags)
    assert sorted(r.data for r in everything(local_dis.connection, "csv")) == [b"csv,0", b"csv,2"]
    assert [r.data for r in everything(local_dis.connection, "json")] == [b'{"to":"json","n":1}']


class Changing(beam.DoFn):
    """Changes the stream when it sees one number, while other numbers are being written."""

    def __init__(self, number, change, stream, connection):
        self._number, self._change, self._stream, self._connection = number, change, stream, connection

    def process(self, number):
        if number == self._number:
            with DISClient(self._connection) as client:
                self._change(client, self._stream)
        yield b"%d" % number


def numbers_with(change, stream, connection, count=10_000):
    """Numbers as bytes; the stream changes half way."""
    changing = beam.ParDo(Changing(count // 2, change, stream, connection)).with_output_types(bytes)
    return beam.Create(range(count), reshuffle=False) | "Changing" >> changing


def scale_from(before, after, connection):
    """Scales the stream once each of its partitions has a record."""

    def scale(client, stream):
        eventually(lambda: len({record.partition_id for record in everything(connection, stream)}), before)
        client.update_partition_count(stream, target_partition_count=after)

    return scale


@pytest.mark.parametrize(("before", "after"), [(2, 5), (5, 2)])
@pytest.mark.parametrize(
    "arguments",
    [
        {"partition_key": last_digit},
        {"partition_key": last_digit, "ordered": True, "batch_records": 100},
        {"explicit_hash_key": lambda data: int(data[-1:]) * 10**18},
        {},
    ],
    ids=["key", "ordered", "hash key", "no key"],
)
def test_a_stream_that_is_scaled_is_followed(local_dis, make_stream, sink, before, after, arguments):
    """Every record is written once, and with ordering a key's records are in order before it and after it."""
    stream = make_stream(partitions=before)
    change = scale_from(before, after, local_dis.connection)
    run(lambda p: p | numbers_with(change, stream, local_dis.connection) | sink(stream, **arguments))
    records = everything(local_dis.connection, stream)
    assert sorted(int(record.data) for record in records) == list(range(10_000))
    assert len({record.partition_id for record in records}) == 5
    if not arguments.get("ordered"):
        return
    for digit in "0123456789":
        runs = {}
        for record in records:
            if record.partition_key == digit:
                runs.setdefault(record.partition_id, []).append(int(record.data))
        in_turn = sorted(runs.values())
        assert list(itertools.chain(*in_turn)) == list(range(int(digit), 10_000, 10))


def test_a_stream_that_is_still_being_created_is_waited_for(sink):
    with LocalDIS() as dis:
        with DISClient(dis.connection) as client:
            client.create_stream("new", partition_count=1)
        dis.inject(RequestRefused(code="DIS.4205", operation="put_records", count=3))
        run(lambda p: p | numbers(10) | WriteToDIS("new", connection=dis.connection))
        assert len(everything(dis.connection, "new")) == 10


class Recreate:
    """Deletes the stream, and creates it a second later, with other partitions."""

    def __init__(self, connection):
        self._connection = connection

    def __call__(self, client, stream):
        client.delete_stream(stream)
        threading.Timer(1.0, self._create, [stream]).start()

    def _create(self, stream):
        with DISClient(self._connection) as client:
            client.create_stream(stream, partition_count=3)


def test_a_stream_that_is_deleted_and_recreated_takes_what_follows(local_dis, make_stream, sink):
    connection, stream = local_dis.connection, make_stream(partitions=2)
    run(lambda p: p | numbers_with(Recreate(connection), stream, connection) | sink(stream, partition_key=last_digit))
    records = everything(connection, stream)
    assert {*range(5_000, 10_000)} <= {int(record.data) for record in records}
    assert len({record.partition_id for record in records}) == 3


def test_a_stream_that_is_deleted_is_one_error_after_a_minute(local_dis, make_stream):
    """And no dead letters: no element is at fault."""
    time, stream = FakeTime(), make_stream()
    service = shared_service(local_dis.connection)
    plan = WritePlan(stream=stream, to_record=element_encoder(bytes), dead_letters=True, results=True)
    known = Streams(service.describe, clock=time.clock, sleep=time.sleep)
    writer = BundleWriter(plan, service, in_memory_sender(service, time=time), known)
    writer.begin()
    elements = [b"%d" % number for number in range(1_500)]
    results = [result for element in elements for result in writer.add(element, Element(element))]
    with DISClient(local_dis.connection) as client:
        while not everything(local_dis.connection, stream):
            pass
        client.delete_stream(stream)
    with pytest.raises(StreamNotFoundError, match=rf"'{stream}'.*DIS.4301 .*create the stream, or check its name"):
        results += writer.finish()
    assert not [result for result in results if isinstance(result.value, DeadLetter)]
    assert 50 < time.now <= 60
    writer.close()
