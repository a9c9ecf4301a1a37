"""``beam-dis apps`` shows and moves the checkpoints of apps."""

from __future__ import annotations

import json
from functools import partial

import pytest

from beam_dis.cli.checkpoint_targets import target_of
from beam_dis.cli.exits import Failed
from beam_dis.client import DISClient
from beam_dis.client.apps import PartitionProgress
from beam_dis.record import PutRecord


@pytest.fixture
def client(local_dis):
    with DISClient(local_dis.connection) as opened:
        yield opened


@pytest.fixture
def committed(client, make_stream):
    """A stream of two partitions with three records each, in the first of which the app has read one."""
    stream = make_stream("s", partitions=2)
    client.put_records(stream, [PutRecord(b"x", partition_id=number % 2) for number in range(6)])
    client.create_app("a")
    client.commit_checkpoint("a", stream_name=stream, partition_id=0, sequence_number=1)
    return stream


def checkpoints(client, app="a", stream="s"):
    return [state.sequence_number for state in client.iter_consumer_states(app, stream_name=stream)]


@pytest.mark.integration
def test_a_description_has_checkpoints_and_what_is_unread(beam_dis, committed):
    assert beam_dis("apps", "ls").out.splitlines()[1].split() == ["a", "s"]
    lines = [line.split() for line in beam_dis("apps", "describe", "a").out.splitlines()]
    assert lines[1:] == [["s", "0", "1", "0", "3", "2"], ["s", "1", "-", "0", "3", "3"]]
    assert json.loads(beam_dis("apps", "describe", "a", "--json").out)["partitions"][0]["unread"] == 2


@pytest.mark.integration
@pytest.mark.parametrize(
    ("options", "after"),
    [
        (["--to", "earliest"], [0, 0]),
        (["--to", "latest"], [3, 3]),
        (["--to", "2"], [2, 2]),
        (["--to", "2", "--partition", "1"], [1, 2]),
        (["--to", "2001-01-01T00:00Z"], [0, 0]),
        (["--to", "none"], [None, None]),
        (["--to", "latest", "--dry-run"], [1, None]),
    ],
)
def test_a_reset_moves_the_checkpoints(beam_dis, committed, client, options, after):
    ended = beam_dis("apps", "reset", "a", "s", *options)
    assert (ended.status, checkpoints(client)) == (0, after)
    assert ended.out.splitlines()[0].split() == ["partition", "before", "after"]


@pytest.mark.integration
def test_a_reset_warns_of_jobs_and_a_dry_run_says_so(beam_dis, committed):
    moved = beam_dis("apps", "reset", "a", "s", "--to", "latest")
    assert moved.err == "beam-dis: stop the jobs that read as a: they would commit their own positions\n"
    assert moved.out.splitlines()[1].split() == ["0", "1", "3"]
    dry = beam_dis("apps", "reset", "a", "s", "--to", "earliest", "--dry-run")
    assert dry.err == "beam-dis: --dry-run: nothing was changed\n"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--to", "9"], "partition 0 has no record 9: give 0 to 3"),
        (["--to", "2", "--partition", "7"], "stream s has no partition shardId-0000000007"),
    ],
)
def test_a_reset_that_does_not_fit_changes_nothing(beam_dis, committed, client, options, said):
    ended = beam_dis("apps", "reset", "a", "s", *options)
    assert (ended.status, said in ended.err, checkpoints(client)) == (1, True, [1, None])


@pytest.mark.integration
def test_an_app_is_created_and_deleted(beam_dis, client):
    assert beam_dis("apps", "create", "b").out == "created app b\n"
    assert beam_dis("apps", "rm", "b").status == 1
    assert beam_dis("apps", "rm", "b", "--yes").out == "deleted app b\n"
    assert list(client.iter_apps()) == []


NOW = partial(int, 1_000_000)  # the service's clock
STATE = PartitionProgress("0", 5, 2, 9, "LAST_READ", "ACTIVE", None)


@pytest.mark.parametrize(
    ("text", "number"), [("earliest", 2), ("LATEST", 9), ("none", None), ("7", 7), ("2026-01-01T00:00Z", 1_767_225_600)]
)
def test_a_target_has_a_number_in_each_partition(text, number):
    assert target_of(text, clock=NOW)(STATE, lambda _partition, milliseconds: milliseconds // 1000) == number


def test_a_duration_is_so_long_ago():
    found = [
        target_of(text, clock=NOW)(STATE, lambda _partition, milliseconds: milliseconds) for text in ("10m", "9999d")
    ]
    assert found == [400_000, 0]


def test_a_number_that_is_not_in_the_partition_is_refused():
    with pytest.raises(Failed, match="partition 0 has no record 1: give 2 to 9"):
        target_of("1", clock=NOW)(STATE, lambda *_: 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("blue", "is none of earliest, latest, none"),
        ("9" * 5000, "no sequence number has more than 19 digits"),
        ("2026-01-01", "has no time zone"),
    ],
)
def test_other_text_is_no_target(text, said):
    from click import UsageError

    with pytest.raises(UsageError, match=said):
        target_of(text, clock=NOW)
