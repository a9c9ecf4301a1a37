"""A JSON Schema, as Beam YAML's own sources take it, as the Avro schema of the same rows.

Rules:

1. The types are Beam's: ``integer`` is a long, ``number`` a double, and a property that isn't required may be null or missing.
2. A keyword that would restrict values, and that isn't checked when records are read, is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beam_dis.errors import ConfigurationError
from beam_dis.plain_values import shown

_SCALARS = {"boolean": "boolean", "integer": "long", "number": "double", "string": "string", "bytes": "bytes"}
_NOTES = frozenset({"title", "description", "$schema", "$id", "$comment", "examples", "default", "format"})


def is_json_schema(schema: Mapping[str, Any]) -> bool:
    """Whether a schema is a JSON Schema: an Avro schema has no type ``object``."""
    return schema.get("type") == "object"


def avro_of_json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The Avro schema of a JSON Schema of an object with properties.

    Raises:
        ConfigurationError: it has something else; the message names the property and the keyword.
    """
    if not isinstance(schema.get("properties"), Mapping):
        raise ConfigurationError(f"schema: {shown(dict(schema))} has no properties: name the fields of the rows")
    record: dict[str, Any] = _type_of(schema, "Row")
    return record


def _type_of(schema: Any, path: str) -> Any:
    if not isinstance(schema, Mapping):
        raise _wrong(path, f"{shown(schema)} is not a type: give one, such as {{type: string}}")
    type_ = schema.get("type")
    names = type_ if isinstance(type_, list) else [type_]
    kinds = [name for name in names if name not in ("null", None)]
    if len(kinds) != 1:
        raise _wrong(
            path, f"type {shown(type_)} is not one type: give one of {', '.join([*_SCALARS, 'array', 'object'])}"
        )
    avro = _kind(kinds[0], schema, path)
    return avro if len(names) == 1 else ["null", avro]


def _kind(kind: Any, schema: Mapping[str, Any], path: str) -> Any:
    if isinstance(kind, str) and kind in _SCALARS:
        _check_keywords(schema, path)
        return _SCALARS[kind]
    if kind == "array":
        _check_keywords(schema, path, "items")
        return {"type": "array", "items": _type_of(schema.get("items"), f"{path}.items")}
    if kind != "object":
        raise _wrong(path, f"type {shown(kind)} is none of {', '.join([*_SCALARS, 'array', 'object'])}")
    if "properties" not in schema:
        _check_keywords(schema, path, "additionalProperties")
        return {"type": "map", "values": _type_of(schema.get("additionalProperties"), f"{path}.additionalProperties")}
    _check_keywords(schema, path, "properties", "required", "additionalProperties")
    if schema.get("additionalProperties", True) is not True:
        raise _wrong(path, "'additionalProperties' isn't checked, and other properties are ignored: leave it out")
    return _record(schema, path)


def _record(schema: Mapping[str, Any], path: str) -> dict[str, Any]:
    required = schema.get("required", [])
    unknown = [name for name in required if name not in schema["properties"]]
    if unknown:
        raise _wrong(path, f"required property {unknown[0]!r} has no type: add it to properties")
    fields = []
    for name, property_ in schema["properties"].items():
        type_ = _type_of(property_, f"{path}.{name}")
        if name in required:
            fields.append({"name": name, "type": type_})
        else:
            fields.append({"name": name, "type": _nullable(type_), "default": None})
    return {"type": "record", "name": path.replace(".", "_"), "fields": fields}


def _nullable(type_: Any) -> Any:
    return type_ if isinstance(type_, list) else ["null", type_]


def _check_keywords(schema: Mapping[str, Any], path: str, *known: str) -> None:
    for keyword in schema:
        if keyword != "type" and keyword not in known and keyword not in _NOTES:
            raise _wrong(
                path, f"{keyword!r} isn't checked when records are read: leave it out, and use ValidateWithSchema"
            )


def _wrong(path: str, reason: str) -> ConfigurationError:
    name = path.partition(".")[2]
    return ConfigurationError(f"schema: {f'property {name!r}: ' if name else ''}{reason}")
