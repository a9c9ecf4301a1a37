from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import NamedTuple

import apache_beam as beam
import pytest
from apache_beam.utils.timestamp import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis import AvroCoder, CSVCoder, JSONCoder
from beam_dis.errors import ConfigurationError, DecodeError, EncodeError

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


@pytest.mark.parametrize("name", ["class", "_id"])
def test_a_field_that_cannot_be_an_attribute_is_refused_at_construction(name):
    schema = {"type": "record", "name": "R", "fields": [{"name": name, "type": "int"}]}
    with pytest.raises(ConfigurationError, match=f"field '{name}' of 'R' can't be an attribute of a row"):
        AvroCoder(schema)


def test_schemas_as_deep_as_the_limit_have_row_types():
    """Beam keeps them in a protobuf message of at most 100 levels."""
    records = arrays = "int"
    for number in range(24):
        records = {"type": "record", "name": f"R{number}", "fields": [{"name": "a", "type": records}]}
    for _ in range(48):
        arrays = {"type": "array", "items": arrays}
    for type_ in (records, arrays):
        JSONCoder({"type": "record", "name": "R", "fields": [{"name": "a", "type": type_}]})
        deeper = {"type": "record", "name": "S", "fields": [{"name": "a", "type": {"type": "array", "items": type_}}]}
        with pytest.raises(ConfigurationError, match="nested too deeply"):
            JSONCoder({"type": "record", "name": "R", "fields": [{"name": "a", "type": deeper}]})


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
