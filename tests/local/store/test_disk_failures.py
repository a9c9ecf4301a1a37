"""A disk that is full or read-only while the store is open: SQLite refuses writes with the codes that it has for these."""

import logging
import shutil
from contextlib import contextmanager

import pytest

from beam_dis.local.store import StoreUnavailable, database
from beam_dis.local.store.failures import ProblemLog

CAUSES = {
    "full": ("PRAGMA max_page_count=1", "database or disk is full"),
    "read-only": ("PRAGMA query_only=ON", "attempt to write a readonly database"),
}


@pytest.fixture
def stream(opened):
    """A stream with three large records."""
    made = opened.stream()
    for _ in range(3):
        opened.put(made, bytes(100_000))
    return made


@pytest.fixture(params=CAUSES)
def failing_disk(request, opened, stream, monkeypatch):
    """``with failing_disk() as message``: writes fail with that message inside the block."""
    statement, message = CAUSES[request.param]

    @contextmanager
    def failing():
        with monkeypatch.context() as failing_settings:
            failing_settings.setattr(database, "WRITER_SETTINGS", (*database.WRITER_SETTINGS, statement))
            opened.reopen()
            yield message

    return failing


def failure(opened, stream):
    return opened.append(stream, (0, None, bytes(100_000))).exception(timeout=5)


def test_writes_fail_at_once_with_the_cause_and_reads_succeed(opened, stream, failing_disk):
    with failing_disk() as message:
        errors = [failure(opened, stream) for _ in range(3)]
        assert [type(error) for error in errors] == [StoreUnavailable] * 3
        assert all(message in str(error) and str(error).endswith("then try again") for error in errors)
        assert (opened.numbers(stream), opened.partition(stream).next) == ([0, 1, 2], 3)


def test_no_kind_of_change_is_half_done_if_it_fails(opened, stream, failing_disk):
    app = opened.store.create_app("p", "a").result()

    def state():
        return opened.store.apps("p"), opened.store.stream("p", "s"), opened.store.checkpoints("p", app)

    with failing_disk():
        changes = [
            opened.store.create_app("p", "b"),
            opened.store.commit_checkpoint("p", app, stream, 0, 1),
            opened.store.scale(stream, 2),
            opened.store.advance_clock(60),
        ]
        assert {type(change.exception(timeout=5)) for change in changes} <= {StoreUnavailable, type(None)}
        before = state()
        assert opened.reopen().check() == []
        assert state() == before


def test_numbers_continue_without_a_gap_after_the_failure(opened, stream, failing_disk):
    with failing_disk():
        assert isinstance(failure(opened, stream), StoreUnavailable)
    assert opened.put(stream, b"x") == [3]
    assert (opened.numbers(stream), opened.store.check()) == ([0, 1, 2, 3], [])


def test_the_begin_and_the_end_of_a_failure_are_logged_once(opened, stream, failing_disk, caplog):
    """However many writes fail in between."""
    with failing_disk() as message:
        for _ in range(50):
            failure(opened, stream)
    opened.put(stream, b"x")
    logged = [record.getMessage() for record in caplog.records if record.name.endswith("store.writer")]
    assert (len(logged), message in logged[0], logged[1]) == (2, True, "changes are stored again")


def test_another_cause_is_logged_again(caplog):
    problem = ProblemLog(logging.getLogger("t"), "it works again")
    for cause in ("a", "a", "b", "b"):
        problem.failed(cause)
    problem.succeeded()
    problem.succeeded()
    assert [record.getMessage() for record in caplog.records] == ["a", "b", "it works again"]


@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced"])
def test_nothing_is_acknowledged_after_the_file_was_taken_away(opened, stream, replaced):
    """What is written then goes into a file without a name, which the next start doesn't find."""
    file = opened.folder / "log.db"
    kept = file.rename(opened.folder / "kept.db")
    if replaced:
        shutil.copy(kept, file)
    for _ in range(3):
        error = failure(opened, stream)
        assert isinstance(error, StoreUnavailable)
        assert "log.db was removed or replaced while the server was running" in str(error)
