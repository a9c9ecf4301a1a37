"""The pipelines of docs/yaml.md run, and the page names every key."""

from __future__ import annotations

import json
import re
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.yaml import main, yaml_provider

from beam_dis import PutRecord
from beam_dis.yaml import PROVIDERS

PAGE = (Path(__file__).parents[2] / "docs" / "yaml.md").read_text("utf-8")
LATE, CHECKED, FORWARDED = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_names_every_key():
    (provider,) = yaml_provider.load_providers(PROVIDERS)
    keys = {field.name for name in provider.provided_transforms() for field in provider.config_schema(name).fields}
    assert keys - set(re.findall(r"`(\w+)`", PAGE)) == set()


@pytest.fixture
def run(local_dis, client, make_stream, records_of):
    """``run(text, *records)``: what the pipeline writes to the streams ``late`` and ``reasons``, if these records are flights."""

    def written(text, *records):
        for name in ("flights", "late", "reasons"):
            make_stream(name)
        client.create_app("forward")
        client.put_records("flights", [PutRecord(record) for record in records])
        where = [f"--dis_endpoint={local_dis.endpoint}", f"--dis_project_id={local_dis.project_id}"]
        options, constructor = main.build_pipeline_components_from_yaml(text, ["--runner=FnApiRunner", *where])
        with beam.Pipeline(options=options) as pipeline:
            constructor(pipeline)
        return [[record.data for record in records_of(name)] for name in ("late", "reasons")]

    return written


@pytest.mark.integration
def test_the_first_pipeline_writes_late_flights(run):
    assert run(LATE, b'{"carrier":"UA","dep_delay":75}', b'{"carrier":"AA"}')[0] == [b'{"carrier":"UA","dep_delay":75}']


@pytest.mark.integration
def test_the_second_pipeline_writes_the_reasons_of_errors(run):
    late, (reason,) = run(CHECKED, b"UA,75", b"UA,late")
    assert late == [b'{"carrier":"UA","dep_delay":75}']
    assert json.loads(reason)["sequence_number"] == 1


@pytest.mark.integration
def test_the_third_pipeline_forwards_records_and_commits(run, client):
    assert run(FORWARDED, b"x", b"y")[0] == [b"x", b"y"]
    committed = client.get_checkpoint("forward", stream_name="flights", partition_id=0)
    assert int(committed.sequence_number) == 2
