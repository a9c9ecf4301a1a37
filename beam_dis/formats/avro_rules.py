"""Says what is wrong with an Avro schema, by the rules of the Avro specification that fastavro doesn't check itself.

Rules:

1. Names of records, enums, fixed types and fields, symbols, and the parts of a namespace consist of letters, digits and _, and
   don't begin with a digit. Letters of any alphabet are accepted, as by Avro's Java library. A named type doesn't have the name
   of a primitive one, and is defined once.
2. A record has no two fields of one name, an enum no two equal symbols.
3. A union has at least one branch, none of them a union, and no two of one kind, unless they are named.
4. A default fits the type of its field: a union's fits one of its branches, bytes are text of characters up to 255.
5. An unsupported logical type is ignored, as the specification says; rows may refuse it (``schema``).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from beam_dis.formats.byte_order_mark import TEXT_MARK
from beam_dis.formats.schema import is_avro
from beam_dis.plain_values import shown

_PRIMITIVES = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
_NAME = re.compile(r"[^\W\d]\w*")
_BITS = {"int": 31, "long": 63}
_ORDERS = {"ascending", "descending", "ignore"}

Node = Mapping[str, Any]


class _Problem(Exception):  # noqa: N818 - a finding, which becomes the result
    """The text says what is wrong."""


def avro_problem(text: str) -> str:
    """What is wrong with a schema; "" if Avro takes it."""
    try:
        _Checker().check(json.loads(text.removeprefix(TEXT_MARK)), "", "the schema")
    except _Problem as problem:
        return str(problem)
    except RecursionError:
        return "it is nested too deeply"
    except ValueError:
        return f"{shown(text)} is not JSON: give the text of an Avro schema, not the path of a file"
    return "" if is_avro(text) else "fastavro doesn't read it"


class _Checker:
    """Checks one schema, and knows the named types that it has defined so far by their full names."""

    def __init__(self) -> None:
        self._named: dict[str, Node] = {}

    def check(self, schema: Any, namespace: str, where: str) -> None:
        """Check the schema of ``where``, in a namespace."""
        if isinstance(schema, str):
            if schema not in _PRIMITIVES and self._definition(schema, namespace) is None:
                raise _Problem(f"{where} is of type {shown(schema)}, which is not defined before it")
        elif isinstance(schema, list):
            self._check_union(schema, namespace, where)
        elif isinstance(schema, Mapping):
            self._check_complex(schema, namespace, where)
        else:
            raise _Problem(f"{where} is {shown(schema)}: a type is a name, an object or a list")

    def _check_union(self, branches: list[Any], namespace: str, where: str) -> None:
        if not branches:
            raise _Problem(f"{where} is a union without a branch")
        kinds = []
        for branch in branches:
            if isinstance(branch, list):
                raise _Problem(f"{where} is a union with a union in it")
            self.check(branch, namespace, where)
            kinds.append(self._kind(branch, namespace))
        if len(set(kinds)) < len(kinds):
            raise _Problem(f"{where} is a union with two branches of one kind: {', '.join(kinds)}")

    def _check_complex(self, schema: Node, namespace: str, where: str) -> None:
        kind = schema.get("type")
        if kind in ("record", "error", "enum", "fixed"):
            inner = self._define(schema, namespace, where)
            if kind == "enum":
                _check_symbols(schema, where)
            elif kind == "fixed":
                if not _is_int(schema.get("size"), 31) or schema["size"] < 0:
                    raise _Problem(
                        f"{where} is a fixed type of size {shown(schema.get('size'))}: give a number of bytes"
                    )
            else:
                self._check_fields(schema, inner, where)
        elif kind in ("array", "map"):
            items = "items" if kind == "array" else "values"
            if items not in schema:
                raise _Problem(f"{where} is of type {kind} without {items!r}")
            self.check(schema[items], namespace, f"{where}[]")
        elif kind is None:
            raise _Problem(f"{where} has no type")
        else:
            self.check(kind, namespace, where)

    def _check_fields(self, record: Node, namespace: str, where: str) -> None:
        fields = record.get("fields")
        if not isinstance(fields, list):
            raise _Problem(f"{where} is a record with fields {shown(fields)}: give a list")
        names = set()
        for field in fields:
            if not isinstance(field, Mapping):
                raise _Problem(f"{where} has the field {shown(field)}: give an object with a name and a type")
            name = field.get("name")
            _check_name(name, f"a field of {where}")
            if name in names:
                raise _Problem(f"{where} has two fields of the name {name!r}")
            names.add(name)
            if "type" not in field:
                raise _Problem(f"field {name!r} has no type")
            self.check(field["type"], namespace, f"field {name!r}")
            if "default" in field and not self._fits(field["default"], field["type"], namespace):
                raise _Problem(f"field {name!r} has the default {shown(field['default'])}, which doesn't fit its type")
            if field.get("order", "ascending") not in _ORDERS:
                raise _Problem(f"field {name!r} has the order {shown(field['order'])}, none of {', '.join(_ORDERS)}")
            _check_aliases(field, f"field {name!r}")

    def _define(self, schema: Node, namespace: str, where: str) -> str:
        """Define a named type; returns its namespace, which is that of the types inside it."""
        name = schema.get("name")
        for part in name.split(".") if isinstance(name, str) else [name]:
            _check_name(part, where)
        space, _, short = str(name).rpartition(".")
        space = space or schema.get("namespace", namespace)
        if not isinstance(space, str) or (space and not all(map(_NAME.fullmatch, space.split(".")))):
            raise _Problem(f"{where} has the namespace {shown(space)}, which Avro doesn't take")
        full = f"{space}.{short}" if space else short
        if full in _PRIMITIVES:
            raise _Problem(f"{where} defines {full!r}, which is the name of a primitive type")
        if full in self._named:
            raise _Problem(f"{where} defines {full!r} again")
        self._named[full] = {**schema, "namespace": space}
        _check_aliases(schema, where)
        return space

    def _definition(self, name: str, namespace: str) -> Node | None:
        full = name if "." in name or not namespace else f"{namespace}.{name}"
        return self._named.get(full) or self._named.get(name)

    def _kind(self, schema: Any, namespace: str) -> str:
        """The kind of a branch that is checked already: a primitive type, ``array``, ``map``, or the full name of a type."""
        while isinstance(schema, Mapping) and "name" not in schema and not isinstance(schema["type"], str):
            schema = schema["type"]
        if isinstance(schema, str):
            named = self._definition(schema, namespace)
            return schema if named is None else f"{named['namespace']}.{str(named['name']).rpartition('.')[2]}"
        if isinstance(schema, Mapping) and schema["type"] in ("record", "error", "enum", "fixed"):
            return self._kind(schema["name"], str(schema.get("namespace", namespace)))
        return str(schema["type"])

    def _fits(self, value: Any, schema: Any, namespace: str) -> bool:
        """Whether a default fits a schema that is checked already."""
        if isinstance(schema, list):
            return any(self._fits(value, branch, namespace) for branch in schema)
        if isinstance(schema, str):
            named = self._definition(schema, namespace)
            return _fits_primitive(value, schema) if named is None else self._fits(value, named, namespace)
        match schema["type"]:
            case "array":
                fits = isinstance(value, list) and all(self._fits(item, schema["items"], namespace) for item in value)
            case "map":
                values = schema["values"]
                fits = isinstance(value, dict) and all(self._fits(item, values, namespace) for item in value.values())
            case "enum":
                fits = value in schema["symbols"]
            case "fixed":
                fits = _fits_primitive(value, "bytes") and len(value) == schema["size"]
            case "record" | "error":
                space = str(schema.get("namespace", namespace))
                fits = isinstance(value, dict) and all(
                    self._fits(value[field["name"]], field["type"], space)
                    if field["name"] in value
                    else "default" in field
                    for field in schema["fields"]
                )
            case kind:
                fits = self._fits(value, kind, namespace)
        return fits


def _fits_primitive(value: Any, kind: str) -> bool:
    if kind in _BITS:
        return _is_int(value, _BITS[kind])
    if kind in ("float", "double"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind == "bytes":
        return isinstance(value, str) and all(ord(character) <= 255 for character in value)
    return isinstance(value, {"null": type(None), "boolean": bool, "string": str}[kind])


def _is_int(value: Any, bits: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**bits) <= value < 2**bits


def _check_name(name: Any, where: str) -> None:
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise _Problem(f"{where} has the name {shown(name)}: Avro takes letters, digits and _, no digit first")


def _check_symbols(schema: Node, where: str) -> None:
    symbols = schema.get("symbols")
    if not isinstance(symbols, list) or not symbols:
        raise _Problem(f"{where} is an enum with symbols {shown(symbols)}: give a list with at least one")
    for symbol in symbols:
        _check_name(symbol, f"a symbol of {where}")
    if len(set(symbols)) < len(symbols):
        raise _Problem(f"{where} is an enum with two equal symbols")
    if schema.get("default", symbols[0]) not in symbols:
        raise _Problem(f"{where} is an enum whose default {shown(schema['default'])} is none of its symbols")


def _check_aliases(schema: Node, where: str) -> None:
    aliases = schema.get("aliases", [])
    if not isinstance(aliases, list) or not all(isinstance(alias, str) for alias in aliases):
        raise _Problem(f"{where} has the aliases {shown(aliases)}: give a list of names")
