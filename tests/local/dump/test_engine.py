"""What becomes of a task: its states, where it begins, what it does about gaps and failures."""

from __future__ import annotations

import errno

import pytest

from beam_dis.local.dump import files
from beam_dis.local.dump.object_store import ObjectFolder
from beam_dis.wire.dump_tasks import OBSDestination

HOUR = 3600
SCHEMA = '{"type":"record","name":"R","fields":[{"name":"id","type":"long"}]}'
PARQUET = {"destination_file_type": "parquet"}


def states(dumping, task):
    now = dumping.now(task)
    return now.state, [position.failing for position in now.positions]


def test_a_new_task_is_started_by_the_engine(dumping):
    dumping.stream()
    task = dumping.task(started=False)
    assert dumping.now(task).state == "STARTING"
    dumping.look()
    assert dumping.now(task).state == "RUNNING"


@pytest.mark.parametrize(
    ("strategy", "expected"), [("LATEST", {"0-1-1": b"b\n"}), ("TRIM_HORIZON", {"0-0-1": b"a\nb\n"})]
)
def test_the_strategy_decides_about_records_that_are_there_already(dumping, strategy, expected):
    dumping.stream()
    dumping.put(b"a")
    task = dumping.task(consumer_strategy=strategy)
    dumping.put(b"b")
    dumping.flush()
    assert dumping.objects_of(task) == expected


@pytest.mark.parametrize("strategy", ["LATEST", "TRIM_HORIZON"])
def test_a_partition_that_appears_later_is_copied_from_its_first_record_on(dumping, strategy):
    dumping.stream()
    task = dumping.task(consumer_strategy=strategy)
    dumping.store.scale(dumping.made, 2).result()
    dumping.put(b"a", partition=1)
    dumping.flush()
    assert dumping.objects_of(task) == {"1-0-0": b"a\n"}


def test_a_partition_that_was_scaled_away_is_copied_to_its_end(dumping):
    dumping.stream(partitions=2)
    task = dumping.task()
    dumping.put(b"a", partition=1)
    dumping.store.scale(dumping.made, 1).result()
    dumping.flush()
    assert dumping.objects_of(task) == {"1-0-0": b"a\n"}


def test_a_stopped_task_copies_nothing_until_it_is_started_again(dumping):
    dumping.stream()
    task = dumping.task()
    dumping.put(b"a")
    dumping.act("stop", task)
    dumping.flush(10 * 300)
    assert (dumping.objects_of(task), dumping.now(task).state) == ({}, "PAUSED")
    dumping.act("start", task)
    assert (dumping.objects_of(task), dumping.now(task).state) == ({}, "RUNNING")
    dumping.flush()
    assert dumping.objects_of(task) == {"0-0-0": b"a\n"}


@pytest.mark.parametrize("action", ["stop", "delete"])
def test_a_task_that_is_stopped_or_deleted_during_a_flush_leaves_nothing(dumping, monkeypatch, action):
    dumping.stream()
    task = dumping.task()
    dumping.put(*[b"x" * 2**20] * 3)
    temporary = dumping.objects.temporary

    def ending(name):
        if action == "stop":
            dumping.store.act_on_dump_tasks(dumping.made, ["t"], "stop").result()
        else:
            dumping.store.delete_dump_task(dumping.made, "t").result()
        return temporary(name)

    with monkeypatch.context() as during:
        during.setattr(dumping.objects, "temporary", ending)
        dumping.flush()
    assert (dumping.now(task).state, dumping.objects_of(task)) == ({"stop": "PAUSED", "delete": "DELETE"}[action], {})
    dumping.look()
    assert dumping.temporary() == []


def test_intervals_are_counted_from_the_last_start(dumping):
    dumping.stream()
    task = dumping.task()
    dumping.put(b"a")
    dumping.time += 200
    dumping.act("stop", task)
    dumping.act("start", task)
    dumping.flush(299)
    assert dumping.objects_of(task) == {}
    dumping.flush(1)
    assert list(dumping.objects_of(task)) == ["0-0-0"]


def test_records_that_expired_before_a_flush_are_counted(dumping):
    dumping.stream()
    task = dumping.task()
    dumping.put(b"a", b"b")
    dumping.act("stop", task)
    dumping.time += 25 * HOUR
    dumping.store.housekeep()
    dumping.put(b"c")
    dumping.act("start", task)
    dumping.flush()
    assert dumping.objects_of(task) == {"0-2-2": b"c\n"}
    assert (dumping.position(task).next, dumping.position(task).discarded) == (3, 2)


def test_records_that_all_expired_are_counted_without_an_object(dumping):
    dumping.stream()
    task = dumping.task()
    dumping.put(b"a", b"b")
    dumping.act("stop", task)
    dumping.time += 25 * HOUR
    dumping.store.housekeep()
    dumping.act("start", task)
    dumping.flush()
    assert (dumping.objects_of(task), dumping.position(task).discarded, dumping.position(task).next) == ({}, 2, 2)


def test_a_deleted_task_copies_nothing_and_leaves_nothing(dumping):
    dumping.stream()
    task = dumping.task()
    dumping.put(b"a")
    dumping.store.delete_dump_task(dumping.made, "t").result()
    dumping.flush()
    assert (dumping.objects_of(task), dumping.now(task), dumping.store.dump_tasks()) == ({}, None, [])


def test_the_tasks_of_a_deleted_stream_are_deleted(dumping):
    dumping.stream()
    task = dumping.task()
    dumping.store.delete_stream(dumping.made).result()
    assert dumping.now(task).state == "DELETE"
    dumping.look()
    assert dumping.store.dump_tasks() == []


def test_a_task_whose_bucket_is_gone_is_in_error_until_it_is_started_again(dumping, caplog):
    dumping.stream()
    task = dumping.task()
    dumping.put(b"a")
    (dumping.root / "lake").rmdir()
    dumping.flush()
    assert dumping.now(task).state == "ERROR"
    (dumping.root / "lake").mkdir()
    dumping.flush()
    assert (dumping.objects_of(task), dumping.now(task).state) == ({}, "ERROR")
    dumping.act("start", task)
    dumping.flush()
    assert (dumping.objects_of(task), dumping.now(task).state) == ({"0-0-0": b"a\n"}, "RUNNING")
    assert "dump task t is in ERROR until it is started again: Bucket does not exist. [lake]" in caplog.text


def test_a_task_that_cannot_write_is_abnormal_and_tried_again_at_each_interval(dumping, caplog):
    dumping.stream(partitions=2)
    task = dumping.task(file_prefix="x")
    (dumping.root / "lake" / "x").write_text("a file where a folder must be")
    dumping.put(b"a")
    dumping.flush()
    assert states(dumping, task) == ("ABNORMAL", [True, False])
    (dumping.root / "lake" / "x").unlink()
    dumping.flush(299)
    assert dumping.objects_of(task) == {}
    dumping.flush(1)
    assert (dumping.objects_of(task), states(dumping, task)) == ({"x/0-0-0": b"a\n"}, ("RUNNING", [False, False]))
    assert [record.message[:35] for record in caplog.records] == [
        "dump task t of stream s is ABNORMAL",
        "dump task t writes objects again",
    ]


@pytest.mark.parametrize("fields", [{}, {"compression_format": "gzip"}, PARQUET], ids=["text", "gzip", "parquet"])
def test_a_full_disk_leaves_no_files_and_is_tried_again(dumping, monkeypatch, fields):
    dumping.stream(data_type="JSON", data_schema=SCHEMA)
    task = dumping.task(**fields)
    dumping.put_json({"id": 1}, {"id": 2})

    def full(file):
        file.close()
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(files, "_close_durably", full)
        dumping.flush()
    assert (states(dumping, task), dumping.temporary()) == (("ABNORMAL", [True]), [])
    dumping.flush()
    assert (states(dumping, task), len(dumping.objects_of(task))) == (("RUNNING", [False]), 1)


def test_a_failing_task_does_not_keep_another_from_working(dumping):
    dumping.stream()
    (dumping.root / "bad").mkdir()
    (dumping.root / "bad" / "x").write_text("a file")
    failing, working = dumping.task("a", obs_bucket_path="bad", file_prefix="x"), dumping.task("b")
    dumping.put(b"r")
    dumping.flush()
    assert (dumping.now(failing).state, dumping.objects_of(working)) == ("ABNORMAL", {"0-0-0": b"r\n"})


def test_a_change_is_valid_from_the_next_flush_and_keeps_position_and_strategy(dumping):
    dumping.stream()
    task = dumping.task()
    dumping.put(b"a")
    dumping.flush()
    dumping.put(b"b")
    fields = {**{f: getattr(task.destination, f) for f in task.destination.__struct_fields__}, "record_delimiter": "|"}
    changed = OBSDestination(**{**fields, "consumer_strategy": "TRIM_HORIZON", "file_prefix": "new"})
    dumping.store.update_dump_task(dumping.made, changed).result()
    dumping.flush()
    assert dumping.objects_of(task) == {"0-0-0": b"a\n", "new/0-1-1": b"b|"}
    assert dumping.now(task).destination.consumer_strategy == "LATEST"


def test_a_flush_that_is_overdue_after_a_restart_happens_at_once(dumping):
    dumping.stream()
    task = dumping.task()
    dumping.put(b"a")
    dumping.time += 1000
    dumping.reopen()
    dumping.look()
    assert dumping.objects_of(task) == {"0-0-0": b"a\n"}


def test_the_last_transfer_is_that_of_the_last_object(dumping):
    dumping.stream()
    task = dumping.task()
    assert dumping.now(task).last_ms == task.created_ms
    dumping.put(b"a")
    dumping.flush()
    dumping.flush()
    assert dumping.now(task).last_ms == task.created_ms + 300_000


def test_a_time_that_the_clock_never_came_to_does_not_delay_a_flush(dumping):
    """As after a crash between the flush and the advance of the clock."""
    dumping.stream()
    task = dumping.task()
    dumping.put(b"a")
    dumping.engine.flush_due(dumping.clock() + 24 * HOUR)
    dumping.reopen()
    dumping.put(b"b")
    dumping.flush()
    assert dumping.objects_of(task) == {"0-0-0": b"a\n", "0-1-1": b"b\n"}


def test_a_server_without_buckets_puts_the_tasks_that_it_finds_in_error(dumping):
    dumping.stream()
    task = dumping.task()
    dumping.put(b"a")
    dumping.reopen(objects=ObjectFolder(dumping.root / "gone"))
    dumping.flush()
    assert dumping.now(task).state == "ERROR"
