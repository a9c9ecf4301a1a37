"""Rule of every format: decode(encode(value)) == value, for every schema that Avro allows and every value of it."""

import itertools
import math
from contextlib import suppress
from datetime import date, datetime, time, timezone
from decimal import Decimal
from io import BytesIO

import fastavro
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beam_dis.errors import EncodeError
from beam_dis.formats import AvroFormat, CSVFormat, JSONFormat

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
TIMES = st.datetimes(timezones=st.just(timezone.utc))
LOCAL = st.datetimes()
DAY_TIMES = st.times()


def in_millis(moment):
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def logical(kind, logical_type, **more):
    return {"type": kind, "logicalType": logical_type, **more}


SCALARS = [
    ("null", st.none()),
    ("boolean", st.booleans()),
    ("int", st.integers(-(2**31), 2**31 - 1)),
    ("long", st.integers(-(2**63), 2**63 - 1)),
    ("float", st.floats(width=32)),
    ("double", st.floats()),
    ("string", TEXT),
    ("bytes", st.binary()),
    (logical("int", "date"), st.dates()),
    (logical("long", "timestamp-micros"), TIMES),
    (logical("long", "timestamp-millis"), TIMES.map(in_millis)),
    (logical("long", "timestamp-nanos"), st.integers(-(2**63), 2**63 - 1)),
    (logical("int", "time-millis"), DAY_TIMES.map(in_millis)),
    (logical("long", "time-micros"), DAY_TIMES),
    (logical("long", "local-timestamp-millis"), LOCAL.map(in_millis).map(datetime.isoformat)),
    (logical("long", "local-timestamp-micros"), LOCAL.map(datetime.isoformat)),
    (logical("string", "uuid"), st.uuids().map(str)),
    (logical("bytes", "decimal", precision=30, scale=4), st.decimals(-(10**25), 10**25, places=4)),
    (logical("string", "varchar", maxLength=5), TEXT),
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


def fixeds(names):
    return st.sampled_from(
        [
            ({"type": "fixed", "name": names.next("F"), "size": 3}, st.binary(min_size=3, max_size=3)),
            ({"type": "fixed", "name": names.next("F"), "size": 0}, st.just(b"")),
            (logical("fixed", "uuid", name=names.next("F"), size=16), st.uuids().map(str)),
            (
                logical("fixed", "decimal", name=names.next("F"), size=8, precision=18, scale=18),
                st.decimals(Decimal("-0.9"), Decimal("0.9"), places=18),
            ),
        ]
    )


def durations(names):
    number = st.integers(0, 2**32 - 1)
    values = st.fixed_dictionaries({"months": number, "days": number, "millis": number})
    return logical("fixed", "duration", name=names.next("D"), size=12), values


@st.composite
def types(draw, names, depth):
    """A schema, with the strategy of its values; at most ``depth`` levels of nesting."""
    flat = ["scalar", "scalar", "enum", "fixed"]
    kind = draw(st.sampled_from([*flat, "duration", "nullable", "union", "array", "map", "record"] if depth else flat))
    drawn = {
        "scalar": lambda: draw(st.sampled_from(SCALARS)),
        "enum": lambda: enumerations(names),
        "fixed": lambda: draw(fixeds(names)),
        "duration": lambda: durations(names),
        "record": lambda: draw(records(names, depth - 1)),
        "union": lambda: draw(unions(names, depth - 1)),
    }.get(kind)
    if drawn is not None:
        return drawn()
    schema, values = draw(types(names, depth - 1))
    if kind == "nullable" and not isinstance(schema, list) and schema != "null":
        return draw(st.permutations(["null", schema])), st.none() | values
    if kind == "array":
        return {"type": "array", "items": schema}, st.lists(values, max_size=3)
    return {"type": "map", "values": schema}, st.dictionaries(TEXT, values, max_size=3)


def branch_name(schema):
    if isinstance(schema, str):
        return schema
    return schema["name"] if "name" in schema else schema["type"]


@st.composite
def unions(draw, names, depth):
    """A union of several types, whose value is a dict with one branch that isn't None."""
    drawn = draw(st.lists(types(names, depth), min_size=2, max_size=4))
    branches = {
        branch_name(schema): (schema, values)
        for schema, values in drawn
        if not isinstance(schema, list) and schema != "null"
    }
    if len(branches) < 2:
        branches = {"string": ("string", TEXT), "double": ("double", st.floats())}

    def tagged(name):
        return branches[name][1].map(lambda value: {other: value if other == name else None for other in branches})

    values = st.one_of([tagged(name) for name in branches])
    schemas = [schema for schema, _ in branches.values()]
    if draw(st.booleans()):
        schemas.insert(draw(st.integers(0, len(schemas))), "null")
        values = st.none() | values
    return schemas, values


@st.composite
def records(draw, names, depth):
    fields = draw(st.lists(types(names, depth), max_size=4))
    named = [(names.next("f"), schema, values) for schema, values in fields]
    schema = {
        "type": "record",
        "name": names.next("R"),
        "fields": [{"name": name, "type": type_} for name, type_, _ in named],
    }
    return schema, st.fixed_dictionaries({name: values for name, _, values in named})


@st.composite
def flat_records(draw):
    """Records for CSV: scalars, symbols, fixed bytes, and the same or null."""
    names = Names()
    columns = draw(st.lists(types(names, 0), min_size=1, max_size=5))
    nullable = [draw(st.booleans()) and schema != "null" for schema, _ in columns]
    named = [(names.next("f"), *column, null) for column, null in zip(columns, nullable, strict=True)]
    fields = [{"name": name, "type": ["null", type_] if null else type_} for name, type_, _, null in named]
    values = {name: st.none() | values if null else values for name, _, values, null in named}
    return {"type": "record", "name": "Row", "fields": fields}, st.fixed_dictionaries(values)


def same(left, right):
    """Whether values are equal, with NaN equal to itself and 0.0 unequal to -0.0."""
    if isinstance(left, dict):
        return (
            isinstance(right, dict) and list(left) == list(right) and all(same(left[key], right[key]) for key in left)
        )
    if isinstance(left, list):
        return (
            isinstance(right, list)
            and len(left) == len(right)
            and all(same(a, b) for a, b in zip(left, right, strict=True))
        )
    if isinstance(left, float) and isinstance(right, float):
        return (math.isnan(left) and math.isnan(right)) or (
            left == right and math.copysign(1, left) == math.copysign(1, right)
        )
    return type(left) is type(right) and left == right


def holds(value, found):
    if isinstance(value, dict):
        return any(holds(item, found) for item in value.values())
    return any(holds(item, found) for item in value) if isinstance(value, list) else found(value)


nested = st.builds(Names).flatmap(lambda names: records(names, 3))
property_test = settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=200)


def without_order(value):
    if isinstance(value, dict):
        return {key: without_order(value[key]) for key in sorted(value)}
    return [without_order(item) for item in value] if isinstance(value, list) else value


@property_test
@given(st.data())
def test_avro_returns_every_value_of_every_schema(data):
    schema, values = data.draw(nested)
    value, format_ = data.draw(values), AvroFormat(schema)
    assert same(without_order(format_.decode(format_.encode(value))), without_order(value))


@property_test
@given(st.data())
def test_json_returns_every_finite_value_of_every_schema(data):
    schema, values = data.draw(nested)
    value, format_ = data.draw(values), JSONFormat(schema)
    if holds(value, lambda item: isinstance(item, float) and not math.isfinite(item)):
        with pytest.raises(EncodeError, match="finite"):
            format_.encode(value)
    else:
        assert same(without_order(format_.decode(format_.encode(value))), without_order(value))


@property_test
@given(
    st.data(),
    st.sampled_from([",", ";", "\t", "|", " ", "é", "||", "::", "\0", "{", "\\"]),
    st.sampled_from(["", "NA", "0", "true", "A", "\\N"]),
)
def test_csv_returns_every_value_of_every_flat_schema(data, delimiter, null):
    schema, values = data.draw(flat_records())
    if delimiter in null:
        return
    value, format_ = data.draw(values), CSVFormat(schema, delimiter=delimiter, null=null)
    assert same(without_order(format_.decode(format_.encode(value))), without_order(value))


@property_test
@given(st.data())
def test_every_format_returns_fields_in_the_order_of_the_schema(data):
    schema, values = data.draw(flat_records())
    value = dict(reversed(data.draw(values).items()))
    names = [field["name"] for field in schema["fields"]]
    for format_ in (AvroFormat(schema), JSONFormat(schema), CSVFormat(schema)):
        with suppress(EncodeError):
            assert list(format_.decode(format_.encode(value))) == names


def with_sorted_maps(value):
    """A value with its maps in the order in which they are written."""
    return {key: dict(sorted(item.items())) if isinstance(item, dict) else item for key, item in value.items()}


PLAIN_SCALARS = [pair for pair in SCALARS if isinstance(pair[0], str)]


@st.composite
def plain_records(draw):
    """Records without logical types and unions, which fastavro and we have as the same values."""
    names = Names()
    kinds = st.sampled_from(PLAIN_SCALARS)
    fields = []
    for _ in range(draw(st.integers(0, 5))):
        schema, values = draw(kinds)
        shape = draw(st.sampled_from(["plain", "nullable", "array", "map"]))
        if shape == "nullable" and schema != "null":
            schema, values = [schema, "null"], st.none() | values
        elif shape == "array":
            schema, values = {"type": "array", "items": schema}, st.lists(values, max_size=3)
        elif shape == "map":
            schema, values = {"type": "map", "values": schema}, st.dictionaries(TEXT, values, max_size=3)
        fields.append((names.next("f"), schema, values))
    schema = {
        "type": "record",
        "name": names.next("R"),
        "fields": [{"name": name, "type": type_} for name, type_, _ in fields],
    }
    return schema, st.fixed_dictionaries({name: values for name, _, values in fields})


@property_test
@given(st.data())
def test_fastavro_reads_and_writes_the_same_bytes(data):
    schema, values = data.draw(plain_records())
    value = data.draw(values)
    parsed, stream = fastavro.parse_schema(schema), BytesIO()
    fastavro.schemaless_writer(stream, parsed, with_sorted_maps(value))
    ours = AvroFormat(schema)
    written = ours.encode(value)
    assert written == stream.getvalue()
    assert same(without_order(fastavro.schemaless_reader(BytesIO(written), parsed, None)), without_order(value))


@property_test
@given(st.data())
def test_fastavro_reads_every_record_of_every_schema(data):
    """Records with logical types and unions: fastavro reads them to the last byte, as the value that it has for them."""
    schema, values = data.draw(nested)
    value = data.draw(values)
    stream = BytesIO(AvroFormat(schema).encode(value))
    fastavro.schemaless_reader(stream, fastavro.parse_schema(schema), None)
    assert stream.read() == b""


def test_the_first_and_last_day_that_python_knows_are_returned():
    day = logical("int", "date")
    moment = logical("long", "timestamp-millis")
    schema = {"type": "record", "name": "R", "fields": [{"name": "t", "type": moment}, {"name": "d", "type": day}]}
    for value in (
        {"t": datetime.min.replace(tzinfo=timezone.utc), "d": date.min},
        {"t": datetime.max.replace(microsecond=999000, tzinfo=timezone.utc), "d": date.max},
    ):
        for format_ in (AvroFormat(schema), JSONFormat(schema), CSVFormat(schema)):
            assert format_.decode(format_.encode(value)) == value


def test_the_last_moment_of_a_day_is_returned():
    schema = {"type": "record", "name": "R", "fields": [{"name": "t", "type": logical("long", "time-micros")}]}
    for format_ in (AvroFormat(schema), JSONFormat(schema), CSVFormat(schema)):
        assert format_.decode(format_.encode({"t": time.max})) == {"t": time.max}
