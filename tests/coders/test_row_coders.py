import pickle
import time
import tracemalloc
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import NamedTuple

import apache_beam as beam
import msgspec
import pytest
from apache_beam.coders import RowCoder
from apache_beam.typehints import schemas
from apache_beam.utils.timestamp import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis import AvroCoder, CSVCoder, JSONCoder
from beam_dis.coders.row_coders import RowsWithMetadata
from beam_dis.errors import ConfigurationError, DecodeError, EncodeError
from beam_dis.record import DISRecord

MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
LEG = {
    "type": "record",
    "name": "Leg",
    "fields": [{"name": "dest", "type": "string"}, {"name": "at", "type": ["null", MILLIS]}],
}
TRIP = {
    "type": "record",
    "name": "trips.Trip",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "score", "type": ["null", "double"]},
        {"name": "legs", "type": {"type": "array", "items": LEG}},
        {"name": "first", "type": ["null", "trips.Leg"]},
        {"name": "tags", "type": {"type": "map", "values": "int"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "photo", "type": "bytes"},
        {"name": "class_", "type": {"type": "enum", "name": "Class", "symbols": ["ECONOMY", "FIRST"]}},
    ],
}
ORDER = {"type": "record", "name": "Order", "fields": [{"name": "id", "type": "int"}]}
STOP = {"type": "record", "name": "Stop", "fields": LEG["fields"]}
CODERS = [AvroCoder(TRIP), JSONCoder(TRIP)]
NOON = datetime(2013, 1, 1, 12, tzinfo=timezone.utc)


class Leg(NamedTuple):
    dest: str
    at: Timestamp | None


@dataclass
class LegData:
    dest: str
    at: Timestamp | None


legs = st.builds(
    dict, dest=st.text(), at=st.none() | st.integers(-(10**12), 10**12).map(lambda ms: Timestamp(micros=ms * 1000))
)
trips = st.fixed_dictionaries(
    {
        "id": st.integers(-(2**63), 2**63 - 1),
        "score": st.none() | st.floats(allow_nan=False, allow_infinity=False),
        "legs": st.lists(legs, max_size=3),
        "first": st.none() | legs,
        "tags": st.dictionaries(st.text(), st.integers(-5, 5), max_size=3),
        "day": st.dates(),
        "photo": st.binary(),
        "class_": st.sampled_from(["ECONOMY", "FIRST"]),
    }
)


@pytest.mark.parametrize("coder", CODERS)
@settings(deadline=None)
@given(trip=trips)
def test_rows_are_the_same_after_bytes_and_after_beams_row_coder(coder, trip):
    row = coder.decode(coder.encode(trip))
    row_coder = beam.coders.registry.get_coder(coder.to_type_hint())
    assert type(row) is coder.row_type
    assert coder.decode(coder.encode(row)) == row
    assert row_coder.decode(row_coder.encode(row)) == row


@pytest.mark.parametrize("coder", CODERS)
@settings(deadline=None)
@given(trip=trips)
def test_the_same_row_gives_the_same_bytes_in_any_order_of_keys(coder, trip):
    turned = {**dict(reversed(trip.items())), "tags": dict(reversed(trip["tags"].items()))}
    assert coder.is_deterministic()
    assert coder.encode(turned) == coder.encode(trip)


def test_a_row_has_fields_by_name_nested_rows_and_beam_timestamps():
    coder = AvroCoder(TRIP)
    row = coder.decode(
        coder.encode(
            {
                "id": 1,
                "score": None,
                "legs": [{"dest": "IAH", "at": NOON}],
                "first": None,
                "tags": {},
                "day": date(2013, 1, 1),
                "photo": b"",
                "class_": "FIRST",
            }
        )
    )
    assert (row.id, row.legs[0].dest, row.legs[0].at) == (1, "IAH", Timestamp.from_utc_datetime(NOON))


@pytest.mark.parametrize("coder", [AvroCoder(STOP), JSONCoder(STOP), CSVCoder(STOP)])
@pytest.mark.parametrize(
    "element",
    [
        {"dest": "IAH", "at": NOON},
        {"dest": "IAH", "at": Timestamp.from_utc_datetime(NOON)},
        beam.Row(dest="IAH", at=NOON),
        beam.Row(at=NOON, dest="IAH"),
        Leg("IAH", Timestamp.from_utc_datetime(NOON)),
        LegData("IAH", Timestamp.from_utc_datetime(NOON)),
    ],
)
def test_rows_of_every_kind_are_written(coder, element):
    expected = coder.row_type("IAH", Timestamp.from_utc_datetime(NOON))
    assert coder.decode(coder.encode(element)) == expected


def test_users_own_rows_are_written_nested_too():
    trip = {
        "id": 1,
        "score": 1,
        "first": LegData("EWR", None),
        "tags": {},
        "day": date.min,
        "photo": b"",
        "class_": "FIRST",
    }
    coder = JSONCoder(TRIP)
    row = coder.decode(coder.encode({**trip, "legs": (Leg("IAH", None), beam.Row(dest="LGA", at=None))}))
    assert [leg.dest for leg in (*row.legs, row.first)] == ["IAH", "LGA", "EWR"]


@pytest.mark.parametrize("coder", [AvroCoder(STOP), JSONCoder(STOP), CSVCoder(STOP)])
@pytest.mark.parametrize(
    ("element", "message"),
    [
        ({"at": None}, "missing required field `dest`"),
        (beam.Row(dest=5, at=None), "field 'dest': Expected `str`, got `int`: 5"),
        (Leg("IAH", "noon"), "field 'at': Expected .* got `str`: 'noon'"),
        (Leg("IAH", Timestamp(10**13)), r"field 'at': Timestamp\(\d+\) is out of range"),
        (b"bytes", "Expected `object`, got `bytes`"),
        (None, "Expected `object`, got `null`"),
    ],
)
def test_the_error_for_a_wrong_element_names_the_field_and_the_reason(coder, element, message):
    with pytest.raises(EncodeError, match=message):
        coder.encode(element)


def test_the_error_for_a_wrong_record_names_the_field():
    with pytest.raises(DecodeError, match="field 'at': 'noon' can't be read as timestamp-millis or null"):
        CSVCoder(STOP).decode(b"IAH,noon")


def named(*names):
    return {"type": "record", "name": "R", "fields": [{"name": name, "type": "int"} for name in names]}


@pytest.mark.parametrize(
    ("name", "attribute"),
    [
        ("from", "from_"),
        ("class", "class_"),
        ("None", "None_"),
        ("_id", "id_"),
        ("__class__", "class____"),
        ("_fields", "fields_"),
        ("user-agent", "user_agent"),
        ("名字", "名字"),
        ("count", "count"),
        ("index", "index"),
        ("2nd", "field_2nd"),
        ("_", "field__"),
        ("a b", "a_b"),
        ("\ufb01", "fi"),
    ],
)
def test_a_field_has_an_attribute_and_is_read_and_written_by_its_own_name(name, attribute):
    for coder in (JSONCoder(named(name)), AvroCoder(named(name)), CSVCoder(named(name))):
        row = coder.decode(coder.encode({name: 5}))
        assert row._fields == (attribute,)
        assert getattr(row, attribute) == 5
        assert coder.encode(row) == coder.encode({attribute: 5}) == coder.encode({name: 5})
        row_coder = beam.coders.registry.get_coder(coder.to_type_hint())
        assert row_coder.decode(row_coder.encode(row)) == row
    assert JSONCoder(named(name)).decode(msgspec.json.encode({name: 5})) == (5,)


@pytest.mark.parametrize(
    ("names", "attributes"),
    [
        (["class", "class_"], ("class__", "class_")),
        (["_id", "id_", "id__"], ("id___", "id_", "id__")),
        (["user-agent", "user agent", "user_agent"], ("user_agent_", "user_agent__", "user_agent")),
    ],
)
def test_attributes_that_would_be_equal_get_underscores_until_they_differ(names, attributes):
    coder = JSONCoder(named(*names))
    assert coder.row_type._fields == attributes
    value = {name: number for number, name in enumerate(names)}
    assert coder.decode(msgspec.json.encode(value)) == tuple(range(len(names)))
    assert msgspec.json.decode(coder.encode(coder.row_type(*range(len(names))))) == value


def test_a_field_given_by_both_of_its_names_is_refused():
    with pytest.raises(EncodeError, match="field `from` twice"):
        JSONCoder(named("from")).encode({"from": 1, "from_": 2})


def test_nested_records_are_rows_up_to_a_depth_and_json_text_below():
    """Beam keeps row types in a protobuf message of at most 100 levels."""
    records = arrays = "int"
    value_of_records = value_of_arrays = 1
    for number in range(30):
        records = {"type": "record", "name": f"R{number}", "fields": [{"name": "a", "type": records}]}
        value_of_records = {"a": value_of_records}
    for _ in range(60):
        arrays = {"type": "array", "items": arrays}
        value_of_arrays = [value_of_arrays]
    for type_, value in ((records, value_of_records), (arrays, value_of_arrays)):
        schema = {"type": "record", "name": "R", "fields": [{"name": "a", "type": type_}]}
        for coder in (JSONCoder(schema), AvroCoder(schema)):
            row = coder.decode(coder.encode({"a": value}))
            assert coder.encode(row) == coder.encode({"a": value})
            inner = row.a
            while not isinstance(inner, str):
                inner = inner[0]
            assert msgspec.json.decode(inner)
            row_coder = beam.coders.registry.get_coder(coder.to_type_hint())
            assert row_coder.decode(row_coder.encode(row)) == row


def test_a_small_schema_of_shared_records_costs_little():
    """Each record has the one before twice: written out, there would be a million fields."""
    tracemalloc.start()
    start = time.process_time()
    fields = [{"name": "a", "type": "int"}, {"name": "b", "type": "int"}]
    for number in range(20):
        inner = {"type": "record", "name": f"R{number}", "fields": fields}
        fields = [{"name": "a", "type": inner}, {"name": "b", "type": f"R{number}"}]
    for make in (AvroCoder, JSONCoder):
        make({"type": "record", "name": "R", "fields": fields})
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100_000_000
    assert time.process_time() - start < 30


def test_coders_are_equal_by_their_settings():
    equal = [CSVCoder(STOP, null="NA"), CSVCoder(STOP, null="NA")]
    assert len({*equal, CSVCoder(STOP), CSVCoder(STOP, delimiter=";"), AvroCoder(STOP), JSONCoder(STOP)}) == 5


def test_a_coder_shows_its_row_type_and_not_its_schema():
    assert repr(CSVCoder(STOP)) == "CSVCoder(Stop)"


def test_every_flight_of_january_is_read_and_written_back_to_the_byte(flights, flights_schema):
    coder = CSVCoder(flights_schema, null="NA")
    rows = [coder.decode(line) for line in flights]
    assert (len(rows), sum(row.dep_delay is None for row in rows)) == (27_004, 521)
    assert [coder.encode(row) for row in rows] == flights


def test_flights_are_the_same_in_every_format(flights, flights_schema):
    csv = CSVCoder(flights_schema, null="NA")
    for line in flights[:1000]:
        row = csv.decode(line)
        for coder in (AvroCoder(flights_schema), JSONCoder(flights_schema)):
            assert coder.decode(coder.encode(row)) == row


@pytest.mark.parametrize("make", [AvroCoder, JSONCoder, CSVCoder])
@pytest.mark.parametrize("unit", ["millis", "micros"])
def test_a_timestamp_of_any_precision_is_written_as_its_instant(make, unit):
    coder = make(
        {
            "type": "record",
            "name": "At",
            "fields": [{"name": "at", "type": {"type": "long", "logicalType": f"timestamp-{unit}"}}],
        }
    )

    def written(seconds, subseconds, precision):
        return coder.decode(coder.encode(coder.row_type(Timestamp(seconds, subseconds, precision)))).at

    assert written(5, 0, 0) == written(5, 0, 3) == written(5, 0, 6) == Timestamp(5)
    assert written(-1, 250, 3) == written(-1, 250_000, 6) == Timestamp(-0.75)
    first, last = Timestamp(-62_135_596_800), Timestamp(253_402_300_799)
    assert [written(limit.seconds(), 0, 6) for limit in (first, last)] == [first, last]
    for beyond in (first.predecessor(), Timestamp(last.seconds() + 1)):
        with pytest.raises(EncodeError, match="out of range: not in the years 1 to 9999"):
            coder.encode(coder.row_type(beyond))
    with pytest.raises(EncodeError, match=r"'at'.*greater than microsecond precision"):
        coder.encode(coder.row_type(Timestamp(5, 1, 9)))


@pytest.mark.parametrize("make", [AvroCoder, JSONCoder, CSVCoder])
def test_microseconds_are_beam_timestamps_without_loss(make):
    coder = make(
        {
            "type": "record",
            "name": "At",
            "fields": [{"name": "at", "type": {**MILLIS, "logicalType": "timestamp-micros"}}],
        }
    )
    row = coder.row_type(Timestamp(micros=1_357_041_600_000_001))
    assert coder.decode(coder.encode(row)) == row
    assert type(coder.decode(coder.encode(row)).at) is Timestamp


RECORD = DISRecord("orders", "shardId-0000000001", 7, "k", b"", 1_500, b"info")
METADATA_NAMES = ("sequence_number", "partition_key", "partition_id", "arrival_time", "stream", "client_info")


@pytest.mark.parametrize("coder", [AvroCoder(ORDER), JSONCoder(ORDER), CSVCoder(ORDER)])
def test_rows_have_the_metadata_that_is_asked_for_after_their_data(coder):
    rows = RowsWithMetadata(coder, METADATA_NAMES)
    row = pickle.loads(pickle.dumps(rows))(RECORD._replace(data=coder.encode({"id": 5})))
    assert type(row) is rows.row_type
    assert row._asdict() == {
        "id": 5,
        "sequence_number_": 7,
        "partition_key_": "k",
        "partition_id_": "shardId-0000000001",
        "arrival_time_": Timestamp(1.5),
        "stream_": "orders",
        "client_info_": b"info",
    }
    assert RowsWithMetadata(coder, ["partition_key"])(
        RECORD._replace(data=coder.encode({"id": 5}), partition_key=None)
    ) == (5, None)


@pytest.mark.parametrize(("times", "arrival"), [("numbers", 1500), ("text", "1970-01-01T00:00:01.500Z")])
def test_the_arrival_time_is_what_other_times_are_in_the_row(times, arrival):
    coder = AvroCoder(ORDER, times=times)
    row = RowsWithMetadata(coder, ["arrival_time"])(RECORD._replace(data=coder.encode({"id": 5})))
    assert row.arrival_time_ == arrival
    RowCoder(schemas.named_tuple_to_schema(type(row))).encode(row)


@pytest.mark.parametrize("coder", [AvroCoder(ORDER), JSONCoder(ORDER), CSVCoder(ORDER)])
def test_metadata_of_a_row_is_not_written_into_the_data(coder):
    data = coder.encode({"id": 5})
    row = RowsWithMetadata(coder, METADATA_NAMES)(RECORD._replace(data=data))
    assert coder.encode(row) == data
    assert coder.encode({"id": 5, "_partition_key": "k"}) == data
    with pytest.raises(EncodeError, match="partition_key"):
        coder.encode({"id": 5, "partition_key": "k"})


@pytest.mark.parametrize("name", ["partition_key_", "_partition_key"])
def test_a_schema_with_the_field_of_a_metadata_is_refused_and_writes_it(name):
    coder = JSONCoder({**ORDER, "fields": [{"name": name, "type": "string"}]})
    with pytest.raises(ConfigurationError, match=rf"'partition_key_' to rows of Order, and the field '{name}'"):
        RowsWithMetadata(coder, ["partition_key"])
    assert coder.decode(coder.encode({name: "k"})).partition_key_ == "k"


PRICES = {
    "type": "record",
    "name": "Prices",
    "fields": [
        {"name": "one", "type": {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 8}},
        {"name": "none", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 1}]},
        {
            "name": "many",
            "type": {"type": "array", "items": {"type": "bytes", "logicalType": "decimal", "precision": 4}},
        },
        {
            "name": "named",
            "type": {
                "type": "map",
                "values": ["null", {"type": "fixed", "name": "F", "size": 4, "logicalType": "decimal", "precision": 4}],
            },
        },
        {
            "name": "inner",
            "type": {
                "type": "record",
                "name": "Inner",
                "fields": [
                    {
                        "name": "price",
                        "type": {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2},
                        "default": "\u0001",
                    }
                ],
            },
        },
        {"name": "any", "type": ["long", {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}]},
    ],
}
PRICE = {
    "one": Decimal("0.00000001"),
    "none": None,
    "many": [Decimal(1), Decimal(-2)],
    "named": {"a": Decimal(3), "b": None},
    "inner": {},
    "any": {"bytes": Decimal("1.50")},
}


@pytest.mark.parametrize("make", [AvroCoder, JSONCoder])
def test_decimals_may_be_text_in_a_row_however_deep(make):
    coder = make(PRICES, decimals="text")
    row = coder.decode(make(PRICES).encode(PRICE))
    assert row._asdict() == {
        "one": "0.00000001",
        "none": None,
        "many": ["1", "-2"],
        "named": {"a": "3", "b": None},
        "inner": ("0.01",),
        "any": (None, "1.50"),
    }
    assert row == coder.decode(coder.encode(row)) == pickle.loads(pickle.dumps(coder)).decode(coder.encode(row))
    assert "decimal" not in str(schemas.named_tuple_to_schema(coder.row_type))


def test_decimals_may_be_text_in_rows_of_csv():
    flat = {**PRICES, "fields": PRICES["fields"][:2]}
    coder = CSVCoder(flat, decimals="text")
    assert coder.decode(b"0.00000001,2.5") == ("0.00000001", "2.5")
    assert coder.encode({"one": "1e-8", "none": "2.5"}) == b"0.00000001,2.5"
    with pytest.raises(
        EncodeError, match=r"field 'none': Decimal\('2.55'\) is not a decimal of 4 digits, 1 of them after"
    ):
        coder.encode({"one": 1, "none": "2.55"})
    with pytest.raises(EncodeError, match="field 'one': Expected `decimal`, got `str`: 'x'"):
        coder.encode({"one": "x", "none": None})


def test_a_wrong_word_for_decimals_is_refused():
    with pytest.raises(ConfigurationError, match="decimals='txt' is none of 'beam', 'text'"):
        JSONCoder(PRICES, decimals="txt")
