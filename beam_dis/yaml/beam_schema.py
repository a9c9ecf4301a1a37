"""The schema of the elements of a PCollection as an Avro schema, for a sink without one of its own."""

from __future__ import annotations

from typing import Any

from apache_beam.portability.api import schema_pb2
from apache_beam.typehints import schemas

from beam_dis.errors import ConfigurationError

_ATOMIC = {
    schema_pb2.BYTE: "int",
    schema_pb2.INT16: "int",
    schema_pb2.INT32: "int",
    schema_pb2.INT64: "long",
    schema_pb2.FLOAT: "float",
    schema_pb2.DOUBLE: "double",
    schema_pb2.STRING: "string",
    schema_pb2.BOOLEAN: "boolean",
    schema_pb2.BYTES: "bytes",
}
_LOGICAL = {
    "beam:logical_type:micros_instant:v1": {"type": "long", "logicalType": "timestamp-micros"},
    "beam:logical_type:millis_instant:v1": {"type": "long", "logicalType": "timestamp-millis"},
    "beam:logical_type:date:v1": {"type": "int", "logicalType": "date"},
}


def schema_of_elements(element_type: Any) -> schema_pb2.Schema:
    """The Beam schema of elements. Raises ConfigurationError if they aren't rows."""
    try:
        return schemas.schema_from_element_type(element_type)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"the elements are {element_type}, and not rows: make rows of them before, for example with MapToFields"
        ) from error


def avro_of_beam_schema(schema: schema_pb2.Schema, without: frozenset[str]) -> dict[str, Any]:
    """The Avro schema of rows, without some fields. Raises ConfigurationError with the name of a field that has no Avro type."""
    return _record(schema, "Row", without)


def _record(schema: schema_pb2.Schema, path: str, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    fields = []
    for field in schema.fields:
        if field.name not in without:
            type_ = _type_of(field.type, f"{path}.{field.name}")
            fields.append({"name": field.name, "type": type_, **({"default": None} if field.type.nullable else {})})
    return {"type": "record", "name": path.replace(".", "_"), "fields": fields}


def _type_of(type_: schema_pb2.FieldType, path: str) -> Any:
    avro = _kind(type_, path)
    return ["null", avro] if type_.nullable else avro


def _kind(type_: schema_pb2.FieldType, path: str) -> Any:
    kind = type_.WhichOneof("type_info")
    if kind == "atomic_type":
        return _ATOMIC[type_.atomic_type]
    if kind == "array_type":
        return {"type": "array", "items": _type_of(type_.array_type.element_type, path)}
    if kind == "iterable_type":
        return {"type": "array", "items": _type_of(type_.iterable_type.element_type, path)}
    if kind == "map_type" and type_.map_type.key_type.atomic_type == schema_pb2.STRING:
        return {"type": "map", "values": _type_of(type_.map_type.value_type, path)}
    if kind == "row_type":
        return _record(type_.row_type.schema, path)
    if kind == "logical_type" and type_.logical_type.urn in _LOGICAL:
        return _LOGICAL[type_.logical_type.urn]
    raise ConfigurationError(
        f"schema: the field {path.partition('.')[2]!r} of the elements has no type that Avro has: give a schema, or give the field"
        " an output_type in MapToFields"
    )
