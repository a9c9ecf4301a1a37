"""What is only known when a pipeline is built is named with the transform and the key."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.integration

FLIGHT = {"type": "record", "name": "Flight", "fields": [{"name": "carrier", "type": "string"}]}
CREATE = "\n- {type: Create, config: {elements: [{a: 1, b: x}]}}"


@pytest.fixture
def build(yaml_pipeline):
    return lambda transforms: yaml_pipeline(transforms, ["--runner=FnApiRunner"])


def test_a_stream_without_a_schema_needs_a_format(build, make_stream):
    with pytest.raises(ValueError, match=r"ReadFromDIS.* at line .*without format: .* holds bytes, not rows"):
        build(f"- {{type: ReadFromDIS, config: {{stream: {make_stream()}, stop: latest}}}}")


def test_a_sink_whose_stream_has_no_schema_needs_a_format(build, make_stream):
    with pytest.raises(ValueError, match=r"WriteToDIS.* at line .*without format: .* holds bytes, not rows"):
        build(f"{CREATE}\n- {{type: WriteToDIS, input: Create, config: {{stream: {make_stream()}}}}}")


def test_a_timestamp_field_that_rows_do_not_have_is_named(build, make_stream):
    config = (
        f"{{stream: {make_stream()}, format: CSV, schema: {json.dumps(FLIGHT)}, timestamp_field: carier, stop: latest}}"
    )
    with pytest.raises(ValueError, match=r"timestamp_field: the rows have no field 'carier' \(did you mean 'carrier'"):
        build(f"- {{type: ReadFromDIS, config: {config}}}")


def test_a_payload_of_several_fields_is_refused(build, make_stream):
    with pytest.raises(ValueError, match=r"format: RAW takes rows with one field .* and the rows have a, b"):
        build(f"{CREATE}\n- {{type: WriteToDIS, input: Create, config: {{stream: {make_stream()}, format: RAW}}}}")


def test_a_partition_key_that_rows_do_not_have_is_named(build, make_stream):
    config = f"{{stream: {make_stream()}, format: JSON, partition_key: carrier}}"
    with pytest.raises(ValueError, match="partition_key: the rows have no field 'carrier'; they have a, b"):
        build(f"{CREATE}\n- {{type: WriteToDIS, input: Create, config: {config}}}")


def test_a_commit_needs_positions_and_what_to_wait_for(build):
    with pytest.raises(ValueError, match="input of CommitToDIS is one output: give the positions of a read"):
        build(f"{CREATE}\n- {{type: CommitToDIS, input: Create, config: {{app: app}}}}")


def test_an_error_output_that_nothing_takes_is_refused_by_beam(build, make_stream):
    config = f"{{stream: {make_stream()}, format: RAW, stop: latest, error_handling: {{output: errors}}}}"
    with pytest.raises(ValueError, match="Unconsumed error output"):
        build(f"- {{type: ReadFromDIS, config: {config}}}")


def test_a_secret_is_refused_before_the_job_has_it(build, make_stream):
    with pytest.raises(ValueError, match="'sk' doesn't belong in a file"):
        build("- {type: ReadFromDIS, config: {stream: s, format: RAW, sk: x}}")


AS_DICTS = """
- type: PyTransform
  name: Dicts
  input: Create
  config: {constructor: __callable__, kwargs: {source: "lambda rows: rows | __import__('apache_beam').Map(lambda r: r._asdict())"}}
"""


@pytest.mark.parametrize("keys", [f", format: JSON, schema: {json.dumps(FLIGHT)}", ""])
def test_elements_that_are_no_rows_are_written_by_a_schema(keys, build, make_stream):
    """That nothing is known of their fields matters only if the schema is made of them."""
    stream = make_stream(data_type="JSON", data_schema=json.dumps(FLIGHT))
    build(
        f"{CREATE}{AS_DICTS}- {{type: WriteToDIS, input: Dicts, config: {{stream: {stream}, partition_key: a{keys}}}}}"
    )


def test_a_schema_cannot_be_made_of_elements_that_are_no_rows(build, make_stream):
    config = f"{{stream: {make_stream()}, format: JSON}}"
    with pytest.raises(ValueError, match=r"the elements are .*, and not rows: make rows of them before"):
        build(f"{CREATE}{AS_DICTS}- {{type: WriteToDIS, input: Dicts, config: {config}}}")
