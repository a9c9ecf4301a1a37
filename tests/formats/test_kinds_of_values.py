"""Values that aren't Python's plain ones: every format takes the same ones and refuses the same ones."""

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from functools import partial
from types import SimpleNamespace
from typing import ClassVar
from uuid import UUID

import attrs
import msgspec
import numpy as np
import pandas as pd
import pytest

from beam_dis.errors import EncodeError
from beam_dis.formats import AvroFormat, CSVFormat, JSONFormat

MAKERS = [AvroFormat, CSVFormat, JSONFormat]
SCHEMA = {"type": "record", "name": "R", "fields": [{"name": "n", "type": "long"}, {"name": "s", "type": "string"}]}


class Struct(msgspec.Struct):
    n: int
    s: str


@attrs.define
class Attrs:
    n: int
    s: str


class Model:
    """What an instance of a pydantic model looks like."""

    model_fields: ClassVar = {"n": "a FieldInfo", "s": "a FieldInfo"}

    def __init__(self, **values):
        self.__dict__ |= values


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("kind", [Struct, Attrs, Model])
def test_an_instance_of_a_class_with_declared_fields_is_a_record(make, kind):
    format_ = make(SCHEMA)
    assert format_.encode(kind(n=5, s="x")) == format_.encode({"n": 5, "s": "x"})


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("value", [SimpleNamespace(n=5, s="x"), (5, "x"), [5, "x"], None, Struct, 5])
def test_another_value_is_refused_with_what_to_give(make, value):
    with pytest.raises(EncodeError, match="no named fields: give a row, a dict or a dataclass"):
        make(SCHEMA).encode(value)


def one(type_):
    filled = [{"name": f"f{at}", "type": "int"} for at in range(10)]  # so that a row is checked in one call
    return {"type": "record", "name": "R", "fields": [{"name": "a", "type": type_}, *filled]}


def value(given):
    return {"a": given, **{f"f{at}": at for at in range(10)}}


REQUIRED = [
    "boolean",
    "int",
    "long",
    "float",
    "double",
    "string",
    "bytes",
    {"type": "int", "logicalType": "date"},
    {"type": "long", "logicalType": "time-micros"},
    {"type": "long", "logicalType": "timestamp-millis"},
    {"type": "long", "logicalType": "local-timestamp-millis"},
    {"type": "bytes", "logicalType": "decimal", "precision": 5, "scale": 2},
    {"type": "string", "logicalType": "uuid"},
    {"type": "enum", "name": "E", "symbols": ["A"]},
    {"type": "fixed", "name": "F", "size": 0},
]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("type_", REQUIRED)
def test_none_is_refused_for_a_field_that_has_no_null(make, type_):
    with pytest.raises(EncodeError, match="field 'a': Expected"):
        make(one(type_)).encode(value(None))


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("unit", ["D", "s", "ms", "ns"])
def test_a_numpy_time_is_a_date_or_a_local_time(make, unit):
    day, local = {"type": "int", "logicalType": "date"}, {"type": "long", "logicalType": "local-timestamp-millis"}
    given = value(np.datetime64("2020-01-02", unit))
    assert make(one(day)).decode(make(one(day)).encode(given))["a"] == date(2020, 1, 2)
    assert make(one(local)).decode(make(one(local)).encode(given))["a"] == "2020-01-02T00:00:00"


@pytest.mark.parametrize("make", MAKERS)
def test_a_numpy_time_without_a_zone_is_no_instant(make):
    with pytest.raises(EncodeError, match="timezone"):
        make(one({"type": "long", "logicalType": "timestamp-millis"})).encode(value(np.datetime64("2020-01-01T00:00")))


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("number", [np.datetime64(5, "ns"), np.timedelta64(5, "ns")])
def test_a_numpy_time_of_nanoseconds_is_no_number(make, number):
    with pytest.raises(EncodeError, match="field 'a': Expected `int`"):
        make(one("long")).encode(value(number))


@pytest.mark.parametrize("make", MAKERS)
def test_the_numpy_time_that_is_none_is_null(make):
    format_ = make(one(["null", {"type": "long", "logicalType": "local-timestamp-millis"}]))
    assert format_.encode(value(np.datetime64("NaT"))) == format_.encode(value(None))


class Word(str, Enum):
    A = "A"


class Plain(Enum):
    A = "A"


class Number(IntEnum):
    THREE = 3


TYPES = [
    *REQUIRED,
    {"type": "int", "logicalType": "time-millis"},
    {"type": "long", "logicalType": "timestamp-micros"},
    {"type": "fixed", "name": "F", "size": 1},
]
VALUES = [
    None, True, 5, 5.0, 5.5, -0.0, 2**40, 2**64, 2**70, "A", "5", "NA", "", Word.A, Plain.A, Number.THREE, b"x", bytearray(b"x"),
    memoryview(b"x"), np.int64(5), np.float32(1.1), np.bool_(True), np.str_("A"), np.bytes_(b"x"), np.array([1, 2]), pd.NA, pd.NaT,
    pd.Timestamp("2020-01-01", tz="UTC"), pd.Timestamp("2020-01-01"), datetime(2020, 1, 1, tzinfo=timezone.utc), date(2020, 1, 1),
    datetime(2020, 1, 1), time(1, 2, 3), timedelta(1), Decimal("1.50"), Decimal("-0"), UUID(int=5), np.datetime64("2020-01-01"),  # noqa: DTZ001
    np.timedelta64(1, "s"), [1, 2], (1, 2), {"a": 1}, 1j, object(), "\ud800", "2020-01-01", "x" * 5000,
]  # fmt: skip
EVERY_MAKER = [
    AvroFormat,
    JSONFormat,
    CSVFormat,
    partial(CSVFormat, null="NA"),
    partial(CSVFormat, null="A", delimiter="||"),
    partial(CSVFormat, null="5", booleans=("x", "5")),
]


def outcome(format_, record):
    """The value that a record has after a round trip, and its type; None if it is refused."""
    try:
        data = format_.encode(record)
    except EncodeError:
        return None
    got = format_.decode(data)["a"]
    return type(got), got, str(got)


@pytest.mark.parametrize("others", [1, 10])  # from 8 fields on, a row is checked in one call
@pytest.mark.parametrize("nullable", [False, True])
@pytest.mark.parametrize("type_", TYPES)
def test_every_format_takes_the_same_values_and_refuses_the_same(type_, nullable, others):
    schema = one(["null", type_] if nullable else type_)
    schema["fields"] = schema["fields"][: others + 1]
    formats = [make(schema) for make in EVERY_MAKER]
    for given in VALUES:
        record = {**dict(list(value(None).items())[: others + 1]), "a": given}
        first, *rest = [outcome(format_, record) for format_ in formats]
        assert rest == [first] * len(rest), given
