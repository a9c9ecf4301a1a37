"""Values of an Avro schema as plain JSON, in which values of libraries in several languages can be compared.

Rules:
1. Numbers are text, because JavaScript has no 64 bits: ``"5"`` for an int or a long, the hexadecimal bits of a float or a double.
2. Bytes and fixed types are hexadecimal text. Records and maps are objects. A union is a list of the branch's number and the value.
3. A timestamp or a time of day is its microseconds, a date is ISO 8601, a decimal its digits, a duration a list of three numbers.
"""

import json
import math
import struct
from datetime import datetime, timedelta, timezone

PRIMITIVES = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"}
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def form_of(schema, value):
    """The form of a value of a format without Beam."""
    return _form(schema, value, named_types(schema))


def named_types(schema):
    """The named types in a schema, by their names without a namespace."""
    if isinstance(schema, list):
        inner = schema
    elif isinstance(schema, dict):
        inner = [schema.get("items"), schema.get("values"), *(field["type"] for field in schema.get("fields", []))]
    else:
        return {}
    own = {schema["name"]: schema} if isinstance(schema, dict) and "name" in schema else {}
    return {**own, **{name: type_ for part in inner for name, type_ in named_types(part).items()}}


def _form(schema, value, named):
    if isinstance(schema, list):
        number, value = branch_of(schema, value)
        return [number, _form(schema[number], value, named)]
    if isinstance(schema, str) and schema not in PRIMITIVES:
        schema = named[schema.rpartition(".")[2]]
    attributes = schema if isinstance(schema, dict) else {"type": schema}
    if attributes.get("logicalType") in LOGICAL:
        return LOGICAL[attributes["logicalType"]](value)
    kind = attributes["type"]
    if kind == "record":
        fields = json.loads(value) if isinstance(value, str) else value  # a record inside itself is JSON text
        return {field["name"]: _form(field["type"], fields[field["name"]], named) for field in attributes["fields"]}
    if kind == "array":
        return [_form(attributes["items"], item, named) for item in value]
    if kind == "map":
        return {key: _form(attributes["values"], item, named) for key, item in value.items()}
    return SCALARS[kind](value)


def branch_of(branches, value):
    """The number of a union's branch that a value is of, and the value in it.

    A union of null and one other type is that value or None; any other one is a dict with one value that isn't None.
    """
    if value is None and "null" in branches:
        return branches.index("null"), None
    others = [number for number, branch in enumerate(branches) if branch != "null"]
    if len(branches) == 2 and len(others) == 1:
        return others[0], value
    ((number, item),) = [pair for pair in zip(others, value.values(), strict=True) if pair[1] is not None]
    return number, item


def bits(pattern):
    return lambda value: "nan" if math.isnan(value) else struct.pack(pattern, value).hex()


def micros(value):
    return str((value - EPOCH) // MICROSECOND)


SCALARS = {
    "null": lambda value: value,
    "boolean": lambda value: value,
    "int": str,
    "long": str,
    "float": bits(">f"),
    "double": bits(">d"),
    "string": str,
    "bytes": bytes.hex,
    "fixed": bytes.hex,
    "enum": str,
}


def of_local_time(text):
    return micros(datetime.fromisoformat(text).replace(tzinfo=timezone.utc))


def of_day_time(value):
    return micros(datetime.combine(EPOCH.date(), value, timezone.utc))


LOGICAL = {
    "date": str,
    "timestamp-millis": micros,
    "timestamp-micros": micros,
    "local-timestamp-millis": of_local_time,
    "local-timestamp-micros": of_local_time,
    "time-millis": of_day_time,
    "time-micros": of_day_time,
    "uuid": str,
    "decimal": lambda value: format(value, "f"),
    "duration": lambda value: [str(value[name]) for name in ("months", "days", "millis")],
}


def without_logical_types(schema):
    """The schema of the plain types."""
    if isinstance(schema, list):
        return [without_logical_types(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "name" not in schema and schema["type"] in PRIMITIVES:
        return schema["type"]
    inner = {"type", "items", "values", "fields"}
    plain = {key: without_logical_types(value) if key in inner else value for key, value in schema.items()}
    return {key: value for key, value in plain.items() if key != "logicalType"}
