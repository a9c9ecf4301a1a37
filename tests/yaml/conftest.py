"""``yaml_pipeline``: a Beam pipeline made of YAML text, as ``python -m apache_beam.yaml.main`` makes it."""

from __future__ import annotations

import apache_beam as beam
import pytest
from apache_beam.yaml import main

from beam_dis import DISClient
from beam_dis.yaml import PROVIDERS


@pytest.fixture
def yaml_pipeline(local_dis):
    """``yaml_pipeline(transforms, flags)``: a pipeline that hasn't run, on the test's DIS; ``transforms`` is a YAML list."""

    def make(transforms, flags, *, options=""):
        lines = transforms.replace("\n", "\n    ")
        text = f"providers:\n- include: {PROVIDERS}\n{options}\npipeline:\n  transforms:\n    {lines}"
        where = [f"--dis_endpoint={local_dis.endpoint}", f"--dis_project_id={local_dis.project_id}"]
        made, constructor = main.build_pipeline_components_from_yaml(text, [*flags, *where])
        pipeline = beam.Pipeline(options=made)
        constructor(pipeline)
        return pipeline

    return make


@pytest.fixture
def run_yaml(yaml_pipeline, bounded_options):
    """``run_yaml(transforms)``: run them on each runner, until they have ended."""
    flags = [f"--{name}={value}" for name, value in bounded_options.get_all_options(drop_default=True).items()]

    def run(transforms):
        yaml_pipeline(transforms, flags).run().wait_until_finish()

    return run


@pytest.fixture
def client(local_dis):
    with DISClient(local_dis.connection) as client:
        yield client


@pytest.fixture
def records_of(client):
    """``records_of(stream)``: its records, those of each partition in order."""

    def read(stream):
        found = []
        for partition in client.describe_stream(stream).partitions:
            cursor = client.get_cursor(stream, partition_id=partition.partition_id, cursor_type="TRIM_HORIZON")
            while (page := client.get_records(cursor)).records:
                found += page.records
                cursor = page.next_partition_cursor
        return found

    return read
