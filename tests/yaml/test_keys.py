"""The keys of the transforms: Beam sees their types and help, and a wrong one is named with what to do."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from apache_beam.yaml import yaml_provider

from beam_dis.errors import ConfigurationError
from beam_dis.yaml import PROVIDERS, commit_to_dis, read_from_dis, write_to_dis

FLIGHT = {"type": "record", "name": "Flight", "fields": [{"name": "carrier", "type": "string"}]}


@pytest.fixture(scope="module")
def provider():
    (provider,) = yaml_provider.load_providers(PROVIDERS)
    return provider


def test_the_list_of_providers_has_the_three_transforms(provider):
    assert set(provider.provided_transforms()) == {"ReadFromDIS", "WriteToDIS", "CommitToDIS"}


def test_only_the_source_needs_no_input(provider):
    needs = {name: provider.requires_inputs(name, {}) for name in provider.provided_transforms()}
    assert needs == {"ReadFromDIS": False, "WriteToDIS": True, "CommitToDIS": True}


@pytest.mark.parametrize("name", ["ReadFromDIS", "WriteToDIS", "CommitToDIS"])
def test_beam_sees_a_description_of_each_key(provider, name):
    assert [field.name for field in provider.config_schema(name).fields if not field.description] == []
    assert provider.description(name)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "ReadFromDIS needs the key 'stream'"),
        ({"stream": None}, "ReadFromDIS needs the key 'stream'"),
        ({"stream": "a/b"}, "stream='a/b'"),
        ({"stream": "s", "strat": "latest"}, r"ReadFromDIS has no key 'strat' \(did you mean 'start'\?\)"),
        ({"stream": "s", "format": "XML"}, "format: 'XML' is none of RAW, STRING, JSON, CSV, AVRO"),
        ({"stream": "s", "format": "JSON"}, "format: JSON needs schema: give an Avro or JSON schema"),
        ({"stream": "s", "format": "RAW", "schema": FLIGHT}, "format: RAW takes no schema"),
        ({"stream": "s", "schema": FLIGHT}, "schema needs format: give one of"),
        ({"stream": "s", "format": "CSV", "schema": "{"}, r"schema: '\{' is not JSON text"),
        ({"stream": "s", "format": "CSV", "schema": 5}, "schema: 5.* is neither a mapping nor JSON text"),
        ({"stream": "s", "format": "CSV", "schema": {"type": "record"}}, "format: CSV: data_schema"),
        (
            {"stream": "s", "format": "CSV", "schema": FLIGHT, "format_options": {"delimeter": ";"}},
            r"format_options of CSV has no key 'delimeter' \(did you mean 'delimiter'\?\)",
        ),
        ({"stream": "s", "format": "RAW", "format_options": "gzip"}, "format_options of RAW is not a mapping"),
        ({"stream": "s", "start": "yesterday"}, "start='yesterday' is neither 'earliest'"),
        ({"stream": "s", "start": {"sequence_number": 1}}, "start has no key 'sequence_number'"),
        ({"stream": "s", "start": {"sequence_numbers": {0: -1}}}, "start: sequence_numbers: sequence number -1"),
        ({"stream": "s", "stop": {"records": 0}}, r"stop: after\(records=0\)"),
        ({"stream": "s", "stop": {"records": 1, "sequence_numbers": {0: 1}}}, "give sequence_numbers, or records"),
        ({"stream": "s", "metadata": ["key"]}, "metadata=.*'key' is none of 'partition_key'"),
        ({"stream": "s", "error_handling": {}}, "error_handling: output=None is not the name of an output"),
        ({"stream": "s", "error_handling": {"output": "good"}}, "error_handling: 'good' is another output"),
        ({"stream": "s", "error_handling": {"outputs": "e"}}, "error_handling has no key 'outputs'"),
        ({"stream": "s", "connection": {"endpoint": "dis"}}, "connection: "),
        ({"stream": "s", "max_dead_letters": 5}, "max_dead_letters needs error_handling"),
        ({"stream": "s", "redistribute": 4, "timestamp_field": "at"}, "redistribute and timestamp_field: records are"),
        ({"stream": "s", "timestamp_field": ["at"]}, r"timestamp_field: \['at'\] is not the name of a field"),
        ({"stream": "s", "connection": {"endpoints": "x"}}, r"connection has no key 'endpoints' \(did you mean"),
        ({"stream": "s", "connection": "http://dis"}, "connection is not a mapping: give it keys, such as endpoint"),
    ],
)
def test_a_wrong_key_of_the_source_is_named(config, message):
    with pytest.raises(ConfigurationError, match=message):
        read_from_dis(**config)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"stream": "a/b"}, "stream='a/b'"),
        ({"stream": "s", "partition_keys": "carrier"}, "WriteToDIS has no key 'partition_keys'"),
        ({"stream": "s", "ordered": True}, "give partition_key"),
        ({"stream": "s", "in_flight": 0}, "in_flight"),
        ({"stream": "s", "partition_key": 5}, "partition_key: 5 is not the name of a field of the rows"),
        ({"stream": "s", "format": "AVRO", "schema": {"type": "record"}}, "format: AVRO: data_schema"),
        ({"stream": "s", "error_handling": {"output": "done"}}, "error_handling: 'done' is another output"),
    ],
)
def test_a_wrong_key_of_the_sink_is_named(config, message):
    with pytest.raises(ConfigurationError, match=message):
        write_to_dis(**config)


def test_a_wrong_app_of_a_commit_is_named():
    with pytest.raises(ConfigurationError, match="app='a/b'"):
        commit_to_dis(app="a/b")


def test_a_time_without_quotes_is_refused_with_what_to_write():
    import yaml

    with pytest.raises(ConfigurationError, match=r"start: 2026-01-01.* is a date in YAML: write the time as text"):
        read_from_dis(stream="s", start=yaml.safe_load("2026-01-01T00:00:00Z"))


@pytest.mark.parametrize("place", ["connection", "transform"])
@pytest.mark.parametrize("key", ["ak", "sk", "password", "Token"])
def test_a_secret_in_a_file_is_refused_and_not_shown(place, key):
    given = {"connection": {key: "hidden-value"}} if place == "connection" else {key: "hidden-value"}
    with pytest.raises(ConfigurationError, match="doesn't belong in a file") as refused:
        read_from_dis(stream="s", **given)
    assert "hidden-value" not in str(refused.value)


def test_credentials_are_the_path_of_a_function(monkeypatch):
    import credentials_of_a_project

    read = read_from_dis(stream="s", connection={"credentials": "credentials_of_a_project.token"})
    assert read._read._settings.connection.credentials is credentials_of_a_project.token


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("HST3ABC", "credentials is not the path of a function"),
        ({"ak": "HST3ABC"}, "credentials is not the path of a function"),
        ("no_module.function", "credentials: 'no_module.function' can't be imported"),
    ],
)
def test_credentials_that_are_no_path_are_refused(given, message):
    with pytest.raises(ConfigurationError, match=message) as refused:
        read_from_dis(stream="s", connection={"credentials": given})
    assert "HST3ABC" not in str(refused.value)


def test_positions_are_text_or_mappings():
    settings = read_from_dis(
        stream="s", app="a", start={"checkpoint": "latest"}, stop={"records": 5, "seconds": 2.5}
    )._read._settings
    assert repr(settings.start) == repr(settings.start.checkpoint("latest"))
    assert repr(settings.stop) == repr(settings.stop.after(records=5, seconds=2.5))


def test_null_without_quotes_is_a_type_and_an_option():
    schema = {"type": "record", "name": "R", "fields": [{"name": "a", "type": [None, "int"], "default": None}]}
    read = read_from_dis(stream="s", format="csv", schema=schema, format_options={None: "NA"})
    assert read._read._settings.decode.decode(b"NA").a is None


def test_keys_without_a_value_are_left_out():
    settings = read_from_dis(stream="s", app=None, poll_interval=None, discovery_interval=None)._read._settings
    assert (settings.app, settings.poll_interval, settings.discovery_interval) == (None, 1.0, None)


def test_keys_may_be_rows_as_other_languages_send_them():
    read = read_from_dis(stream="s", format="RAW", error_handling=Row(output="errors", threshold=0.5))
    assert (read._errors.name, read._errors.threshold) == ("errors", 0.5)


class Row(NamedTuple):
    output: str
    threshold: float
