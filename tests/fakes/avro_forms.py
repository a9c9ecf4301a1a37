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
    return _Forms().form(schema, value)


class _Forms:
    def __init__(self):
        self._named = {}

    def form(self, schema, value):
        if isinstance(schema, list):
            return self._of_union(schema, value)
        if isinstance(schema, str) and schema not in PRIMITIVES:
            schema = self._named[schema.rpartition(".")[2]]
        attributes = schema if isinstance(schema, dict) else {"type": schema}
        if "name" in attributes:
            self._named[attributes["name"]] = attributes
        if attributes.get("logicalType") in LOGICAL:
            return LOGICAL[attributes["logicalType"]](value)
        kind = attributes["type"]
        if kind == "record":
            fields = json.loads(value) if isinstance(value, str) else value  # a record inside itself is JSON text
            return {field["name"]: self.form(field["type"], fields[field["name"]]) for field in attributes["fields"]}
        if kind == "array":
            return [self.form(attributes["items"], item) for item in value]
        if kind == "map":
            return {key: self.form(attributes["values"], item) for key, item in value.items()}
        return SCALARS[kind](value)

    def _of_union(self, branches, value):
        """A union of null and one other type is that value or None; any other one is a dict with one value that isn't None."""
        for branch in branches:
            self._define(branch)
        if value is None and "null" in branches:
            return [branches.index("null"), None]
        others = [number for number, branch in enumerate(branches) if branch != "null"]
        if len(others) > 1 or len(branches) == 1:
            place = next((place for place, item in enumerate(value.values()) if item is not None), 0)
            number, value = others[place], list(value.values())[place]
        else:
            number = others[0]
        return [number, self.form(branches[number], value)]

    def _define(self, schema):
        """Note the named types of a schema, since a later branch may use one that an earlier branch defines."""
        if isinstance(schema, dict):
            if "name" in schema:
                self._named[schema["name"]] = schema
            for inner in (schema.get("items"), schema.get("values")):
                self._define(inner)
            for field in schema.get("fields", []):
                self._define(field["type"])
        elif isinstance(schema, list):
            for branch in schema:
                self._define(branch)


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
    return {key: without_logical_types(value) for key, value in schema.items() if key not in {"logicalType", "default"}}
