"""Pipelines in YAML read, write and commit, on FnApiRunner and Prism."""

from __future__ import annotations

import json

import pytest

from beam_dis import AvroCoder, PutRecord

pytestmark = pytest.mark.integration

FIELDS = [{"name": "carrier", "type": "string"}, {"name": "delay", "type": ["null", "long"], "default": None}]
FLIGHT = {"type": "record", "name": "Flight", "fields": FIELDS}
AS_AVRO = AvroCoder(FLIGHT).encode({"carrier": "UA", "delay": 5})
RECORDS = {
    "RAW": b"UA\xff",
    "STRING": b"UA,\xc3\xa9",
    "JSON": b'{"carrier":"UA","delay":5}',
    "CSV": b"UA,5",
    "AVRO": AS_AVRO,
}


@pytest.fixture
def stream(client, make_stream):
    """``stream(*data)``: the name of a stream with a record for each; their partition key is ``k``."""

    def make(*data, **fields):
        name = make_stream(**fields)
        client.put_records(name, [PutRecord(record, partition_key="k") for record in data])
        return name

    return make


@pytest.mark.parametrize("format_", RECORDS)
def test_records_of_each_format_are_read_as_rows_and_written_back(format_, run_yaml, stream, make_stream, records_of):
    """The sink has no schema of its own, and leaves out the fields that the source has added."""
    source, target = stream(RECORDS[format_]), make_stream()
    schema = f", schema: {json.dumps(FLIGHT)}" if format_ in ("JSON", "CSV", "AVRO") else ""
    run_yaml(f"""
- type: ReadFromDIS
  config: {{stream: {source}, format: {format_}, stop: latest, metadata: [partition_key, stream]{schema}}}
- type: WriteToDIS
  input: ReadFromDIS
  config: {{stream: {target}, format: {format_}, partition_key: partition_key_}}
""")
    (record,) = records_of(target)
    decoded = AvroCoder(FLIGHT).decode(record.data) if format_ == "AVRO" else record.data
    assert decoded == (("UA", 5) if format_ == "AVRO" else RECORDS[format_])
    assert record.partition_key == "k"


def test_without_a_format_rows_are_by_the_schemas_of_the_streams(run_yaml, stream, make_stream, records_of):
    source = stream(b"UA,5", b"AA,", data_type="CSV", data_schema=json.dumps(FLIGHT))
    target = make_stream(data_type="JSON", data_schema=json.dumps(FLIGHT))
    run_yaml(f"""
- {{type: ReadFromDIS, config: {{stream: {source}, stop: latest}}}}
- {{type: WriteToDIS, input: ReadFromDIS, config: {{stream: {target}, partition_key: carrier}}}}
""")
    assert sorted((record.partition_key, json.loads(record.data)["delay"]) for record in records_of(target)) == [
        ("AA", None),
        ("UA", 5),
    ]


def test_what_does_not_decode_is_in_the_error_output(run_yaml, stream, make_stream, records_of):
    source, good, bad = stream(b'{"carrier": "UA"}', b"no JSON"), make_stream(), make_stream()
    schema = "{type: object, required: [carrier], properties: {carrier: {type: string}}}"
    run_yaml(f"""
- type: ReadFromDIS
  config: {{stream: {source}, format: JSON, schema: {schema}, stop: latest, error_handling: {{output: errors}}}}
- {{type: WriteToDIS, input: ReadFromDIS, config: {{stream: {good}, format: JSON}}}}
- type: StripErrorMetadata
  input: ReadFromDIS.errors
- {{type: PyTransform, name: Row, input: StripErrorMetadata, config: {{constructor: __constructor__,
   kwargs: {{source: "import apache_beam as beam\\ndef f():\\n  return beam.Select(data=lambda data: data)"}}}}}}
- {{type: WriteToDIS, name: WriteErrors, input: Row, config: {{stream: {bad}, format: RAW}}}}
""")
    assert [[record.data for record in records_of(target)] for target in (good, bad)] == [
        [b'{"carrier":"UA"}'],
        [b"no JSON"],
    ]


def test_errors_say_why_and_where(run_yaml, stream, make_stream, records_of):
    source, target = stream(b"UA,5", b"UA,late"), make_stream()
    run_yaml(f"""
- type: ReadFromDIS
  config: {{stream: {source}, format: CSV, schema: {json.dumps(FLIGHT)}, stop: latest, error_handling: {{output: errors}}}}
- type: MapToFields
  input: ReadFromDIS.errors
  config: {{language: python, fields: {{msg: msg, sequence_number: sequence_number, stream: stream}}}}
- {{type: WriteToDIS, input: MapToFields, config: {{stream: {target}, format: JSON}}}}
- {{type: LogForTesting, input: ReadFromDIS}}
""")
    (error,) = [json.loads(record.data) for record in records_of(target)]
    assert "delay" in error.pop("msg")
    assert error == {"sequence_number": 1, "stream": source}


def test_what_cannot_be_written_is_in_the_error_output(run_yaml, make_stream, records_of):
    target, errors = make_stream(data_type="JSON", data_schema=json.dumps(FLIGHT)), make_stream()
    run_yaml(f"""
- {{type: Create, config: {{elements: [{{carrier: UA, delay: 5}}, {{carrier: null, delay: 7}}]}}}}
- type: WriteToDIS
  name: Write
  input: Create
  config: {{stream: {target}, error_handling: {{output: failed}}}}
- {{type: StripErrorMetadata, input: Write.failed}}
- {{type: WriteToDIS, name: WriteErrors, input: StripErrorMetadata, config: {{stream: {errors}, format: JSON}}}}
""")
    assert [json.loads(record.data)["delay"] for record in records_of(target)] == [5]
    assert [json.loads(record.data) for record in records_of(errors)] == [{"carrier": None, "delay": 7}]


def test_more_errors_than_the_threshold_fail_the_pipeline(run_yaml, stream):
    source = stream(b"UA,5", b"UA,x", b"UA,y")
    with pytest.raises(Exception, match=r"2 of 3 elements of .* became dead letters"):
        run_yaml(f"""
- type: ReadFromDIS
  config: {{stream: {source}, format: CSV, schema: {json.dumps(FLIGHT)}, stop: latest,
    error_handling: {{output: errors, threshold: 0.5}}}}
- {{type: LogForTesting, input: ReadFromDIS.errors}}
""")


def test_positions_are_committed_after_the_write(run_yaml, client, stream, make_stream, records_of):
    source, target = stream(b"a", b"b", b"c"), make_stream()
    client.create_app("app")
    for _ in range(2):
        run_yaml(f"""
- {{type: ReadFromDIS, name: Read, config: {{stream: {source}, format: RAW, stop: latest, app: app, commit: manual}}}}
- {{type: WriteToDIS, name: Write, input: Read.good, config: {{stream: {target}, format: RAW}}}}
- {{type: CommitToDIS, input: {{positions: Read.positions, written: Write.done}}, config: {{app: app}}}}
""")
        client.put_records(source, [PutRecord(b"d")])
    assert sorted(record.data for record in records_of(target)) == [b"a", b"b", b"c", b"d"]


def test_event_times_come_from_a_field(run_yaml, stream, make_stream, records_of):
    """Two of the three are in one window of a day, and the schema's numbers are text here."""
    time = {"type": "long", "logicalType": "timestamp-millis"}
    schema = {**FLIGHT, "fields": [*FIELDS, {"name": "at", "type": time}]}
    source, target = stream(*(b"UA,1,2026-01-0%dT08:00:00Z" % day for day in (1, 1, 2))), make_stream()
    run_yaml(f"""
- type: ReadFromDIS
  config: {{stream: {source}, format: CSV, schema: {json.dumps(schema)}, format_options: {{times: text}},
    timestamp_field: at, stop: latest}}
- {{type: WindowInto, input: ReadFromDIS, windowing: {{type: fixed, size: 24h}}}}
- {{type: Combine, input: WindowInto, config: {{group_by: carrier, combine: {{delay: sum}}}}}}
- {{type: WriteToDIS, input: Combine, config: {{stream: {target}, format: CSV}}}}
""")
    assert sorted(record.data for record in records_of(target)) == [b"UA,1", b"UA,2"]
