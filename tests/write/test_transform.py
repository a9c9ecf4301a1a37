import functools
from typing import NamedTuple

import apache_beam as beam
import pytest
from apache_beam.coders import BytesCoder, StrUtf8Coder
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.error_handling import ErrorHandler
from apache_beam.transforms.window import (
    FixedWindows,
    GlobalWindow,
    GlobalWindows,
    IntervalWindow,
    SlidingWindows,
    TimestampedValue,
)
from apache_beam.typehints import schemas

from beam_dis.connection import DISConnection
from beam_dis.dead_letter import DeadLetter
from beam_dis.errors import ConfigurationError, EncodeError
from beam_dis.record import DISRecord
from beam_dis.stream_service import WriteLimits
from beam_dis.wire.ranges import partition_id
from beam_dis.write import WriteToDIS, WriteToDISResult, WrittenRecord, put_records

pytestmark = pytest.mark.fnapi

LOCAL = DISConnection(endpoint="http://127.0.0.1:1", project_id="p")
LIMITS = WriteLimits(request_records=3, request_bytes=300, record_bytes=100)


class Flight(NamedTuple):
    carrier: str
    number: int


@pytest.fixture
def service(memory, monkeypatch):
    service = memory.Service(limits=LIMITS)
    monkeypatch.setattr(put_records, "shared_service", lambda connection: service)
    return service


@pytest.fixture
def write():
    return functools.partial(WriteToDIS, "s", connection=LOCAL)


def placed(element, timestamp=beam.DoFn.TimestampParam, window=beam.DoFn.WindowParam):
    return element, int(timestamp), window


def seconds(*times):
    return beam.Create([TimestampedValue(b"%d" % time, time) for time in times])


def run(build):
    """Run what ``build`` makes of a pipeline, in this process; its metrics."""
    pipeline = beam.Pipeline(runner=FnApiRunner())
    build(pipeline)
    result = pipeline.run()
    result.wait_until_finish()
    return result.metrics()


def test_bytes_are_written_as_they_are(service, write):
    run(lambda p: p | beam.Create([b"a", b"b"]) | write())
    assert sorted(record.data for record in service.logs["s"]) == [b"a", b"b"]


def test_rows_are_routed_by_their_fields(service, write):
    sink = write(encode=lambda flight: flight.carrier.encode(), partition_key="carrier", explicit_hash_key="number")
    run(lambda p: p | beam.Create([Flight("AA", 7)]) | sink)
    assert [(r.data, r.partition_key, r.explicit_hash_key) for r in service.logs["s"]] == [(b"AA", "AA", "7")]


def test_a_record_is_copied_with_its_key(service, write):
    record = DISRecord("other", partition_id(0), 5, "k", b"data", 0)
    run(lambda p: p | beam.Create([record]) | write(encode="record"))
    assert [(record.partition_key, record.data) for record in service.logs["s"]] == [("k", b"data")]


def test_a_beam_coder_encodes(service, write):
    run(lambda p: p | beam.Create(["ä"]) | write(encode=StrUtf8Coder()))
    assert ["ä".encode()] == [record.data for record in service.logs["s"]]


def test_results_carry_their_element_s_timestamp_and_window(service, write):
    def build(p):
        result = p | seconds(1, 11) | beam.WindowInto(FixedWindows(10)) | write(written="records")
        places = result.written | beam.Map(placed)
        assert_that(
            places | beam.Map(lambda it: it[1:]), equal_to([(1, IntervalWindow(0, 10)), (11, IntervalWindow(10, 20))])
        )

    run(build)


def test_an_element_in_three_sliding_windows_is_written_once_and_its_result_is_in_all_three(service, write):
    def build(p):
        result = p | seconds(25) | beam.WindowInto(SlidingWindows(30, 10)) | write(written="records")
        windows = [IntervalWindow(start, start + 30) for start in (0, 10, 20)]
        expected = [(WrittenRecord("s", partition_id(0), 0, None), 25, window) for window in windows]
        assert_that(result.written | beam.Map(placed), equal_to(expected))

    run(build)
    assert len(service.logs["s"]) == 1


@pytest.mark.parametrize("windowing", [beam.WindowInto(FixedWindows(10)), beam.WindowInto(SlidingWindows(30, 10))])
def test_every_element_has_one_result_however_many_requests_it_takes(service, write, windowing):
    def build(p):
        result = p | seconds(*range(100)) | windowing | write(written="records")
        numbers = result.written | "Global" >> beam.WindowInto(GlobalWindows()) | beam.Map(lambda r: r.sequence_number)
        assert_that(numbers | beam.Distinct(), equal_to(list(range(100))))

    run(build)
    assert len(service.logs["s"]) == 100


def test_dead_letters_carry_their_element_s_timestamp_and_windows(service, write):
    def build(p):
        result = (
            p | seconds(25) | beam.WindowInto(SlidingWindows(30, 10)) | write(encode=lambda _: 7, dead_letters=True)
        )
        where = result.dead_letters | beam.Map(placed) | beam.Map(lambda it: (it[0].element, it[1], it[2].start))
        assert_that(where, equal_to([(b"25", 25, start) for start in (0, 10, 20)]))

    run(build)
    assert service.logs["s"] == []


def test_a_record_too_large_is_a_dead_letter_and_the_rest_is_written(service, write):
    def build(p):
        result = p | beam.Create([b"a", b"a" * 101]) | write(dead_letters=True)
        errors = result.dead_letters | beam.Map(lambda letter: letter.error)
        assert_that(errors, equal_to(["the record has 101 bytes; stream 's' takes 100 at most"]))

    run(build)
    assert [record.data for record in service.logs["s"]] == [b"a"]


def test_a_record_too_large_fails_the_pipeline_without(service, write):
    with pytest.raises(EncodeError, match="the record has 101 bytes; stream 's' takes 100 at most"):
        run(lambda p: p | beam.Create([b"a" * 101]) | write())


def test_an_error_handler_takes_the_dead_letters_and_the_rest_is_returned(service, write):
    def build(p):
        with ErrorHandler(beam.Map(lambda letter: letter.element)) as handler:
            written = p | beam.Create([b"a", b""]) | write().with_error_handler(handler)
        assert_that(handler.output(), equal_to([b""]))
        assert_that(written, equal_to([WrittenRecord("s", partition_id(0), 0, None)]), label="Written")

    run(build)


def test_counters_say_what_was_written_and_what_it_took(service, write, memory):
    service.faults = iter([memory.Partly(0b1, memory.BROKEN)])
    metrics = run(lambda p: p | beam.Create([b"12", b""]) | write(dead_letters=True))
    counters = metrics.query(MetricsFilter().with_namespace("beam_dis.write"))["counters"]
    expected = {"records": 1, "bytes": 2, "requests": 2, "retries": 1, "refused": 1, "cumulativeThrottlingSeconds": 0}
    assert expected == {counter.key.metric.name: counter.committed for counter in counters}


def test_a_result_holds_what_was_asked_for(write):
    p = beam.Pipeline(runner=FnApiRunner())
    elements = p | beam.Create([b"a"])
    asked = [{}, {"written": "records"}, {"dead_letters": True}, {"written": "records", "dead_letters": True}]
    results = [elements | f"Write{number}" >> write(**arguments) for number, arguments in enumerate(asked)]
    assert {WriteToDISResult} == {type(result) for result in results}
    assert [(result.written is not None, result.dead_letters is not None) for result in results] == [
        (False, False),
        (True, False),
        (False, True),
        (True, True),
    ]
    assert (WrittenRecord, DeadLetter) == tuple(pcollection.element_type for pcollection in results[3])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ordering": "key", "partition_key": "k"}, r"ordering='key': the choices are None and 'partition_key'"),
        ({"ordering": "partition_key"}, "give partition_key= too"),
        ({"written": True}, r"written=True: the choices are None and 'records'"),
        ({"dead_letters": 1}, "dead_letters=1: give True or False"),
        ({"encode": "text"}, "encode='text' is neither"),
        ({"encode": None}, "encode=None is neither"),
        ({"encode": "rows", "partition_id": 7}, "partition_id=7 is neither a field's name nor a function"),
        ({"partition_key": 7}, "partition_key=7 is neither a field's name nor a function"),
        ({"connection": "http://x"}, "connection='http://x': give a DISConnection"),
    ],
)
def test_wrong_arguments_are_refused_at_construction(arguments, message):
    with pytest.raises(ConfigurationError, match=message):
        WriteToDIS("s", **arguments)


def test_one_schema_for_a_stream_of_each_element_is_refused():
    with pytest.raises(ConfigurationError, match='encode="rows" needs one stream'):
        WriteToDIS(lambda _: "s", encode="rows")


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
        result = p | beam.Create([b"a"]) | write(encode=BytesCoder(), written="records")
        assert_that(result.written | beam.Map(placed) | beam.Map(lambda it: it[2]), equal_to([GlobalWindow()]))

    run(build)


@pytest.mark.parametrize(("results", "untyped"), [(WrittenRecord, []), (DeadLetter, ["element"])])
def test_results_have_types_in_beams_schema_and_are_not_pickled_field_by_field(results, untyped):
    fields = schemas.named_tuple_to_schema(results).fields
    assert [field.name for field in fields if field.type.WhichOneof("type_info") != "atomic_type"] == untyped
