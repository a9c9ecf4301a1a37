"""Rule of every format: decode(encode(value)) == value, for every supported schema and every value of it."""

import itertools
from base64 import b64encode
from contextlib import suppress
from datetime import date, datetime, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beam_dis.errors import EncodeError
from beam_dis.formats import AvroFormat, CSVFormat, JSONFormat

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
TIMES = st.datetimes(timezones=st.just(timezone.utc))

SCALARS = [
    ("boolean", st.booleans()),
    ("int", st.integers(-(2**31), 2**31 - 1)),
    ("long", st.integers(-(2**63), 2**63 - 1)),
    ("float", st.floats(allow_nan=False, allow_infinity=False, width=32)),
    ("double", st.floats(allow_nan=False, allow_infinity=False)),
    ("string", TEXT),
    ("bytes", st.binary()),
    ({"type": "int", "logicalType": "date"}, st.dates()),
    ({"type": "long", "logicalType": "timestamp-micros"}, TIMES),
    (
        {"type": "long", "logicalType": "timestamp-millis"},
        TIMES.map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000)),
    ),
]


class Names:
    """Field and type names, each used once."""

    def __init__(self):
        self._numbers = itertools.count()

    def next(self, letter):
        return f"{letter}{next(self._numbers)}"


def enumerations(names):
    symbols = ["A", "B", "class"]
    return {"type": "enum", "name": names.next("E"), "symbols": symbols}, st.sampled_from(symbols)


@st.composite
def types(draw, names, depth):
    """A schema, with the strategy of its values; at most ``depth`` levels of nesting."""
    kind = draw(st.sampled_from(["scalar", "enum", "nullable", "array", "map", "record"][: 6 if depth else 2]))
    if kind == "scalar":
        return draw(st.sampled_from(SCALARS))
    if kind == "enum":
        return enumerations(names)
    if kind == "record":
        return draw(records(names, depth - 1))
    schema, values = draw(types(names, depth - 1))
    if kind == "nullable" and not isinstance(schema, list):
        return draw(st.permutations(["null", schema])), st.none() | values
    if kind == "array":
        return {"type": "array", "items": schema}, st.lists(values, max_size=3)
    return {"type": "map", "values": schema}, st.dictionaries(TEXT, values, max_size=3)


@st.composite
def records(draw, names, depth):
    fields = draw(st.lists(types(names, depth), min_size=1, max_size=4))
    named = [(names.next("f"), schema, values) for schema, values in fields]
    schema = {
        "type": "record",
        "name": names.next("R"),
        "fields": [{"name": name, "type": type_} for name, type_, _ in named],
    }
    return schema, st.fixed_dictionaries({name: values for name, _, values in named})


@st.composite
def flat_records(draw):
    """Records for CSV: scalars, symbols, and the same or null."""
    names = Names()
    columns = draw(st.lists(types(names, 0), min_size=1, max_size=5))
    nullable = [draw(st.booleans()) for _ in columns]
    named = [(names.next("f"), *column, null) for column, null in zip(columns, nullable, strict=True)]
    fields = [{"name": name, "type": ["null", type_] if null else type_} for name, type_, _, null in named]
    values = {name: st.none() | values if null else values for name, _, values, null in named}
    return {"type": "record", "name": "Row", "fields": fields}, st.fixed_dictionaries(values)


def _looks_null(value, schema, null):
    """Whether the text of a nullable field of the value looks like null."""
    types_ = {field["name"]: field["type"] for field in schema["fields"]}
    nullable = [item for name, item in value.items() if isinstance(types_[name], list)]
    return any(
        (isinstance(item, str) and item == null)
        or (isinstance(item, bytes) and b64encode(item).decode() in {"", null})
        or (null == "0" and type(item) is int and item == 0)
        or (null == "true" and item is True)
        for item in nullable
    )


nested = st.builds(Names).flatmap(lambda names: records(names, 3))
property_test = settings(deadline=None, suppress_health_check=list(HealthCheck))


@property_test
@given(st.data())
def test_avro_returns_every_value_of_every_schema(data):
    schema, values = data.draw(nested)
    value, format_ = data.draw(values), AvroFormat(schema)
    assert format_.decode(format_.encode(value)) == value


@property_test
@given(st.data())
def test_json_returns_every_value_of_every_schema(data):
    schema, values = data.draw(nested)
    value, format_ = data.draw(values), JSONFormat(schema)
    assert format_.decode(format_.encode(value)) == value


@property_test
@given(st.data(), st.sampled_from(",;\t| é"), st.sampled_from(["", "NA", "0", "true"]))
def test_csv_returns_every_value_or_refuses_it_because_it_looks_like_null(data, delimiter, null):
    schema, values = data.draw(flat_records())
    value, format_ = data.draw(values), CSVFormat(schema, delimiter=delimiter, null=null)
    if _looks_null(value, schema, null):
        with pytest.raises(EncodeError, match="would be read as null"):
            format_.encode(value)
    else:
        assert format_.decode(format_.encode(value)) == value


@property_test
@given(st.data())
def test_every_format_returns_fields_in_the_order_of_the_schema(data):
    schema, values = data.draw(flat_records())
    value = dict(reversed(data.draw(values).items()))
    names = [field["name"] for field in schema["fields"]]
    for format_ in (AvroFormat(schema), JSONFormat(schema), CSVFormat(schema, null="no such text")):
        with suppress(EncodeError):
            assert list(format_.decode(format_.encode(value))) == names


def test_the_first_and_last_day_that_python_knows_are_returned():
    day, _, time = (schema for schema, _ in SCALARS[7:])
    schema = {"type": "record", "name": "R", "fields": [{"name": "t", "type": time}, {"name": "d", "type": day}]}
    for value in (
        {"t": datetime.min.replace(tzinfo=timezone.utc), "d": date.min},
        {"t": datetime.max.replace(microsecond=999000, tzinfo=timezone.utc), "d": date.max},
    ):
        for format_ in (AvroFormat(schema), JSONFormat(schema), CSVFormat(schema)):
            assert format_.decode(format_.encode(value)) == value
