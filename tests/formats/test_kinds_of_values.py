"""Values that aren't Python's plain ones: records of other libraries' classes, numpy's times, and None where there must be a value."""

from datetime import date
from types import SimpleNamespace
from typing import ClassVar

import attrs
import msgspec
import numpy as np
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
