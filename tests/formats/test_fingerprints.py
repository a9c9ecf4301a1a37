"""The canonical form of a schema and its CRC-64-AVRO."""

import json

import pytest
from avro_schemas import nested_records
from fastavro.schema import fingerprint as fastavro_fingerprint
from fastavro.schema import to_parsing_canonical_form
from hypothesis import HealthCheck, given, settings

from beam_dis.formats import read_schema
from beam_dis.formats.fingerprints import canonical_form, fingerprint


@settings(deadline=None, suppress_health_check=list(HealthCheck), max_examples=100)
@given(nested_records)
def test_a_schema_has_the_form_and_the_fingerprint_that_fastavro_finds(pair):
    schema, form = read_schema(pair[0]), to_parsing_canonical_form(pair[0])
    assert canonical_form(schema) == form
    assert fingerprint(schema).hex() == fastavro_fingerprint(form, "CRC-64-AVRO")


@pytest.mark.parametrize(
    ("type_", "form"),
    [
        ({"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 9}, '"bytes"'),
        (
            {"type": "fixed", "name": "F", "size": 1, "logicalType": "decimal", "precision": 9},
            '{"name":"n.F","type":"fixed","size":1}',
        ),
        ({"type": {"type": "int", "doc": "d"}}, '"int"'),
        ({"type": ["null", {"type": "int"}]}, '["null","int"]'),
        ({"type": "enum", "name": "E", "symbols": ["é"]}, '{"name":"n.E","type":"enum","symbols":["é"]}'),
        ({"type": "error", "name": "m.X", "fields": []}, '{"name":"m.X","type":"record","fields":[]}'),
    ],
)
def test_what_avro_ignores_is_not_in_the_form(type_, form):
    schema = {"type": "record", "namespace": "n", "name": "R", "fields": [{"name": "f", "type": type_}]}
    expected = f'{{"name":"n.R","type":"record","fields":[{{"name":"f","type":{form}}}]}}'
    assert canonical_form(read_schema(json.dumps(schema))) == expected


def test_a_name_without_a_namespace_is_found_outside_of_a_namespace_too():
    """``A`` is not in the namespace n, and ``B`` is in both: the one in n counts there."""
    empty = {"type": "record", "namespace": "", "fields": []}
    fields = [{**empty, "name": "A"}, {**empty, "name": "B"}, {**empty, "namespace": "n", "name": "B"}, "A", "B", "n.B"]
    schema = {"type": "record", "name": "n.R", "fields": []}
    schema["fields"] = [{"name": f"f{number}", "type": type_} for number, type_ in enumerate(fields)]
    types = [field["type"] for field in json.loads(canonical_form(read_schema(schema)))["fields"]]
    assert [type_["name"] for type_ in types[:3]] == ["A", "B", "n.B"]
    assert types[3:] == ["A", "n.B", "n.B"]
