"""Rows of a schema in a pipeline: Beam's usual operations work on them, and they are not pickled between steps."""

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.typehints import schemas

from beam_dis.coders import CSVCoder

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
