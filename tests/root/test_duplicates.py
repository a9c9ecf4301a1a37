"""DropDuplicates passes on the first element of each id, and forgets an id when the watermark says that it may."""

from __future__ import annotations

import enum
import pickle
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
import pytest
from apache_beam.metrics import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing import test_stream
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import FixedWindows, TimestampedValue
from running_pipelines import ON_FLINK_TOO, eventually, running, values_in

from beam_dis import DISClient, DropDuplicates, JSONCoder, PutRecord, ReadFromDIS, WriteToDIS
from beam_dis.errors import ConfigurationError, EncodeError
from beam_dis.local import LocalDIS
from beam_dis.testing import Reset

Colour = enum.Enum("Colour", {"RED": "red"}, type=str)
ORDER = (
    '{"type": "record", "name": "Order", "fields": [{"name": "order", "type": "string"}, {"name": "n", "type": "int"}]}'
)


class Order(NamedTuple):
    order: Any
    n: int


@pytest.fixture
def faulty_dis() -> Iterator[LocalDIS]:
    with LocalDIS() as dis:
        yield dis


def check(ids: Iterable[Any], numbers: list[int], by: Any = "order") -> None:
    """Number the ids, and check whose elements are passed on."""
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        orders = pipeline | beam.Create([pickle.dumps({"order": each, "n": n}) for n, each in enumerate(ids)])
        kept = orders | beam.Map(pickle.loads) | DropDuplicates(by, within=60)
        assert_that(kept | beam.Map(lambda order: order["n"]), equal_to(numbers))


@pytest.mark.parametrize(
    ("by", "within", "message"),
    [
        (None, 60, "by=None is neither the name of a field"),
        ("", 60, "by='' is neither"),
        ("order", 0, "within=0 is not a number of seconds"),
        ("order", "60", "within='60'"),
        ("order", True, "within=True"),
        ("order", float("nan"), "within=nan"),
        ("order", 1e9, "at most a year"),
    ],
)
def test_a_wrong_argument_is_named(by: Any, within: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        DropDuplicates(by, within=within)


def test_windows_before_it_are_refused() -> None:
    windowed = beam.Pipeline() | beam.Create([1]) | beam.WindowInto(FixedWindows(60))
    with pytest.raises(ConfigurationError, match=r"FixedWindows.*Put DropDuplicates before WindowInto"):
        windowed | DropDuplicates(str, within=60)


@pytest.mark.integration
@pytest.mark.fnapi
class TestIds:
    def test_the_type_of_the_elements_is_kept(self) -> None:
        orders = beam.Pipeline() | beam.Create([Order("a", 1)]).with_output_types(Order)
        assert (orders | DropDuplicates("order", within=60)).element_type == Order

    @pytest.mark.parametrize(
        "pair",
        [("a", np.str_("a")), ("red", Colour.RED), (5, np.int64(5)), (b"a", bytearray(b"a"))],
    )
    def test_equal_ids_are_one(self, pair: tuple[Any, Any]) -> None:
        check(pair, [0])

    @pytest.mark.parametrize("pair", [("1", 1), ("a", b"a"), ("", b""), (0, "0"), (2**70, 2**70 + 1)])
    def test_different_ids_are_two(self, pair: tuple[Any, Any]) -> None:
        check(pair, [0, 1])

    @pytest.mark.parametrize("value", [None, 1.5, True, ["a"]])
    def test_another_type_is_refused_with_its_value(self, value: Any) -> None:
        with pytest.raises(EncodeError, match="which is not text, bytes or an int"):
            check([value], [])

    def test_a_missing_field_is_named(self) -> None:
        with pytest.raises(EncodeError, match="has no field 'id'"):
            check(["a"], [], by="id")


@pytest.mark.integration
@pytest.mark.fnapi
def test_an_id_is_forgotten_after_its_time() -> None:
    """The third copy comes when the watermark has passed the first one's time by more than a minute."""
    copies = test_stream.TestStream().advance_watermark_to(0)
    copies.add_elements([TimestampedValue(("a", 1), 10), TimestampedValue(("b", 1), 0)])
    copies.advance_watermark_to(65).add_elements([TimestampedValue(("a", 2), 69)])
    copies.advance_watermark_to(71).add_elements([TimestampedValue(("a", 3), 71)]).advance_watermark_to_infinity()
    options = PipelineOptions(["--runner=BundleBasedDirectRunner", "--streaming"])  # it has a TestStream
    with beam.Pipeline(options=options) as pipeline:
        kept = pipeline | copies | DropDuplicates(lambda element: element[0], within=60)
        assert_that(kept, equal_to([("a", 1), ("b", 1), ("a", 3)]))


@pytest.mark.integration
@ON_FLINK_TOO
def test_a_bounded_read_has_each_order_once(
    local_dis: Any, dis_stream: Callable[..., str], bounded_options: PipelineOptions
) -> None:
    """Order n is there n % 3 + 1 times, in different partitions."""
    stream = dis_stream(partitions=3)
    copies = [(b'{"order": "o%d", "n": %d}' % (n, n), copy) for n in range(300) for copy in range(n % 3 + 1)]
    with DISClient(local_dis.connection) as client:
        client.put_records(stream, [PutRecord(data, partition_id=copy) for data, copy in copies[:300]])
        client.put_records(stream, [PutRecord(data, partition_id=copy) for data, copy in copies[300:]])
    pipeline = beam.Pipeline(options=bounded_options)
    orders = pipeline | ReadFromDIS(stream, stop="latest", decode=JSONCoder(ORDER), connection=local_dis.connection)
    numbers = orders | DropDuplicates("order", within=3600) | beam.Map(lambda order: order.n)
    assert_that(numbers, equal_to(range(300)))
    result = pipeline.run()
    result.wait_until_finish()
    counters = result.metrics().query(MetricsFilter().with_namespace("beam_dis.duplicates"))["counters"]
    assert sum(counter.result for counter in counters) == len(copies) - 300


@pytest.mark.integration
def test_records_that_were_put_again_are_dropped(faulty_dis: LocalDIS, bounded_options: PipelineOptions) -> None:
    """The service stores every third request and doesn't answer it, so the sink puts its records again."""
    faulty_dis.inject(Reset(operation="put_records", when="after", rate=0.3, seed=5))
    reading = ReadFromDIS("orders", stop="latest", decode="bytes", connection=faulty_dis.connection)
    with DISClient(faulty_dis.connection) as client:
        client.create_stream("orders", partition_count=2)
        with beam.Pipeline(options=bounded_options) as pipeline:
            numbers = pipeline | beam.Create(range(2000)) | beam.Map(lambda n: b"%d" % n)
            numbers | WriteToDIS("orders", batch_records=20, connection=faulty_dis.connection)
        assert len(values_in(client, "orders")) > 2000
    with beam.Pipeline(options=bounded_options) as pipeline:
        assert_that(pipeline | reading | DropDuplicates(bytes, within=3600) | beam.Map(int), equal_to(range(2000)))


@pytest.mark.integration
def test_an_endless_read_has_windows_of_each_order_once(
    local_dis: Any, dis_stream: Callable[..., str], endless_options: PipelineOptions
) -> None:
    """The timers of remembered ids, an hour ahead, don't hold windows back."""
    source, target = dis_stream(), dis_stream()
    orders = [PutRecord(b"%d" % (n % 100)) for n in range(300)]
    with DISClient(local_dis.connection) as client:
        client.put_records(source, orders)
        pipeline = beam.Pipeline(options=endless_options)
        distinct = (
            pipeline
            | ReadFromDIS(source, decode="bytes", connection=local_dis.connection)
            | DropDuplicates(bytes, within=3600)
        )
        counts = distinct | beam.WindowInto(FixedWindows(1)) | beam.Map(lambda _: ("all", 1)) | beam.CombinePerKey(sum)
        counts | beam.MapTuple(lambda _, n: b"%d" % n) | WriteToDIS(target, connection=local_dis.connection)
        with running(pipeline):
            eventually(lambda: sum(values_in(client, target)), 100)
            client.put_records(source, [*orders, PutRecord(b"new")])
            eventually(lambda: sum(values_in(client, target)), 101)
