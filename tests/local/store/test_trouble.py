"""A disk that is full or read-only while the store runs: SQLite refuses writes with the codes that it has for these."""

import logging

import pytest

from beam_dis.local.store import Entry, StoreUnavailable, database
from beam_dis.local.store.failures import Trouble

CAUSES = {
    "full": ("PRAGMA max_page_count=1", "database or disk is full"),
    "read-only": ("PRAGMA query_only=ON", "attempt to write a readonly database"),
}


@pytest.fixture(params=CAUSES)
def trouble(request, shelf, monkeypatch):
    """Begins when it is entered, and ends with it; what writes fail with."""
    statement, message = CAUSES[request.param]
    stream = shelf.stream()
    for _ in range(3):
        shelf.put(stream, bytes(100_000))

    class Ailing:
        def __enter__(self):
            monkeypatch.setattr(database, "_WRITER_SETTINGS", (*database._WRITER_SETTINGS, statement))
            shelf.reopen()
            return message

        def __exit__(self, *_):
            monkeypatch.undo()

    return Ailing()


def failure(shelf, stream):
    return shelf.store.append(stream, [Entry(0, None, bytes(100_000))]).exception(timeout=5)


def test_writes_fail_at_once_and_say_why_and_reads_go_on(shelf, trouble):
    stream = shelf.store.stream("p", "s")
    with trouble as message:
        failed = [failure(shelf, stream) for _ in range(3)]
        assert [type(error) for error in failed] == [StoreUnavailable] * 3
        assert all(message in str(error) and str(error).endswith("then try again") for error in failed)
        assert (shelf.numbers(stream), shelf.partition(stream).next) == ([0, 1, 2], 3)


def test_every_kind_of_change_fails_and_none_is_half_done(shelf, trouble):
    stream, app = shelf.store.stream("p", "s"), shelf.store.create_app("p", "a").result()
    with trouble:
        changes = [
            shelf.store.create_app("p", "b"),
            shelf.store.commit_checkpoint("p", app, stream, 0, 1),
            shelf.store.scale(stream, 2),
            shelf.store.advance_clock(60),
        ]
        outcomes = {type(change.exception(timeout=5)) for change in changes}
        assert outcomes <= {StoreUnavailable, type(None)}
        held = (shelf.store.apps("p"), shelf.store.stream("p", "s"), shelf.store.checkpoints("p", app))
        assert shelf.reopen().check() == []
        assert (shelf.store.apps("p"), shelf.store.stream("p", "s"), shelf.store.checkpoints("p", app)) == held


def test_once_it_is_over_numbers_go_on_without_a_gap(shelf, trouble):
    stream = shelf.store.stream("p", "s")
    with trouble:
        assert isinstance(failure(shelf, stream), StoreUnavailable)
    assert shelf.put(stream, b"x")[0].sequence_number == 3
    assert (shelf.numbers(stream), shelf.store.check()) == ([0, 1, 2, 3], [])


def test_it_is_logged_when_it_begins_and_when_it_is_over_however_many_writes_fail(shelf, trouble, caplog):
    stream = shelf.store.stream("p", "s")
    with trouble as message:
        for _ in range(50):
            failure(shelf, stream)
    shelf.put(stream, b"x")
    told = [record.getMessage() for record in caplog.records if record.name.endswith("store.writer")]
    assert (len(told), message in told[0], told[1]) == (2, True, "changes are stored again")


def test_another_trouble_is_told_apart(caplog):
    trouble = Trouble(logging.getLogger("t"), "well again")
    for what in ("a", "a", "b", "b"):
        trouble.met(what)
    trouble.over()
    trouble.over()
    assert [record.getMessage() for record in caplog.records] == ["a", "b", "well again"]
