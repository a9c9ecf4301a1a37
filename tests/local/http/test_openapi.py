"""The OpenAPI document agrees with the tables and is served without a signature."""

from __future__ import annotations

import json
import re

import pytest

from beam_dis.local.http import openapi
from beam_dis.local.keys import AccessKeys
from beam_dis.version import __version__
from beam_dis.wire.error_codes import ERROR_CODES
from beam_dis.wire.messages import Query
from beam_dis.wire.routes import ROUTES

DOCUMENT = openapi.document()
OPERATIONS = {
    name: (method.upper(), path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    for name in operation["operationId"].split("_or_")
}


def resolved(reference: str):
    """The target of a reference within the document."""
    found = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_it_has_every_route_and_no_other():
    expected = {route.operation: (route.method, route.path) for route in ROUTES.values()}
    assert {name: found[:2] for name, found in OPERATIONS.items()} == expected


def test_it_is_an_openapi_document_of_this_version():
    assert (DOCUMENT["openapi"], DOCUMENT["info"]["version"]) == ("3.1.0", __version__)


def test_every_reference_has_a_target():
    references = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(DOCUMENT)))
    assert references
    assert all(resolved(reference) for reference in references)


def test_every_schema_is_referred_to():
    references = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(DOCUMENT)))
    assert set(DOCUMENT["components"]["schemas"]) == references


@pytest.mark.parametrize("name", ROUTES)
def test_an_operation_has_the_fields_of_its_message(name):
    route, operation = ROUTES[name], OPERATIONS[name][2]
    fields = set(route.request.__struct_encode_fields__) if route.request else set()
    if route.request is None or issubclass(route.request, Query):
        described = {parameter["name"] for parameter in operation["parameters"] if parameter["in"] == "query"}
    else:
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        described = set(resolved(schema["$ref"])["properties"])
    assert described == fields


@pytest.mark.parametrize("name", ROUTES)
def test_an_operation_describes_its_answers(name):
    route, answers = ROUTES[name], OPERATIONS[name][2]["responses"]
    errors = {str(row.status) for row in ERROR_CODES.values()} | {"401", "408", "413", "431"}
    assert set(answers) == {str(route.status), *errors}
    assert ("content" in answers[str(route.status)]) is (route.answer is not None)


def test_every_error_code_is_described_at_its_status():
    responses = DOCUMENT["components"]["responses"]
    assert [row for row in ERROR_CODES.values() if row.code not in responses[str(row.status)]["description"]] == []


def test_every_rule_is_for_an_existing_field():
    described = json.dumps([DOCUMENT["paths"], DOCUMENT["components"]["schemas"]])
    assert [name for name in openapi._RULES if f'"{name.rpartition(".")[2]}"' not in described] == []


def test_it_is_served_without_a_signature_and_contains_no_key(in_process):
    keys = AccessKeys(access_key="ACCESS", secret_key="SECRET")
    answer = in_process(keys=keys, project="mine")("GET", "/openapi.json")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json; charset=utf-8")
    assert answer.body == json.loads(json.dumps(DOCUMENT))
    assert not {"ACCESS", "SECRET", "mine"} & set(re.findall(r"\w+", json.dumps(answer.body)))
