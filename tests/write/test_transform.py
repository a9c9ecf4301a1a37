from contextlib import nullcontext
from typing import NamedTuple

import apache_beam as beam
import pytest
from apache_beam.coders import BytesCoder, StrUtf8Coder
from apache_beam.metrics.metric import Lineage, MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pipeline import PipelineVisitor
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.display import DisplayData
from apache_beam.transforms.error_handling import ErrorHandler
from apache_beam.transforms.util import WaitOn
from apache_beam.transforms.window import (
    FixedWindows,
    GlobalWindow,
    GlobalWindows,
    IntervalWindow,
    SlidingWindows,
    TimestampedValue,
)
from apache_beam.typehints import schemas
from fake_service import BROKEN, FakeService, Partly, ServiceOf

from beam_dis.coders import JSONCoder
from beam_dis.connection import DISConnection
from beam_dis.credentials import Credentials
from beam_dis.dead_letter import DeadLetter
from beam_dis.errors import ConfigurationError, EncodeError
from beam_dis.record import DISRecord
from beam_dis.stream_service import WriteLimits
from beam_dis.wire.ranges import partition_id
from beam_dis.write import WriteToDIS, WriteToDISResult, WrittenRecord
from beam_dis.write.put_records import PutRecordsFn

pytestmark = pytest.mark.fnapi

SCHEMA = '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "string"}]}'
LOCAL = DISConnection(endpoint="http://127.0.0.1:1", project_id="p")
LIMITS = WriteLimits(request_records=3, request_bytes=300, record_bytes=100)


class Flight(NamedTuple):
    carrier: str
    number: int


def secret():
    return Credentials(access_key="ak", secret_key="sk")


def first(element):
    return element[0]


class SeenRecords:
    """Pairs an element with the number of records that stream "s" has by now."""

    def __init__(self, service):
        self.service_of = ServiceOf(service)

    def __call__(self, element):
        return element, len(self.service_of(None).written("s"))


@pytest.fixture
def service():
    return FakeService.empty(limits=LIMITS, streams=("s", "t"))


@pytest.fixture
def write(service, write_through):
    """Makes a WriteToDIS to the service of the test: ``write(encode="record")``."""

    def write(stream="s", **arguments):
        return write_through(service, WriteToDIS(stream, connection=LOCAL, **arguments))

    return write


def with_time(element, timestamp=beam.DoFn.TimestampParam, window=beam.DoFn.WindowParam):
    return element, int(timestamp), window


def seconds(*times):
    return beam.Create([TimestampedValue(b"%d" % time, time) for time in times])


def run(build, *flags):
    """Run the pipeline that ``build`` makes, in this process, and return its metrics."""
    pipeline = beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions(list(flags)))
    build(pipeline)
    result = pipeline.run()
    result.wait_until_finish()
    return result.metrics()


def test_bytes_are_written_as_they_are(service, write):
    run(lambda p: p | beam.Create([b"a", b"b"]) | write())
    assert sorted(record.data for record in service.written("s")) == [b"a", b"b"]


def test_a_bytearray_is_written_as_bytes(service, write):
    run(lambda p: p | beam.Create([bytearray(b"a"), b"b"]) | write())
    assert sorted(record.data for record in service.written("s")) == [b"a", b"b"]


def test_rows_are_routed_by_their_fields(service, write):
    sink = write(encode=lambda flight: flight.carrier.encode(), partition_key="carrier", explicit_hash_key="number")
    run(lambda p: p | beam.Create([Flight("AA", 7)]) | sink)
    assert [(r.data, r.partition_key, r.explicit_hash_key) for r in service.written("s")] == [(b"AA", "AA", "7")]


def test_a_record_is_copied_with_its_key(service, write):
    record = DISRecord("other", partition_id(0), 5, "k", b"data", 0)
    run(lambda p: p | beam.Create([record]) | write(encode="record"))
    assert [(record.partition_key, record.data) for record in service.written("s")] == [("k", b"data")]


def test_a_beam_coder_encodes(service, write):
    run(lambda p: p | beam.Create(["ä"]) | write(encode=StrUtf8Coder()))
    assert ["ä".encode()] == [record.data for record in service.written("s")]


def test_results_carry_their_element_s_timestamp_and_window(service, write):
    def build(p):
        result = p | seconds(1, 11) | beam.WindowInto(FixedWindows(10)) | write(results=True)
        times = result.written | beam.Map(with_time) | beam.Map(lambda it: it[1:])
        assert_that(times, equal_to([(1, IntervalWindow(0, 10)), (11, IntervalWindow(10, 20))]))

    run(build)


def test_an_element_in_three_windows_is_written_once_with_a_result_in_each(service, write):
    def build(p):
        result = p | seconds(25) | beam.WindowInto(SlidingWindows(30, 10)) | write(results=True)
        windows = [IntervalWindow(start, start + 30) for start in (0, 10, 20)]
        expected = [(WrittenRecord("s", partition_id(0), 0, None), 25, window) for window in windows]
        assert_that(result.written | beam.Map(with_time), equal_to(expected))

    run(build)
    assert len(service.written("s")) == 1


@pytest.mark.parametrize("windowing", [beam.WindowInto(FixedWindows(10)), beam.WindowInto(SlidingWindows(30, 10))])
def test_every_element_has_one_result_even_with_many_requests(service, write, windowing):
    def build(p):
        result = p | seconds(*range(100)) | windowing | write(results=True)
        numbers = result.written | "Global" >> beam.WindowInto(GlobalWindows()) | beam.Map(lambda r: r.sequence_number)
        assert_that(numbers | beam.Distinct(), equal_to(list(range(100))))

    run(build)
    assert len(service.written("s")) == 100


def test_dead_letters_carry_their_element_s_timestamp_and_windows(service, write):
    def build(p):
        result = (
            p | seconds(25) | beam.WindowInto(SlidingWindows(30, 10)) | write(encode=lambda _: 7, dead_letters=True)
        )
        times = result.dead_letters | beam.Map(with_time) | beam.Map(lambda it: (it[0].element, it[1], it[2].start))
        assert_that(times, equal_to([(b"25", 25, start) for start in (0, 10, 20)]))

    run(build)
    assert service.written("s") == []


def test_a_record_too_large_is_a_dead_letter_and_the_rest_is_written(service, write):
    def build(p):
        result = p | beam.Create([b"a", b"a" * 101]) | write(dead_letters=True)
        errors = result.dead_letters | beam.Map(lambda letter: letter.error)
        assert_that(errors, equal_to(["the record has 101 bytes; stream 's' takes 100 at most"]))

    run(build)
    assert [record.data for record in service.written("s")] == [b"a"]


def test_without_dead_letters_a_record_too_large_fails_the_pipeline(service, write):
    with pytest.raises(EncodeError, match="the record has 101 bytes; stream 's' takes 100 at most"):
        run(lambda p: p | beam.Create([b"a" * 101]) | write())


def test_an_error_handler_takes_the_dead_letters(service, write):
    def build(p):
        with ErrorHandler(beam.Map(lambda letter: letter.element)) as handler:
            result = p | beam.Create([b"a", b""]) | write(results=True).with_error_handler(handler)
        assert_that(handler.output(), equal_to([b""]))
        assert_that(result.written, equal_to([WrittenRecord("s", partition_id(0), 0, None)]), label="Written")
        assert result.dead_letters is None

    run(build)


@pytest.mark.parametrize(("threshold", "fails"), [(0.5, False), (0.4, True), (0, True)])
def test_a_threshold_is_the_share_of_elements_that_may_fail(write, threshold, fails):
    def build(p):
        with ErrorHandler(beam.Map(lambda letter: letter.element)) as handler:
            p | beam.Create([b"a", b""]) | write().with_error_handler(handler, threshold=threshold)

    with pytest.raises(Exception, match=r"1 of 2 elements of .* became dead letters") if fails else nullcontext():
        run(build)


@pytest.mark.parametrize("threshold", [-0.1, 1.5, "0.5", True, None])
def test_a_threshold_that_is_no_share_is_refused(write, threshold):
    with pytest.raises(ConfigurationError, match="threshold="):
        write().with_error_handler(None, threshold=threshold)


def test_with_an_error_handler_results_are_returned_only_if_asked_for(write):
    with ErrorHandler(beam.Map(lambda letter: letter.element)) as handler:
        result = beam.Pipeline(runner=FnApiRunner()) | beam.Create([b"a"]) | write().with_error_handler(handler)
    assert isinstance(result, WriteToDISResult)
    assert (result.written, result.dead_letters) == (None, None)


def test_done_has_no_elements(service, write):
    def build(p):
        result = p | seconds(1, 11) | beam.WindowInto(FixedWindows(10)) | write(results=True, dead_letters=True)
        assert_that(result.done, equal_to([]))

    run(build)


def test_what_waits_on_done_runs_after_the_records_are_in_the_stream(service, write):
    """The branch that waits is built first, since a runner may well run steps in the order in which they were built."""
    seen = SeenRecords(service)

    def build(p):
        waiting = p | "Waiting" >> beam.Create([1])
        result = p | "Written" >> beam.Create([b"%d" % number for number in range(100)]) | write()
        assert_that(waiting | WaitOn(result.done) | beam.Map(seen), equal_to([(1, 100)]))

    run(build)


@pytest.mark.parametrize("windows", [FixedWindows(10), SlidingWindows(20, 10)])
def test_windows_of_another_collection_can_wait_on_done(service, write, windows):
    seen = SeenRecords(service)

    def build(p):
        waiting = p | "Waiting" >> seconds(5) | "Windows" >> beam.WindowInto(windows)
        result = p | "Written" >> seconds(1, 2) | beam.WindowInto(windows) | write()
        released = waiting | WaitOn(result.done) | "Global" >> beam.WindowInto(GlobalWindows()) | beam.Map(seen)
        assert_that(released | beam.Distinct(), equal_to([(b"5", 2)]))

    run(build)


def test_counters_count_records_requests_and_retries(service, write):
    service.faults = iter([Partly(0b1, BROKEN)])
    metrics = run(lambda p: p | beam.Create([b"12", b""]) | write(dead_letters=True))
    counters = metrics.query(MetricsFilter().with_namespace("beam_dis.write"))["counters"]
    expected = {"records": 1, "bytes": 2, "requests": 2, "retries": 1, "refused": 1, "cumulativeThrottlingSeconds": 0}
    expected["retries.DIS.5250"] = 1
    assert expected == {counter.key.metric.name: counter.committed for counter in counters}


def test_the_lineage_is_the_stream(service, write):
    metrics = run(lambda p: p | beam.Create([b"1"]) | write())
    assert Lineage.query(metrics, Lineage.SINK) == {"dis:p.s"}


def test_the_lineage_of_a_stream_function_is_all_streams_written_to(service, write):
    stream_of = write(lambda element: "s" if element < b"5" else "t", dead_letters=True)
    metrics = run(lambda p: p | beam.Create([b"1", b"6", b"7"]) | stream_of)
    assert Lineage.query(metrics, Lineage.SINK) == {"dis:p.s", "dis:p.t"}


def test_a_stream_that_took_no_record_is_not_in_the_lineage(service, write):
    metrics = run(lambda p: p | beam.Create([b""]) | write(dead_letters=True))
    assert Lineage.query(metrics, Lineage.SINK) == set()


def test_display_data_show_the_arguments():
    connection = DISConnection(endpoint=LOCAL.endpoint, project_id="p", region="eu-de", credentials=secret)
    transform = WriteToDIS(
        "s", encode=JSONCoder(SCHEMA), partition_key="a", partition_id=first, ordered=True, connection=connection
    )
    assert shown(transform) == {
        "stream": "s",
        "encode": "JSONCoder",
        "partition_key": "a",
        "partition_id": "first",
        "ordered": True,
        "results": False,
        "dead_letters": False,
        "in_flight": 8,
        "endpoint": LOCAL.endpoint,
        "project_id": "p",
        "region": "eu-de",
    }


def test_display_data_show_a_stream_function_by_its_name():
    assert shown(WriteToDIS(first))["stream"] == "first"


def test_display_data_of_the_step_show_where_the_stream_is():
    """The endpoint may come from the pipeline's options, which only the step knows."""
    p = beam.Pipeline(
        runner=FnApiRunner(), options=PipelineOptions(["--dis_endpoint=http://127.0.0.1:1", "--dis_project_id=p"])
    )
    p | beam.Create([b"a"]) | WriteToDIS("s")
    (step,) = [part for part in steps_of(p) if isinstance(getattr(part, "fn", None), PutRecordsFn)]
    expected = {"stream": "s", "endpoint": "http://127.0.0.1:1", "project_id": "p"}
    assert expected.items() <= shown(step.fn).items()


def shown(transform):
    return {item.key: item.value for item in DisplayData.create_from(transform).items}


def steps_of(pipeline):
    """All transforms of a pipeline, however deep."""
    found = []

    class Visitor(PipelineVisitor):
        def visit_transform(self, node):
            found.append(node.transform)

    pipeline.visit(Visitor())
    return found


def test_what_was_not_asked_for_is_none(write):
    p = beam.Pipeline(runner=FnApiRunner())
    elements = p | beam.Create([b"a"])
    asked = [{}, {"results": True}, {"dead_letters": True}, {"results": True, "dead_letters": True}]
    results = [elements | f"Write{number}" >> write(**arguments) for number, arguments in enumerate(asked)]
    assert {WriteToDISResult} == {type(result) for result in results}
    assert [tuple(output is not None for output in result) for result in results] == [
        (True, False, False),
        (True, True, False),
        (True, False, True),
        (True, True, True),
    ]
    assert results[3].written.element_type == WrittenRecord
    assert results[3].dead_letters.element_type == DeadLetter


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ordered": "partition_key", "partition_key": "k"}, "ordered='partition_key': give True or False"),
        ({"ordered": True}, "give partition_key= too"),
        ({"results": "records"}, "results='records': give True or False"),
        ({"dead_letters": 1}, "dead_letters=1: give True or False"),
        ({"encode": "text"}, "encode='text' is neither"),
        ({"encode": None}, "encode=None is neither"),
        ({"encode": "rows", "partition_id": 7}, "partition_id=7 is neither the name of a field nor a function"),
        ({"partition_key": 7}, "partition_key=7 is neither the name of a field nor a function"),
        ({"connection": "http://x"}, "connection='http://x': give a DISConnection"),
    ],
)
def test_wrong_arguments_are_refused_at_construction(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        WriteToDIS("s", **arguments)


def test_an_argument_that_there_is_not_is_named_with_those_that_there_are():
    with pytest.raises(TypeError, match="WriteToDIS has no argument 'key'; it has stream, encode, partition_key"):
        WriteToDIS("s", key="k")


def test_dead_letters_and_an_error_handler_are_refused():
    with pytest.raises(ConfigurationError, match="use one"):
        WriteToDIS("s", dead_letters=True).with_error_handler(ErrorHandler(beam.Map(print)))


@pytest.mark.parametrize("elements", [beam.Create([Flight("AA", 1)]), beam.Create([beam.Row(carrier="AA", number=1)])])
def test_a_field_that_no_element_has_is_refused_when_the_pipeline_is_built(write, elements):
    with pytest.raises(ConfigurationError, match=r"partition_key='tail': .*they have carrier, number"):
        beam.Pipeline(runner=FnApiRunner()) | elements | write(encode=str, partition_key="tail")


def test_elements_that_encode_does_not_take_are_refused_when_the_pipeline_is_built(write):
    with pytest.raises(ConfigurationError, match=r"encode='bytes' takes bytes, and the elements are .*str"):
        beam.Pipeline(runner=FnApiRunner()) | beam.Create(["text"]) | write()


def test_no_endpoint_is_refused_when_the_pipeline_is_built(monkeypatch):
    for name in ("HUAWEICLOUD_SDK_REGION", "HUAWEICLOUD_SDK_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ConfigurationError, match="no DIS to connect to"):
        beam.Pipeline(runner=FnApiRunner()) | beam.Create([b"a"]) | WriteToDIS("s")


def test_the_global_window_is_kept(service, write):
    def build(p):
        result = p | beam.Create([b"a"]) | write(encode=BytesCoder(), results=True)
        assert_that(result.written | beam.Map(with_time) | beam.Map(lambda it: it[2]), equal_to([GlobalWindow()]))

    run(build)


@pytest.mark.parametrize(("results", "untyped"), [(WrittenRecord, []), (DeadLetter, ["element"])])
def test_results_have_types_in_beams_schema(results, untyped):
    fields = schemas.named_tuple_to_schema(results).fields
    assert [field.name for field in fields if field.type.WhichOneof("type_info") != "atomic_type"] == untyped
