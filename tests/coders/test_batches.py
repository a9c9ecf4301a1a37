"""Batches have the values of rows: whatever bytes a record has, in every format and for every schema."""

from __future__ import annotations

import pickle

import pyarrow as pa
import pytest
from avro_schemas import flat_records, nested_records, same, without_order
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beam_dis.coders import AvroCoder, CSVCoder, JSONCoder
from beam_dis.coders.batches import ArrowBatches, BatchedRowHint, RowBatches
from beam_dis.errors import ConfigurationError, DecodeError, EncodeError
from beam_dis.formats.arrow_pages import NotAtOnceError
from beam_dis.record import DISRecord

TIME = {"type": "long", "logicalType": "timestamp-millis"}
SCHEMA = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "from", "type": "long"},
        {"name": "name", "type": ["null", "string"]},
        {"name": "size", "type": ["null", "float"]},
        {"name": "at", "type": TIME},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "on", "type": "boolean"},
    ],
}
CELLS = [
    "",
    "0",
    "-1",
    "+1",
    " 1",
    "1 ",
    "0x10",
    "1e3",
    "1.5",
    "1e999",
    "nan",
    "inf",
    "\u0661",
    "99999999999999999999",
    "2147483648",
    "1_0",
    "true",
    "TRUE",
    "t",
    "False",
    "null",
    "NA",
    "a",
    "é",
    "-",
    "--1",
    "1-",
    "\ufeff",
    "\x00",
    '"',
    '"a"',
    "a\n",
    "\r",
    "2024-02-30",
    "2024-02-29",
    "0001-01-01",
    "20240229",
    "2024-02-29T24:00:00Z",
    "2024-02-29T10:00:00Z",
    "2024-02-29T10:00:00.1234Z",
    "2024-02-29T10:00:00+02:00",
    "2024-02-29T10:00:00",
    "2024-02-29T23:59:60Z",
    "2024-02-29 10:00:00Z",
    "2024-02-29T10:00Z",
    "2024-02-29T10Z",
    "2024-02-29Z",
    "0000-01-01T10:00:00Z",
    "0999-01-01T10:00:00.5Z",
    "0000-01-01",
    "1,2",
]


def record(number, data):
    return DISRecord("s", "shardId-0000000000", number, f"k{number}", data, 1_700_000_000_000 + number)


def records_of(datas):
    return [record(number, data) for number, data in enumerate(datas)]


def rows_of(batches, batch):
    return list(RowBatches(BatchedRowHint(batches)).explode_batch(batch))


def check(coder, datas):
    """A page is read as its records are one by one, or not at once."""
    batches, records = ArrowBatches(coder), records_of(datas)
    try:
        batch = batches.of_page(records)
    except NotAtOnceError:
        return False
    assert batch.schema == batches.schema
    rows = rows_of(batches, batch)
    assert same([list(row) for row in rows], [list(coder.decode(data)) for data in datas])
    assert all(type(row) is coder.row_type for row in rows)
    return True


def check_one_by_one(coder, datas):
    batches, records = ArrowBatches(coder), records_of(datas)
    batch = batches.of_rows([batches.decode(data) for data in datas], records)
    rows = rows_of(batches, batch)
    expected = [coder.decode(data) for data in datas]
    assert same(without_order(list(rows)), without_order(expected))
    again = RowBatches(BatchedRowHint(batches)).produce_batch(rows)
    assert same(without_order(rows_of(batches, again)), without_order(expected))


property_test = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=150)


@property_test
@given(st.data(), st.sampled_from([AvroCoder, JSONCoder]))
def test_rows_of_every_schema_are_the_same_in_a_batch(data, make):
    schema, values = data.draw(nested_records)
    coder = make(schema)
    try:
        datas = [coder.encode(value) for value in data.draw(st.lists(values, max_size=3))]
    except EncodeError:  # JSON has no NaN
        return
    check_one_by_one(coder, datas)
    if make is AvroCoder and datas:
        check(coder, datas)


@property_test
@given(st.data(), st.sampled_from([",", ";", "\t"]), st.sampled_from(["", "NA", "0"]))
def test_csv_rows_of_every_flat_schema_are_the_same_in_a_batch(data, delimiter, null):
    schema, values = data.draw(flat_records())
    coder = CSVCoder(schema, delimiter=delimiter, null=null)
    datas = [coder.encode(value) for value in data.draw(st.lists(values, min_size=1, max_size=3))]
    check_one_by_one(coder, datas)
    check(coder, datas)


@settings(property_test, max_examples=600)
@given(st.lists(st.tuples(*[st.sampled_from(CELLS)] * 6), min_size=1, max_size=3), st.sampled_from(["", "NA"]))
def test_cells_that_arrow_reads_in_its_own_way_are_read_as_csv_says(rows, null):
    coder = CSVCoder(SCHEMA, null=null)
    batches, datas = ArrowBatches(coder), [",".join(row).encode() for row in rows]
    try:
        batches.of_page(records_of(datas))
    except NotAtOnceError:
        return
    assert check(coder, datas)


@pytest.mark.parametrize("name", ["long", "int", "double", "float", "boolean", "string", "date", "at"])
@pytest.mark.parametrize("nullable", [False, True])
def test_each_kind_of_cell_is_read_as_csv_says(name, nullable):
    type_ = {"date": SCHEMA["fields"][4]["type"], "at": TIME}.get(name, name)
    field = {"name": "x", "type": ["null", type_] if nullable else type_}
    coder = CSVCoder({"type": "record", "name": "R", "fields": [field, {"name": "y", "type": "string"}]})
    read = 0
    for cell in CELLS:
        data = f"{cell},y".encode()
        try:
            read += check(coder, [data, data])
        except DecodeError:
            pytest.fail(f"a batch has a value for {cell!r}, and rows have none")
    assert read > 0


@settings(property_test, max_examples=600)
@given(st.data())
def test_avro_that_is_damaged_is_read_as_rows_or_not_at_all(data):
    coder = AvroCoder(SCHEMA, times="numbers")
    good = coder.encode({"from": 7, "name": "né", "size": 1.5, "at": 5, "day": 3, "on": True})
    place = data.draw(st.integers(0, len(good) - 1))
    cut = good[: data.draw(st.integers(0, len(good)))]
    changed = good[:place] + data.draw(st.binary(max_size=3)) + good[place + data.draw(st.integers(0, 2)) :]
    for damaged in (cut, changed, good + b"\0"):
        batches = ArrowBatches(AvroCoder(SCHEMA))
        try:
            batches.of_page(records_of([good, damaged]))
        except NotAtOnceError:
            continue
        assert check(AvroCoder(SCHEMA), [good, damaged])


@pytest.mark.parametrize(
    ("field", "value"), [("at", 2**62), ("at", -(2**62)), ("day", 2**30), ("day", -(2**30)), ("from", 2**63 - 1)]
)
def test_numbers_at_the_ends_of_their_range_are_read_as_avro_says(field, value):
    """A time outside of the years 1 to 9999 doesn't decode."""
    plain = [{**each, "type": "long" if each["name"] == "at" else each["type"]} for each in SCHEMA["fields"]]
    plain[4] = {"name": "day", "type": "int"}
    row = {"from": 1, "name": None, "size": None, "at": 0, "day": 0, "on": False, field: value}
    data = AvroCoder({**SCHEMA, "fields": plain}).encode(row)
    assert check(AvroCoder(SCHEMA), [data]) == (field == "from")


def test_nested_records_with_enums_and_unknown_logical_types_are_read_at_once():
    nanos = {"type": "long", "logicalType": "timestamp-nanos"}
    size = {"type": "enum", "name": "Size", "symbols": ["S", "L"]}
    inner = {
        "type": "record",
        "name": "a.Inner",
        "fields": [{"name": "at", "type": nanos}, {"name": "s", "type": size}],
    }
    fields = [
        {"name": "items", "type": {"type": "array", "items": inner}},
        {"name": "by-name", "type": {"type": "map", "values": ["null", "double"]}},
        {"name": "one", "type": ["a.Inner", "null"]},
    ]
    coder = AvroCoder({"type": "record", "name": "R", "fields": fields})
    row = {"items": [{"at": 5, "s": "L"}], "by-name": {"a": None, "b": 1.5}, "one": {"at": 1, "s": "S"}}
    assert check(coder, [coder.encode(row), coder.encode({**row, "items": []})])
    check_one_by_one(coder, [coder.encode(row), coder.encode({**row, "one": None})])
    assert not check(
        coder, [coder.encode({**row, "one": None})]
    )  # Arrow can't convert a null record whose fields aren't null


@pytest.mark.parametrize("make", [AvroCoder, CSVCoder])
def test_usual_records_are_read_at_once(make, flights, flights_schema):
    from_csv, coder = CSVCoder(flights_schema, null="NA"), make(flights_schema)
    assert check(coder, [coder.encode(from_csv.decode(line)) for line in flights[:1000]])


def test_metadata_are_columns_after_those_of_the_data():
    coder = CSVCoder(SCHEMA)
    batches = ArrowBatches(coder, ("partition_key", "sequence_number", "arrival_time", "stream"))
    records = records_of([b"1,,,2024-02-29T10:00:00Z,2024-02-29,true"] * 2)
    batch = batches.of_page(records)
    assert batch.schema.names[-4:] == ["partition_key_", "sequence_number_", "arrival_time_", "stream_"]
    assert batch.schema.field("arrival_time_").type == pa.timestamp("ms", "UTC")
    assert [row[6:8] for row in rows_of(batches, batch)] == [("k0", 0), ("k1", 1)]


def test_columns_have_the_names_and_arrows_own_types():
    schema = ArrowBatches(AvroCoder(SCHEMA)).schema
    assert schema.names == ["from_", "name", "size", "at", "day", "on"]
    assert schema.types == [pa.int64(), pa.string(), pa.float32(), pa.timestamp("ms", "UTC"), pa.date32(), pa.bool_()]
    assert [field.nullable for field in schema] == [False, True, True, False, False, False]


@pytest.mark.parametrize("delimiter", ["é", "\0", "||"])
def test_delimiters_that_arrow_does_not_take_are_read_one_by_one(delimiter):
    assert not ArrowBatches(CSVCoder(SCHEMA, delimiter=delimiter)).reads_pages


def test_compressed_and_framed_records_are_read_one_by_one():
    for coder in (AvroCoder(SCHEMA, compression="gzip"), AvroCoder(SCHEMA, framing="single-object"), JSONCoder(SCHEMA)):
        batches = ArrowBatches(coder)
        assert not batches.reads_pages
        with pytest.raises(NotAtOnceError):
            batches.of_page(records_of([b"x"]))


def test_a_record_of_several_rows_is_several_rows_of_a_batch():
    coder = JSONCoder({"type": "record", "name": "R", "fields": [{"name": "x", "type": "int"}]}, records="lines")
    batches, datas = ArrowBatches(coder, ("sequence_number",)), [b'{"x":1}\n{"x":2}', b'{"x":3}']
    batch = batches.of_rows([batches.decode(data) for data in datas], records_of(datas))
    assert [tuple(row) for row in rows_of(batches, batch)] == [(1, 0), (2, 0), (3, 1)]


def test_batches_and_their_converter_survive_pickling():
    batches = pickle.loads(pickle.dumps(ArrowBatches(CSVCoder(SCHEMA), ("stream",))))
    converter = pickle.loads(pickle.dumps(RowBatches(BatchedRowHint(batches))))
    assert converter == RowBatches(BatchedRowHint(batches))


def test_a_metadata_column_whose_name_is_taken_is_refused():
    taken = {"type": "record", "name": "R", "fields": [{"name": "stream_", "type": "int"}]}
    with pytest.raises(ConfigurationError, match="'stream_'"):
        ArrowBatches(AvroCoder(taken), ("stream",))
