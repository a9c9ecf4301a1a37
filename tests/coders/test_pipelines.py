"""Rows of a schema in a pipeline: Beam's usual operations work on them, and they are not pickled between steps."""

import apache_beam as beam
import pytest
from apache_beam.dataframe.convert import to_dataframe, to_pcollection
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.typehints import schemas

from beam_dis.coders import CSVCoder, JSONCoder

pytestmark = [pytest.mark.integration, pytest.mark.fnapi]


@pytest.fixture
def pipeline():
    with beam.Pipeline("FnApiRunner", PipelineOptions([])) as pipeline:
        yield pipeline


@pytest.fixture
def rows(pipeline, flights, flights_schema):
    coder = CSVCoder(flights_schema, null="NA")
    return pipeline | beam.Create(flights[:500]) | beam.Map(coder.decode).with_output_types(coder.to_type_hint())


@pytest.fixture
def delayed(flights, flights_schema):
    coder = CSVCoder(flights_schema, null="NA")
    rows = map(coder.decode, flights[:500])
    return [row for row in rows if row.dep_delay is not None and row.dep_delay > 60]


def test_fields_are_attributes_after_a_shuffle(rows, delayed):
    late = rows | beam.Reshuffle() | beam.Filter(lambda row: row.dep_delay is not None and row.dep_delay > 60)
    assert_that(late | beam.Map(lambda row: row.flight), equal_to([row.flight for row in delayed]))


def test_group_by_works_with_field_names(rows, flights):
    counts = rows | beam.GroupBy("carrier").aggregate_field("flight", beam.combiners.CountCombineFn(), "flights")
    expected = {}
    for line in flights[:500]:
        carrier = line.split(b",")[9].decode()
        expected[carrier] = expected.get(carrier, 0) + 1
    assert_that(counts | beam.Map(lambda row: (row.carrier, row.flights)), equal_to(list(expected.items())))


def test_fields_can_be_averaged_without_a_type_hint(rows, flights):
    mean = rows | beam.Map(lambda row: row.distance) | beam.combiners.Mean.Globally()
    distances = [int(line.split(b",")[15]) for line in flights[:500]]
    assert_that(mean, equal_to([sum(distances) / 500]))


def test_beam_infers_the_schema_and_select_works(rows):
    fields = [field.name for field in schemas.schema_from_element_type(rows.element_type).fields]
    assert fields[:3] == ["year", "month", "day"]
    assert_that(
        rows | beam.Select("origin") | beam.Map(lambda row: row.origin) | beam.Distinct(),
        equal_to(["EWR", "JFK", "LGA"]),
    )


def test_the_pcollection_of_rows_has_a_row_coder(rows):
    coder = beam.coders.registry.get_coder(rows.element_type)
    assert isinstance(coder, beam.coders.RowCoder)


def test_rows_are_of_their_type_after_a_reshuffle_and_in_groups(rows, flights_schema):
    row_type = CSVCoder(flights_schema, null="NA").row_type
    shuffled = rows | beam.Reshuffle() | "type" >> beam.Map(lambda row: type(row) is row_type)
    groups = rows | beam.GroupBy("carrier") | beam.FlatMap(lambda group: [type(row) is row_type for row in group[1]])
    keyed = (
        rows
        | beam.Map(lambda row: (row, 1))
        | beam.CombinePerKey(sum)
        | "key" >> beam.Map(lambda kv: type(kv[0]) is row_type)
    )
    assert_that(shuffled, equal_to([True] * 500), label="shuffled")
    assert_that(groups, equal_to([True] * 500), label="groups")
    assert_that(keyed, equal_to([True] * 500), label="keyed")


def test_a_changed_row_is_of_its_type_after_a_reshuffle(rows, flights_schema):
    row_type = CSVCoder(flights_schema, null="NA").row_type
    changed = rows | beam.Map(lambda row: row._replace(distance=1)) | beam.Reshuffle()
    assert_that(
        changed | "type" >> beam.Map(lambda row: (type(row) is row_type, row.distance)), equal_to([(True, 1)] * 500)
    )


TRIP = {
    "type": "record",
    "name": "Trip",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "name", "type": ["null", "string"]},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
    ],
}
TRIPS = [f'{{"id":{number},"name":null,"at":{number},"day":{number}}}'.encode() for number in range(4)]


def trips(pipeline, times):
    coder = JSONCoder(TRIP, times=times)
    return pipeline | beam.Create(TRIPS) | "decode" >> beam.Map(coder.decode).with_output_types(coder.to_type_hint())


@pytest.mark.parametrize("times", ["numbers", "text"])
@pytest.mark.parametrize("sink", [beam.io.WriteToParquet, beam.io.WriteToAvro])
def test_sinks_without_logical_types_take_rows_with_times_as_numbers_or_text(pipeline, tmp_path, sink, times):
    trips(pipeline, times) | sink(str(tmp_path / "trips"))
    pipeline.run().wait_until_finish()
    assert [path.stat().st_size > 0 for path in tmp_path.iterdir() if path.is_file()] == [True]


@pytest.mark.parametrize("times", ["beam", "numbers", "text"])
@pytest.mark.parametrize("sink", [beam.io.WriteToJson, beam.io.WriteToCsv])
def test_sinks_of_data_frames_take_rows(pipeline, tmp_path, sink, times):
    trips(pipeline, times) | sink(str(tmp_path / "trips"))
    pipeline.run().wait_until_finish()
    assert [path.stat().st_size > 0 for path in tmp_path.iterdir() if path.is_file()] == [True]


def test_rows_become_a_data_frame_and_rows_again(pipeline):
    frame = to_dataframe(trips(pipeline, "beam"))
    frame["twice"] = frame.id * 2
    rows = to_pcollection(frame)
    assert_that(
        rows | beam.Map(lambda row: (row.id, row.twice)), equal_to([(number, 2 * number) for number in range(4)])
    )


@pytest.mark.parametrize("key", ["name", "day", "at"])
def test_rows_are_grouped_by_fields_of_every_kind(pipeline, key):
    counts = trips(pipeline, "beam") | beam.GroupBy(key).aggregate_field("id", beam.combiners.CountCombineFn(), "n")
    assert_that(counts | beam.Map(lambda row: row.n), equal_to([4] if key == "name" else [1] * 4))
