"""Schemas that Avro allows, and values of them, for property tests; examples of them, and when values are equal."""

import itertools
import math
from datetime import datetime, timezone
from decimal import Decimal

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

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


def recursive(names):
    """A record that contains itself: there it is JSON text in a row."""
    number, rest = names.next("n"), names.next("r")
    schema = {"type": "record", "name": names.next("L"), "fields": [{"name": number, "type": "long"}]}
    schema["fields"].append({"name": rest, "type": ["null", schema["name"]]})
    texts = st.integers(-9, 9).map(lambda value: f'{{"{number}":{value},"{rest}":null}}')
    return schema, st.fixed_dictionaries({number: st.integers(-9, 9), rest: st.none() | texts})


@st.composite
def repeated(draw, names, depth):
    """A record of two fields of one named type: the second one has its name."""
    named = [st.just(enumerations(names)), fixeds(names), records(names, depth)]
    schema, values = draw(st.one_of(named))
    first, second = names.next("f"), names.next("f")
    fields = [{"name": first, "type": schema}, {"name": second, "type": schema["name"]}]
    values = st.fixed_dictionaries({first: values, second: values})
    return {"type": "record", "name": names.next("R"), "fields": fields}, values


@st.composite
def types(draw, names, depth):
    """A schema, with the strategy of its values; at most ``depth`` levels of nesting."""
    flat = ["scalar", "scalar", "enum", "fixed"]
    nested = ["duration", "nullable", "union", "array", "map", "record", "recursive", "repeated"]
    kind = draw(st.sampled_from([*flat, *nested] if depth else flat))
    drawn = {
        "scalar": lambda: draw(st.sampled_from(SCALARS)),
        "enum": lambda: enumerations(names),
        "fixed": lambda: draw(fixeds(names)),
        "duration": lambda: durations(names),
        "record": lambda: draw(records(names, depth - 1)),
        "recursive": lambda: recursive(names),
        "repeated": lambda: draw(repeated(names, depth - 1)),
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


nested_records = st.builds(Names).flatmap(lambda names: records(names, 3))
"""Records of every type, nested three levels deep."""


def with_values(records):
    """A schema and three of its values, from a strategy of pairs."""
    return records.flatmap(lambda pair: st.tuples(st.just(pair[0]), st.lists(pair[1], min_size=3, max_size=3)))


def drawn(strategy, count, number):
    """The first examples of a strategy; the same for the same number."""
    found = []

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def take(example):
        found.append(example)

    take()
    return found


def same(left, right):
    """Whether values are equal, with NaN equal to itself and 0.0 unequal to -0.0."""
    if isinstance(left, dict):
        return (
            isinstance(right, dict) and list(left) == list(right) and all(same(left[key], right[key]) for key in left)
        )
    if isinstance(left, (list, tuple)):
        return (
            type(left) is type(right)
            and len(left) == len(right)
            and all(same(a, b) for a, b in zip(left, right, strict=True))
        )
    if isinstance(left, float) and isinstance(right, float):
        return (math.isnan(left) and math.isnan(right)) or (
            left == right and math.copysign(1, left) == math.copysign(1, right)
        )
    return type(left) is type(right) and left == right


def without_order(value):
    """A value with its maps in the order of their keys."""
    if isinstance(value, dict):
        return {key: without_order(value[key]) for key in sorted(value)}
    return [without_order(item) for item in value] if isinstance(value, list) else value
