"""The objects that dump tasks have made in a folder of buckets, compared with the records that were put."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from killed_ledger import Ledger, Place

from beam_dis.wire.dump_tasks import DumpTaskDescription
from beam_dis.wire.ranges import parse_range, partition_number

DAY_MS = 24 * 3600 * 1000
_NAME = re.compile(r"(?P<task>\w+)\.(?P<id>\w{19})-shardId-(?P<partition>\d{10})-(?P<first>\d+)-(?P<last>\d+)(\.gz)?")
_STREAM_OF = {"plain": "scaled", "folders": "scaled", "brief": "fixed"}


@dataclass(frozen=True, kw_only=True)
class DumpedObject:
    """An object: the task and the records in its name, and its lines. ``folder`` is the last one of its path."""

    task: str
    task_id: str
    partition: int
    first: int
    last: int
    folder: str
    lines: list[bytes]


def objects_in(bucket: Path, seen: dict[str, bytes]) -> list[DumpedObject]:
    """The objects in a bucket. ``seen`` has the bytes of those that were there before, and gets those of all."""
    contents = {path.relative_to(bucket).as_posix(): path.read_bytes() for path in bucket.rglob("*") if path.is_file()}
    assert {name for name, content in seen.items() if contents.get(name) != content} == set(), "an object has changed"
    seen.update(contents)
    return [_parsed(name, content) for name, content in contents.items() if "of_brief." not in name]


def _parsed(name: str, content: bytes) -> DumpedObject:
    folder, _, file = name.rpartition("/")
    found = _NAME.fullmatch(file)
    assert found is not None, f"no object has this name: {name}"
    text = gzip.decompress(content) if file.endswith(".gz") else content
    return DumpedObject(
        task=found["task"],
        task_id=found["id"],
        partition=int(found["partition"]),
        first=int(found["first"]),
        last=int(found["last"]),
        folder=folder.rpartition("/")[2],
        lines=text.splitlines(),
    )


def check_objects(ledger: Ledger, objects: list[DumpedObject]) -> dict[tuple[str, int], set[int]]:
    """Each record is in one object of a task at most; objects have the records that their names say, in order.

    Returns:
        The numbers of the records in all objects, by task id and partition.
    """
    copied: dict[tuple[str, int], set[int]] = {}
    for one in objects:
        numbers = _numbers_by_day(ledger, one) if one.task == "folders" else list(range(one.first, one.last + 1))
        known = [ledger.records[Place(_STREAM_OF[one.task], one.partition, number)].data for number in numbers]
        assert one.lines == known, f"{one.task} {one.partition} {one.first}-{one.last} has other records"
        before = copied.setdefault((one.task_id, one.partition), set())
        assert before.isdisjoint(numbers), f"{one.task} {one.partition}: in two objects: {before & set(numbers)}"
        before.update(numbers)
    return copied


def _numbers_by_day(ledger: Ledger, one: DumpedObject) -> list[int]:
    """The numbers of the lines of an object in the folder of one day."""
    span = range(one.first, one.last + 1)
    known = {number: ledger.records.get(Place("scaled", one.partition, number)) for number in span}
    of_data = {record.data: number for number, record in known.items() if record is not None}
    numbers = [of_data[line] for line in one.lines]
    assert (numbers[0], numbers[-1], sorted(set(numbers))) == (one.first, one.last, numbers)
    assert {json.loads(line)["at"] // DAY_MS + 1 for line in one.lines} == {int(one.folder)}
    return numbers


def check_positions(ledger: Ledger, copied: Mapping[tuple[str, int], set[int]], task: DumpTaskDescription) -> None:
    """A task that has caught up has copied each record of every partition, except those that expired while it was stopped."""
    for partition in task.partitions:
        number = partition_number(partition.partition_id)
        end = parse_range(partition.sequence_number_range).end
        missing = set(range(end)) - copied.get((task.task_id, number), set())
        assert (partition.last_transfer_offset, partition.discard) == (end, len(missing))
        assert all(ledger.may_have_expired(Place("scaled", number, each)) for each in missing)
