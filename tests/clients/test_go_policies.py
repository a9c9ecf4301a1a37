"""The Go SDK lists which other accounts may use a stream. It can't add policies."""

import dataclasses

import pytest

from beam_dis import DISClient

pytestmark = [pytest.mark.integration, pytest.mark.go_client]


def test_the_policies_of_a_stream_are_listed(go, go_settings, keyed_dis):
    go.call("CreateStream", {"body": {"stream_name": "s", "partition_count": 1}})
    connection = dataclasses.replace(keyed_dis.connection, project_id=go_settings["project_id"])
    with DISClient(connection) as client:
        stream_id = client.describe_stream("s").stream_id
        client.add_policy("s", stream_id=stream_id, principal_names=["domain.user"], action_type="putRecords")
    listed = go.call("ListPolicies", {"stream_name": "s"})
    assert listed["stream_id"] == stream_id
    (rule,) = listed["rules"]
    assert (rule["principal_name"], rule["action_type"], rule["effect"]) == ("domain.user", "putRecords", "accept")
