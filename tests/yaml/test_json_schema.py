"""JSON schemas as Avro schemas: Beam's types, and nothing silently unchecked."""

from __future__ import annotations

import pytest
from apache_beam.typehints.schemas import schema_from_element_type
from apache_beam.yaml.json_utils import json_schema_to_beam_schema

from beam_dis.coders import JSONCoder
from beam_dis.errors import ConfigurationError
from beam_dis.yaml.json_schema import avro_of_json_schema, is_json_schema

SCHEMA = {
    "type": "object",
    "required": ["id", "price", "tags", "address"],
    "properties": {
        "id": {"type": "integer", "description": "a number"},
        "price": {"type": "number"},
        "paid": {"type": "boolean"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "counts": {"type": "object", "additionalProperties": {"type": "integer"}},
        "address": {"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}},
    },
}


def types_of(schema):
    """The types of fields, as text; names of nested schemas and descriptions left out."""
    return {field.name: " ".join(str(field.type).split()) for field in schema.fields if field.name != "address"}


def test_rows_have_the_types_that_beam_gives_a_json_schema():
    rows = schema_from_element_type(JSONCoder(avro_of_json_schema(SCHEMA)).to_type_hint())
    assert types_of(rows) == types_of(json_schema_to_beam_schema(SCHEMA))


def test_records_of_a_json_schema_are_read():
    coder = JSONCoder(avro_of_json_schema(SCHEMA))
    row = coder.decode(b'{"id": 1, "price": 2, "tags": ["a"], "address": {"city": "Bonn"}, "other": 1}')
    assert (row.id, row.price, row.paid, list(row.tags), row.counts, row.address.city) == (
        1,
        2.0,
        None,
        ["a"],
        None,
        "Bonn",
    )


def test_a_type_may_be_one_with_null():
    schema = {"type": "object", "required": ["a"], "properties": {"a": {"type": ["string", "null"]}}}
    assert JSONCoder(avro_of_json_schema(schema)).decode(b'{"a": null}').a is None


@pytest.mark.parametrize(
    ("property_", "message"),
    [
        ({"type": "integer", "minimum": 1}, r"property 'a': 'minimum' isn't checked when records are read"),
        ({"type": "text"}, r"property 'a': type 'text' is none of boolean, integer"),
        ({"type": ["string", "integer"]}, r"property 'a': type \['string', 'integer'\] is not one type"),
        ({"type": "array"}, r"property 'a.items': None is not a type"),
        ("string", r"property 'a': 'string' is not a type"),
        (
            {"type": "object", "properties": {}, "additionalProperties": False},
            r"property 'a': 'additionalProperties' isn't checked",
        ),
        ({"type": "object", "properties": {}, "required": ["b"]}, r"property 'a': required property 'b' has no type"),
    ],
)
def test_what_is_not_checked_or_known_is_refused_by_name(property_, message):
    with pytest.raises(ConfigurationError, match=rf"schema: {message}"):
        avro_of_json_schema({"type": "object", "properties": {"a": property_}})


def test_an_object_without_properties_is_refused():
    with pytest.raises(ConfigurationError, match="has no properties"):
        avro_of_json_schema({"type": "object"})


def test_an_avro_schema_is_not_a_json_schema():
    assert not is_json_schema({"type": "record", "name": "R", "fields": []})
