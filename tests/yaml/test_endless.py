"""A pipeline in YAML without an end, on Prism."""

from __future__ import annotations

import pytest
from running_pipelines import eventually, running

from beam_dis import PutRecord

pytestmark = pytest.mark.integration


@pytest.mark.prism
def test_streaming_in_the_file_reads_without_an_end(yaml_pipeline, runner_flags, client, make_stream, records_of):
    source, target = make_stream(), make_stream()
    pipeline = yaml_pipeline(
        f"""
- {{type: ReadFromDIS, config: {{stream: {source}, format: STRING}}}}
- {{type: WriteToDIS, input: ReadFromDIS, config: {{stream: {target}, format: STRING}}}}
""",
        runner_flags("PrismRunner"),
        options="options: {streaming: true}",
    )
    with running(pipeline):
        for data in (b"first", b"second"):
            client.put_records(source, [PutRecord(data)])
            eventually(lambda data=data: data in [record.data for record in records_of(target)], expected=True)
