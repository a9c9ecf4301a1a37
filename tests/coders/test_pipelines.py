"""Rows of a schema in a pipeline: Beam's usual operations work on them, and they are not pickled between steps."""

import csv
import json
from datetime import date
from decimal import Decimal

import apache_beam as beam
import fastavro
import pyarrow.parquet
import pytest
from apache_beam.dataframe.convert import to_dataframe, to_pcollection
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.typehints import schemas
from apache_beam.utils.timestamp import Timestamp
from apache_beam.yaml.yaml_transform import YamlTransform

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


PRICE = {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
EVERY_TYPE = {
    "nothing": "null",
    "flag": "boolean",
    "small": "int",
    "big": "long",
    "single": "float",
    "real": "double",
    "name": ["null", "string"],
    "data": "bytes",
    "kind": {"type": "enum", "name": "Kind", "symbols": ["A", "B"]},
    "pair": {"type": "fixed", "name": "Pair", "size": 2},
    "key": {"type": "string", "logicalType": "uuid"},
    "price": PRICE,
    "discount": ["null", PRICE],
    "seen": MILLIS,
    "day": {"type": "int", "logicalType": "date"},
    "hour": {"type": "int", "logicalType": "time-millis"},
    "local": {"type": "long", "logicalType": "local-timestamp-millis"},
    "period": {"type": "fixed", "name": "Period", "size": 12, "logicalType": "duration"},
    "tags": {"type": "array", "items": ["null", "string"]},
    "prices": {"type": "array", "items": PRICE},
    "stops": {
        "type": "array",
        "items": {"type": "record", "name": "Stop", "fields": [{"name": "at", "type": MILLIS}]},
    },
    "counts": {"type": "map", "values": "long"},
    "either": ["long", "string"],
}
VALUES = {
    "nothing": None,
    "flag": True,
    "small": 1,
    "big": 2**40,
    "single": 0.5,
    "real": 0.1,
    "name": "a",
    "data": b"ab",
    "kind": "B",
    "pair": b"xy",
    "key": "550e8400-e29b-41d4-a716-446655440000",
    "price": Decimal("12.50"),
    "discount": None,
    "seen": Timestamp(1),
    "day": date(2013, 1, 1),
    "hour": 1_000_000,
    "local": "2013-01-01T10:00:00",
    "period": {"months": 1, "days": 2, "millis": 3},
    "tags": ["x", None],
    "prices": [Decimal("0.01")],
    "stops": [{"at": Timestamp(2)}],
    "counts": {"k": 1},
    "either": {"string": "s"},
}
IN_FILES = {
    **VALUES,
    "price": "12.50",
    "seen": "1970-01-01T00:00:01Z",
    "day": "2013-01-01",
    "hour": "00:00:01",
    "prices": ["0.01"],
    "stops": [{"at": "1970-01-01T00:00:02Z"}],
    "either": {"long": None, "string": "s"},
}


def rows_of(pipeline, names, **options):
    """One row with some fields of every type."""
    schema = {"type": "record", "name": "Every", "fields": [{"name": name, "type": EVERY_TYPE[name]} for name in names]}
    coder = JSONCoder(schema, **options)
    encoded = JSONCoder(schema).encode({name: VALUES[name] for name in names})
    return (
        pipeline | beam.Create([encoded]) | "decode" >> beam.Map(coder.decode).with_output_types(coder.to_type_hint())
    )


def only_file(folder):
    (path,) = [path for path in folder.iterdir() if path.is_file()]
    return path


def test_parquet_takes_every_type_with_times_and_decimals_as_text(pipeline, tmp_path):
    rows_of(pipeline, EVERY_TYPE, times="text", decimals="text") | beam.io.WriteToParquet(str(tmp_path / "rows"))
    pipeline.run().wait_until_finish()
    (row,) = pyarrow.parquet.read_table(only_file(tmp_path)).to_pylist()
    assert {**row, "counts": dict(row["counts"])} == IN_FILES


def test_avro_takes_every_type_but_maps_with_times_and_decimals_as_text(pipeline, tmp_path):
    names = EVERY_TYPE.keys() - {"counts"}
    rows_of(pipeline, names, times="text", decimals="text") | beam.io.WriteToAvro(str(tmp_path / "rows"))
    pipeline.run().wait_until_finish()
    with only_file(tmp_path).open("rb") as file:
        assert list(fastavro.reader(file)) == [{name: IN_FILES[name] for name in names}]


def test_maps_are_written_to_avro_as_dicts_with_a_schema(pipeline, tmp_path):
    schema = {"type": "record", "name": "R", "fields": [{"name": "counts", "type": EVERY_TYPE["counts"]}]}
    dicts = rows_of(pipeline, ["counts"]) | "dicts" >> beam.Map(lambda row: row._asdict())
    dicts | beam.io.WriteToAvro(str(tmp_path / "rows"), schema=schema)
    pipeline.run().wait_until_finish()
    with only_file(tmp_path).open("rb") as file:
        assert list(fastavro.reader(file)) == [{"counts": {"k": 1}}]


def test_json_takes_every_type_with_times_and_decimals_as_text(pipeline, tmp_path):
    """Nested rows are arrays of their values, and bytes are text."""
    rows_of(pipeline, EVERY_TYPE, times="text", decimals="text") | beam.io.WriteToJson(str(tmp_path / "rows"))
    pipeline.run().wait_until_finish()
    (row,) = map(json.loads, only_file(tmp_path).read_text().splitlines())
    assert row == {
        **IN_FILES,
        "data": "ab",
        "pair": "xy",
        "period": [1, 2, 3],
        "stops": [["1970-01-01T00:00:02Z"]],
        "either": [None, "s"],
    }


def test_csv_takes_every_type_with_times_and_decimals_as_text(pipeline, tmp_path):
    flat = [name for name in EVERY_TYPE if name not in {"period", "tags", "prices", "stops", "counts", "either"}]
    rows_of(pipeline, flat, times="text", decimals="text") | beam.io.WriteToCsv(str(tmp_path / "rows"))
    pipeline.run().wait_until_finish()
    (row,) = csv.DictReader(only_file(tmp_path).read_text().splitlines())
    expected = {name: "" if IN_FILES[name] is None else str(IN_FILES[name]) for name in flat}
    assert row == expected


def test_data_frames_and_select_keep_values_of_every_type(pipeline):
    rows = rows_of(pipeline, EVERY_TYPE)
    frame = to_pcollection(to_dataframe(rows)) | "framed" >> beam.Map(plain)
    selected = rows | beam.Select(*EVERY_TYPE) | "selected" >> beam.Map(plain)
    expected = {**VALUES, "either": {"long": None, "string": "s"}}
    assert_that(frame, equal_to([expected]), label="frame")
    assert_that(selected, equal_to([expected]), label="select")


def test_yaml_maps_fields_of_every_type(pipeline):
    """A field is passed on by its name, or a Python expression makes another of it."""
    fields = "".join(f"\n    {name}: {name}" for name in EVERY_TYPE)
    mapped = rows_of(pipeline, EVERY_TYPE) | YamlTransform(
        f"type: MapToFields\nconfig:\n  language: python\n  fields:{fields}\n    twice: big * 2"
    )
    expected = {**VALUES, "either": {"long": None, "string": "s"}, "twice": 2**41}
    assert_that(mapped | "plain" >> beam.Map(plain), equal_to([expected]))


def plain(value):
    """A value with rows as dicts."""
    if hasattr(value, "_asdict") or isinstance(value, beam.Row):
        fields = value._asdict() if hasattr(value, "_asdict") else value.as_dict()
        return {name: plain(inner) for name, inner in fields.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def test_rows_become_a_data_frame_and_rows_again(pipeline):
    frame = to_dataframe(trips(pipeline, "beam"))
    frame["twice"] = frame.id * 2
    rows = to_pcollection(frame)
    assert_that(
        rows | beam.Map(lambda row: (row.id, row.twice)), equal_to([(number, 2 * number) for number in range(4)])
    )


def test_rows_are_grouped_by_fields_of_every_type_but_lists_and_maps(pipeline):
    rows = rows_of(pipeline, EVERY_TYPE)
    for key in EVERY_TYPE.keys() - {"tags", "prices", "stops", "counts"}:
        counts = rows | f"group by {key}" >> beam.GroupBy(key).aggregate_field("big", sum, "n")
        assert_that(counts | f"n of {key}" >> beam.Map(lambda row: row.n), equal_to([2**40]), label=key)


@pytest.mark.parametrize("key", ["name", "day", "at"])
def test_rows_are_grouped_by_fields_of_every_kind(pipeline, key):
    counts = trips(pipeline, "beam") | beam.GroupBy(key).aggregate_field("id", beam.combiners.CountCombineFn(), "n")
    assert_that(counts | beam.Map(lambda row: row.n), equal_to([4] if key == "name" else [1] * 4))
