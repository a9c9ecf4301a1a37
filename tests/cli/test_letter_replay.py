"""A replay puts each dead letter once into its stream, and keeps those that fail again."""

from __future__ import annotations

import pytest
from fake_service import FakeService

from beam_dis.cli.letter_replay import LetterReplay
from beam_dis.cli.line_writer import Line
from beam_dis.dead_letter import DeadLetter
from beam_dis.errors import AccessDeniedError


def replayed(service, *letters, stream=None):
    """The reasons of the letters that failed again, by their numbers, and the replay."""
    failed = {}
    job = LetterReplay(service, stream=stream, failed=lambda line, reason: failed.update({line.number: reason}))
    lines = [Line(n, each if isinstance(each, bytes) else each.to_json()) for n, each in enumerate(letters, 1)]
    job.put_all(lines)
    return failed, job


def test_letters_go_into_their_own_streams_with_their_keys():
    service = FakeService.empty(streams=["a", "b"])
    failed, job = replayed(
        service,
        DeadLetter("bad", stream="a", partition_key="k", data=b"1"),
        DeadLetter("bad", stream="b", data=b"\xff"),
        DeadLetter("bad", stream="a", partition_key="k", data=b"2"),
    )
    assert (failed, job.written, job.failures) == ({}, 3, 0)
    assert [(r.partition_key, r.data) for r in service.written("a")] == [("k", b"1"), ("k", b"2")]
    assert [r.data for r in service.written("b")] == [b"\xff"]


def test_letters_go_into_one_stream_if_it_is_named():
    service = FakeService.empty(streams=["a", "b"])
    replayed(service, DeadLetter("bad", stream="a", data=b"1"), DeadLetter("bad", data=b"2"), stream="b")
    assert (service.written("a"), len(service.written("b"))) == ([], 2)


def test_letters_that_can_not_be_put_are_told_and_the_others_put():
    service = FakeService.empty(streams=["a"], reject=lambda record: record.data == b"refused")
    failed, job = replayed(
        service,
        b"nonsense",
        DeadLetter("bad", stream="a", element={"x": 1}),
        DeadLetter("bad", data=b"1"),
        DeadLetter("bad", stream="gone", data=b"1"),
        DeadLetter("bad", stream="gone", data=b"2"),
        DeadLetter("bad", stream="a", data=b"refused"),
        DeadLetter("bad", stream="a/b", data=b"1"),
        DeadLetter("bad", stream="a", data=b"ok"),
    )
    assert (job.written, job.failures, job.done, sorted(failed)) == (1, 7, 8, [1, 2, 3, 4, 5, 6, 7])
    said = ["not a dead letter", "never became a record", "give --stream", "no stream 'gone'", "no stream", "DIS.4200"]
    said.append("no name of a stream")
    assert [part in failed[number] for number, part in enumerate(said, 1)] == [True] * 7
    assert service.described.count("gone") == 1


def test_a_failure_that_is_no_letters_fault_ends_the_replay():
    service = FakeService.empty([AccessDeniedError("denied", code="DIS.4116", status=403)], streams=["a"])
    with pytest.raises(AccessDeniedError):
        replayed(service, DeadLetter("bad", stream="a", data=b"1"))
