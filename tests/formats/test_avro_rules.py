"""The rules of the Avro specification, each with schemas that break it and schemas that don't."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beam_dis.formats.avro_rules import avro_problem


def record(*fields: Any, **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": "R", "fields": list(fields), **more}


def field(name: Any = "a", kind: Any = "int", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


def enum(*symbols: Any, **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": "E", "symbols": list(symbols), **more}


FIXED = {"type": "fixed", "name": "X", "size": 2}

GOOD = {
    "a primitive type": "string",
    "an array": {"type": "array", "items": "int"},
    "a record without fields": record(),
    "names of Python keywords": record(field("class"), field("_x"), field("größe")),
    "a record that contains itself": record(field("next", ["null", "R"])),
    "a field with the name of its record": record(field("R")),
    "a namespace": record(field("a", enum("A")), field("b", "n.s.E"), field("c", "E"), namespace="n.s"),
    "a dotted name": record(field("a", FIXED), field("b", "n.X"), name="n.R"),
    "a nested type": record(field("a", {"type": "string"})),
    "defaults": record(
        field("a", ["null", "int"], default=None),
        field("b", ["null", "int"], default=5),
        field("c", "long", default=2**40),
        field("d", "double", default=1),
        field("e", "bytes", default="\xff"),
        field("f", {"type": "array", "items": "int"}, default=[1]),
        field("g", {"type": "map", "values": "string"}, default={}),
        field("h", enum("A", "B", default="B"), default="A"),
        field("i", FIXED, default="ab"),
        field("j", {**record(field(default=1), field("b", "string")), "name": "S"}, default={"b": ""}),
    ),
    "an unknown logical type": record(field("a", {"type": "int", "logicalType": "nonsense"})),
    "an order and aliases": record(field(order="ignore", aliases=["b"]), aliases=["Q"]),
    "unions of named types": record(field("a", ["null", FIXED, enum("A"), "string"])),
}

BAD = {
    "a path": ("schemas/flights.avsc", "is not JSON: give the text"),
    "an unknown type": (record(field(kind="strnig")), "field 'a' is of type 'strnig', which is not defined"),
    "a type that is defined later": (record(field("a", "E"), field("b", enum("A"))), "not defined before it"),
    "a number as a type": (record(field(kind=5)), "field 'a' is 5: a type is a name, an object or a list"),
    "null": (None, "a type is a name"),
    "an object without a type": ({"name": "R"}, "the schema has no type"),
    "no name": ({"type": "record", "fields": []}, "has the name None"),
    "no fields": ({"type": "record", "name": "R"}, "fields None: give a list"),
    "fields that are no list": (record(fields={}), "give a list"),
    "a field that is no object": (record("a"), "give an object with a name and a type"),
    "a field without a name": (record({"type": "int"}), "a field of the schema has the name None"),
    "a field without a type": (record({"name": "a"}), "field 'a' has no type"),
    "a hyphen": (record(field("flight-date")), "a field of the schema has the name 'flight-date': Avro takes letters"),
    "a space": (record(field("flight date")), "'flight date'"),
    "a digit first": (record(field("2nd")), "'2nd'"),
    "an empty name": (record(field("")), "the name ''"),
    "a number as a name": (record(field(5)), "the name 5"),
    "a dot in a field's name": (record(field("a.b")), "'a.b'"),
    "a record's name": (record(name="1R"), "the schema has the name '1R'"),
    "a namespace that is none": (record(namespace="1.x"), "the namespace '1.x'"),
    "the name of a primitive type": (record(name="string"), "the name of a primitive type"),
    "two fields of one name": (record(field(), field(kind="string")), "two fields of the name 'a'"),
    "a type that is defined twice": (record(field("a", FIXED), field("b", FIXED)), "defines 'X' again"),
    "a record inside of its own name": (record(field("a", record())), "defines 'R' again"),
    "a symbol": (enum("A-B"), "a symbol of the schema has the name 'A-B'"),
    "equal symbols": (enum("A", "A"), "two equal symbols"),
    "no symbols": (enum(), "at least one"),
    "symbols that are no list": ({**enum(), "symbols": "AB"}, "at least one"),
    "a default symbol": (enum("A", default="B"), "is none of its symbols"),
    "a union of no type": (record(field(kind=[])), "without a branch"),
    "a union in a union": (record(field(kind=["null", ["int"]])), "a union with a union in it"),
    "a union of one kind twice": (record(field(kind=["int", {"type": "int", "logicalType": "date"}])), "one kind: int, int"),
    "two arrays in a union": ([{"type": "array", "items": kind} for kind in ("int", "string")], "one kind: array, array"),
    "an array without items": ({"type": "array"}, "without 'items'"),
    "a map without values": ({"type": "map", "items": "int"}, "without 'values'"),
    "a size below 0": ({**FIXED, "size": -1}, "of size -1"),
    "no size": ({"type": "fixed", "name": "X"}, "of size None"),
    "an order": (record(field(order="up")), "the order 'up'"),
    "aliases": (record(field(aliases="b")), "aliases 'b'"),
    "deep nesting": ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
}  # fmt: skip

MISFITS = [
    ("int", "x"), ("int", 1.5), ("int", True), ("int", 2**31), ("long", 2**63), ("double", "1"), ("boolean", 0), ("string", 1), ("null", 0),
    ("bytes", "\u0100"), (FIXED, "abc"), (enum("A"), "B"), (["null", "int"], "x"), ({"type": "array", "items": "int"}, ["x"]),
    ({"type": "array", "items": "int"}, {}), ({"type": "map", "values": "int"}, {"a": None}), ({**record(field()), "name": "S"}, {}),
]  # fmt: skip


def text_of(schema: Any) -> str:
    return schema if isinstance(schema, str) and schema != "string" else json.dumps(schema)


@pytest.mark.parametrize("name", GOOD)
def test_a_schema_that_avro_takes(name):
    assert avro_problem(text_of(GOOD[name])) == ""


@pytest.mark.parametrize("name", BAD)
def test_a_schema_that_avro_refuses(name):
    schema, problem = BAD[name]
    assert problem in avro_problem(text_of(schema))


@pytest.mark.parametrize(("kind", "default"), MISFITS)
def test_a_default_that_does_not_fit(kind, default):
    assert "which doesn't fit its type" in avro_problem(json.dumps(record(field(kind=kind, default=default))))
