"""A stream that another project shares, used by its id: by the client, and by what the source and the sink stand on."""

from __future__ import annotations

import pytest

from beam_dis.client import DISClient
from beam_dis.client.dis_service import DISService
from beam_dis.connection import DISConnection
from beam_dis.credentials import Token
from beam_dis.errors import AccessDeniedError, StreamNotFoundError
from beam_dis.local import LocalDIS
from beam_dis.record import PutRecord

pytestmark = pytest.mark.integration

KEYS = """
[acme.owner]
auth_token = one
project_id = p

[other.user]
auth_token = two
project_id = q
"""


@pytest.fixture(scope="module")
def dis(tmp_path_factory):
    keys = tmp_path_factory.mktemp("keys") / "keys"
    keys.touch(0o600)
    keys.write_text(KEYS)
    with LocalDIS(access_key_file=keys) as dis:
        yield dis


def connection(dis, project, token):
    return DISConnection(endpoint=dis.endpoint, project_id=project, credentials=Token(value=token))


@pytest.fixture
def owner(dis):
    with DISClient(connection(dis, "p", "one")) as client:
        for name in [*client.iter_streams()]:
            client.delete_stream(name)
        client.create_stream("s")
        yield client


@pytest.fixture
def other(dis):
    with DISClient(connection(dis, "q", "two")) as client:
        yield client


def share(owner, action):
    stream_id = owner.describe_stream("s").stream_id
    owner.add_policy("s", stream_id=stream_id, principal_names=["other.user"], action_type=action)
    return stream_id


def test_the_client_puts_into_a_stream_that_is_shared_for_it(owner, other):
    stream_id = share(owner, "putRecords")
    result = other.put_records(stream_id, [PutRecord(b"x")])
    assert (result.failed_record_count, other.describe_stream(stream_id).stream_name) == (0, "s")
    with pytest.raises(AccessDeniedError, match=r"get_cursor.*DIS\.4116.*other\.user may not getRecords"):
        other.get_cursor(None, stream_id=stream_id, partition_id=0, cursor_type="LATEST")


def test_a_stream_that_is_not_shared_is_refused_and_an_unknown_one_not_found(owner, other):
    stream_id = owner.describe_stream("s").stream_id
    with pytest.raises(AccessDeniedError, match=r"DIS\.4116"):
        other.put_records(stream_id, [PutRecord(b"x")])
    with pytest.raises(StreamNotFoundError):
        other.put_records("x" * 20, [PutRecord(b"x")])


def test_the_service_reads_writes_and_commits_by_the_id(dis, owner, other):
    stream_id = share(owner, "putRecords")
    share(owner, "getRecords")
    service = DISService(connection(dis, "q", "two"))
    try:
        written = service.write(stream_id, [PutRecord(b"x", partition_id=0)])
        listing = service.describe(stream_id)
        assert (len(written), listing.stream_id, len(listing.partitions)) == (1, stream_id, 1)
    finally:
        service.close()
    other.create_app("a")
    other.commit_checkpoint("a", stream_name="s", stream_id=stream_id, partition_id=0, sequence_number=1)
    found = other.get_checkpoint("a", stream_name="s", stream_id=stream_id, partition_id=0)
    assert found.sequence_number == 1
    other.delete_app("a")
