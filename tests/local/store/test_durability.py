"""Acknowledged records are on disk: a process that appends is killed, and its system calls are traced."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from beam_dis.local.clock import Clock
from beam_dis.local.store import open_store

pytestmark = pytest.mark.integration

SCRIPT = Path(__file__).with_name("appending_process.py")
ROOT = Path(__file__).parents[3]
ACKNOWLEDGED = 200


def command(folder, count, *limit):
    return [sys.executable, str(SCRIPT), str(folder), str(count), *map(str, limit)]


def run(arguments):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(arguments, env=environment, capture_output=True, text=True, check=True).stdout.splitlines()


def killed_under_load(folder):
    """The records that a process had acknowledged when it was killed: by partition, the request of each number."""
    process = subprocess.Popen(
        command(folder, 0), env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True
    )
    lines = [process.stdout.readline() for _ in range(ACKNOWLEDGED)]
    process.send_signal(signal.SIGKILL)
    lines += process.stdout.readlines()
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    return acknowledged(line for line in lines if line.endswith("\n"))


def acknowledged(lines):
    printed = [tuple(map(int, line.split())) for line in lines]
    return [{numbers[partition]: request for request, *numbers in printed} for partition in range(4)]


def stored(store, partition):
    """The request of each number that is stored in a partition."""
    stream, start, found = store.stream("p", "s"), 0, {}
    while page := store.read(stream, partition, start, 2**20):
        for batch in page:
            assert batch.first == start
            found |= {number: int(data.split()[1]) for number, data in enumerate(batch.datas, start)}
            start += len(batch.datas)
    return found


def check_every_acknowledged_record(folder, acknowledged_by_partition):
    store = open_store(folder, clock=Clock())
    try:
        assert store.check() == []
        for partition, expected in enumerate(acknowledged_by_partition):
            found = stored(store, partition)
            assert expected.items() <= found.items()
            assert len(found) == store.stream("p", "s").partitions[partition].next
    finally:
        store.close()


@pytest.mark.parametrize("rounds", [1, pytest.param(10, marks=pytest.mark.long)])
def test_a_killed_process_loses_nothing_it_acknowledged(tmp_path, rounds):
    """Every acknowledged record is there once, at its number; numbers have no gap; the next process continues them."""
    expected = [{} for _ in range(4)]
    for _ in range(rounds):
        for before, more in zip(expected, killed_under_load(tmp_path), strict=True):
            assert not before.keys() & more.keys()
            before.update(more)
        check_every_acknowledged_record(tmp_path, expected)


def test_the_wal_is_flushed_after_its_last_write_and_before_an_acknowledgement(tmp_path):
    calls = "trace=write,pwrite64,pwritev,fsync,fdatasync"
    run(["strace", "-f", "-y", "-e", calls, "-o", str(tmp_path / "calls"), *command(tmp_path / "data", 10)])
    before, seen = [], []
    for event in events((tmp_path / "calls").read_text()):
        if event == "acknowledged":
            seen.append(("written" in before, before[-1:]))
            before = []
        else:
            before.append(event)
    assert seen == [(True, ["flushed"])] * 10


def events(calls):
    """The writes and finished flushes of the WAL, and the acknowledgements, in the order they happened."""
    flushing = set()
    for line in calls.splitlines():
        thread = line.split()[0]
        if re.search(r"pwritev?(64)?\(\d+<[^>]*log\.db-wal>", line):
            yield "written"
        elif re.search(r"f(data)?sync\(\d+<[^>]*log\.db-wal>", line):
            if line.endswith("<unfinished ...>"):
                flushing.add(thread)
            elif line.endswith("= 0"):
                yield "flushed"
        elif re.search(r"<\.\.\. f(data)?sync resumed>", line) and thread in flushing:
            flushing.remove(thread)
            if line.endswith("= 0"):
                yield "flushed"
        elif re.search(r'write\(1<[^>]*>, "\d+ ', line):
            yield "acknowledged"


def test_a_write_without_a_flush_is_recognised():
    """The test above can fail: it tells an acknowledgement after a write without a flush from one after a flush."""
    calls = '7 pwrite64(5</d/log.db-wal>, "", 1, 0) = 1\n7 write(1</o>, "0 0\\n", 4) = 4\n'
    assert list(events(calls)) == ["written", "acknowledged"]


def test_puts_fail_on_a_full_disk_and_numbers_continue_once_there_is_room(tmp_path):
    """Puts fail with an error while no file may grow; afterwards every acknowledged number is there, with no gap."""
    lines = run(command(tmp_path, 1500, 4 * 2**20))
    failures = lines.count("failed")
    expected = acknowledged(line for line in lines if line != "failed")
    assert failures > 0
    assert [sorted(numbers) for numbers in expected] == [list(range(1500 - failures))] * 4
    check_every_acknowledged_record(tmp_path, expected)
