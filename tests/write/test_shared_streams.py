"""Pipelines that write to and read from a stream of another project, by its id."""

from __future__ import annotations

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to

from beam_dis.client import DISClient
from beam_dis.connection import DISConnection
from beam_dis.credentials import Token
from beam_dis.local import LocalDIS
from beam_dis.read import ReadFromDIS
from beam_dis.write import WriteToDIS

pytestmark = [pytest.mark.integration, pytest.mark.fnapi]

KEYS = """
[acme.owner]
auth_token = one
project_id = p

[other.pipeline]
access_key = AK
secret_key = SK
project_id = q
"""


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """The connection of the other project, and the id of a stream that is shared with it."""
    keys = tmp_path / "keys"
    keys.touch(0o600)
    keys.write_text(KEYS)
    monkeypatch.setenv("HUAWEICLOUD_SDK_AK", "AK")
    monkeypatch.setenv("HUAWEICLOUD_SDK_SK", "SK")
    with LocalDIS(access_key_file=keys) as dis:
        owner = DISConnection(endpoint=dis.endpoint, project_id="p", credentials=Token(value="one"))
        with DISClient(owner) as client:
            client.create_stream("s", partition_count=2)
            stream_id = client.describe_stream("s").stream_id
            for action in ("putRecords", "getRecords"):
                client.add_policy("s", stream_id=stream_id, principal_names=["other.*"], action_type=action)
        yield DISConnection(endpoint=dis.endpoint, project_id="q"), stream_id


def test_a_pipeline_writes_and_reads_a_shared_stream_by_its_id(shared):
    connection, stream_id = shared
    options = PipelineOptions(["--runner=FnApiRunner"])
    with beam.Pipeline(options=options) as pipeline:
        pipeline | beam.Create([b"a", b"b", b"c"]) | WriteToDIS(stream_id, connection=connection, encode="bytes")
    with DISClient(connection) as client:
        client.create_app("reader")
    with beam.Pipeline(options=options) as pipeline:
        read = ReadFromDIS(stream_id, start="earliest", stop="latest", connection=connection, decode="bytes")
        assert_that(pipeline | read, equal_to([b"a", b"b", b"c"]))
