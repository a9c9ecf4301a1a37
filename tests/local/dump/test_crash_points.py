"""A crash at any step of a flush: afterwards each record is in one object, and no object contradicts another.

A crash is an exception that nothing catches. The store is opened again, with another engine. Files are as the step left them:
a run that is given up doesn't remove its files here, because a killed process doesn't.
"""

from __future__ import annotations

from contextlib import suppress

import pytest

from beam_dis.local.dump import runs
from beam_dis.local.dump.object_store import ObjectFolder
from beam_dis.wire.dump_tasks import ProcessingSchema

FOLDERS = {
    "partition_format": "yyyy/MM/dd",
    "processing_schema": ProcessingSchema(timestamp_name="at", timestamp_type="Timestamp"),
}
DAY_MS = 24 * 3600 * 1000
STEPS = 22
"""More than a flush of the tests has."""


class Crash(BaseException):
    """The process ends here."""


class Steps:
    """Crashes at one of the steps."""

    def __init__(self, step):
        self.left = step

    def take(self):
        self.left -= 1
        if self.left == 0:
            raise Crash


class CrashingFolder(ObjectFolder):
    """Takes a step before and after each thing that it does."""

    def __init__(self, root, steps):
        super().__init__(root)
        self.steps = steps

    def temporary(self, name):
        self.steps.take()
        return super().temporary(name)

    def publish(self, temporary, key):
        self.steps.take()
        done = super().publish(temporary, key)
        self.steps.take()
        return done


def leave(files):
    """Close the files of a run that is given up, and leave them where they are."""
    for one in files.opened.values():
        with suppress(ValueError):  # closed already
            one.file.abort()


def crash_at(dumping, step, monkeypatch):
    """Flush, and crash at a step: before or after a file, a rename or a commit. Whether it came to that."""
    steps = Steps(step)
    dumping.reopen(objects=CrashingFolder(dumping.root, steps))
    commit = dumping.store.set_dump_position

    def committing(task, position):
        steps.take()
        done = commit(task, position)
        done.result()
        steps.take()
        return done

    monkeypatch.setattr(dumping.store, "set_dump_position", committing)
    monkeypatch.setattr(runs._Files, "abort", leave)
    try:
        dumping.flush()
    except Crash:
        return True
    finally:
        monkeypatch.undo()
    return False


def numbers_in(dumping, task):
    """The records in the objects of a task, by their names and in their order; each record is its own number."""
    found = []
    for name, data in dumping.objects_of(task).items():
        _, first, last = name.rpartition("/")[2].split("-")
        numbers = [int(line.rpartition(b" ")[2].strip(b"}")) for line in data.splitlines()]
        assert (numbers[0], numbers[-1]) == (int(first), int(last)), name
        assert numbers == sorted(numbers)
        found += numbers
    return found


def put_numbers(dumping, first, count):
    dumping.put_json(*({"at": n % 3 * DAY_MS, "n": n} for n in range(first, first + count)))


@pytest.mark.parametrize("fields", [{}, FOLDERS], ids=["one object", "three objects"])
def test_after_a_crash_at_any_step_each_record_is_in_one_object(dumping, monkeypatch, fields):
    dumping.stream(data_type="JSON")
    task = dumping.task(**fields)
    crashes = 0
    for step in range(1, STEPS):
        put_numbers(dumping, 9 * step - 9, 9)
        crashes += crash_at(dumping, step, monkeypatch)
        if step % 2:
            dumping.reopen()
            dumping.flush()
    dumping.reopen()
    dumping.flush()
    assert sorted(numbers_in(dumping, task)) == list(range(9 * (STEPS - 1)))
    assert 5 < crashes < STEPS - 1
    assert (dumping.temporary(), dumping.position(task).discarded) == ([], 0)


def pending(dumping, monkeypatch, task):
    """Crash between the commit of a run and its first rename."""
    step = next(n for n in range(1, STEPS) if crash_at(dumping, n, monkeypatch) and dumping.position(task).run)
    dumping.reopen()
    return step


@pytest.mark.parametrize("fields", [{}, FOLDERS], ids=["one object", "three objects"])
def test_lost_temporary_files_are_made_again_with_the_same_names(dumping, monkeypatch, fields):
    dumping.stream(data_type="JSON")
    task = dumping.task(**fields)
    put_numbers(dumping, 0, 9)
    pending(dumping, monkeypatch, task)
    wanted = {one.key for one in dumping.position(task).run.objects}
    for name in dumping.temporary():
        (dumping.root / ".incomplete~" / name).unlink()
    put_numbers(dumping, 9, 9)
    dumping.flush()
    assert sorted(numbers_in(dumping, task)) == list(range(18))
    assert all((dumping.root / key).is_file() for key in wanted)


def test_lost_files_of_expired_records_are_counted_as_discarded(dumping, monkeypatch):
    dumping.stream(data_type="JSON")
    task = dumping.task()
    put_numbers(dumping, 0, 9)
    pending(dumping, monkeypatch, task)
    for name in dumping.temporary():
        (dumping.root / ".incomplete~" / name).unlink()
    dumping.time += 25 * 3600
    dumping.store.housekeep()
    put_numbers(dumping, 9, 2)
    dumping.flush()
    assert (sorted(numbers_in(dumping, task)), dumping.position(task).discarded) == ([9, 10], 9)


def test_a_pending_run_is_finished_though_its_records_have_expired(dumping, monkeypatch):
    dumping.stream(data_type="JSON")
    task = dumping.task()
    put_numbers(dumping, 0, 9)
    pending(dumping, monkeypatch, task)
    dumping.time += 25 * 3600
    dumping.store.housekeep()
    dumping.flush()
    assert (numbers_in(dumping, task), dumping.position(task).discarded) == (list(range(9)), 0)


def test_a_pending_run_goes_where_the_task_wrote_when_it_was_made(dumping, monkeypatch):
    dumping.stream(data_type="JSON")
    task = dumping.task(file_prefix="old")
    put_numbers(dumping, 0, 1)
    pending(dumping, monkeypatch, task)
    old = dumping.now(task).destination
    changed = type(old)(**{f: getattr(old, f) for f in old.__struct_fields__} | {"file_prefix": "new"})
    dumping.store.update_dump_task(dumping.made, changed).result()
    put_numbers(dumping, 1, 1)
    dumping.flush()
    assert list(dumping.objects_of(task)) == ["new/0-1-1", "old/0-0-0"]


def test_a_task_that_is_deleted_with_a_pending_run_leaves_no_files(dumping, monkeypatch):
    dumping.stream(data_type="JSON")
    task = dumping.task()
    put_numbers(dumping, 0, 9)
    pending(dumping, monkeypatch, task)
    assert len(dumping.temporary()) == 1
    dumping.store.delete_stream(dumping.made).result()
    dumping.look()
    assert (dumping.temporary(), dumping.store.dump_tasks()) == ([], [])
