"""A store, a folder of buckets and an engine, on a clock that stands still until a test moves it."""

import json
from pathlib import Path

import pytest

from beam_dis.local.clock import Clock
from beam_dis.local.dump.engine import DumpEngine
from beam_dis.local.dump.object_store import ObjectFolder
from beam_dis.local.store import StreamDefinition, open_store
from beam_dis.wire.dump_tasks import OBSDestination

START = 1_767_225_600.0
"""2026-01-01T00:00:00Z"""

DEFAULTS = {
    "obs_bucket_path": "lake",
    "agency_name": "dis_admin_agency",
    "deliver_time_interval": 300,
    "consumer_strategy": "LATEST",
    "file_prefix": "",
    "partition_format": "",
    "destination_file_type": "text",
    "record_delimiter": "\n",
    "retry_duration": 0,
}


class Dumping:
    """A stream ``s`` and its dump tasks; ``flush`` moves the clock by one interval."""

    def __init__(self, folder: Path, make_objects=ObjectFolder) -> None:
        self.root = folder / "obs"
        (self.root / "lake").mkdir(parents=True)
        self.time = START
        self.clock = Clock(lambda: self.time)
        self.data = folder / "data"
        self.make_objects = make_objects
        self.open()

    def open(self, objects=None) -> None:
        """Open the store, with an engine that doesn't know what the one before it had under way."""
        self.store = open_store(self.data, clock=self.clock, housekeeping_interval=None)
        self.objects = objects or self.make_objects(self.root)
        self.engine = DumpEngine(self.store, self.objects, self.clock)

    def reopen(self, objects=None) -> None:
        self.store.close()
        self.open(objects)

    def stream(self, name="s", partitions=1, **properties):
        definition = StreamDefinition(name=name, partition_count=partitions, **properties)
        self.made = self.store.create_stream("p", definition).result()
        return self.made

    def put(self, *datas, partition=0):
        columns = [partition] * len(datas), [None] * len(datas), list(datas)
        return self.store.append(self.made, *columns).result()

    def put_json(self, *values):
        return self.put(*(json.dumps(value).encode() for value in values))

    def task(self, name="t", *, started=True, **fields):
        """Create a task, and let the engine start it."""
        destination = OBSDestination(task_name=name, **{**DEFAULTS, **fields})
        made = self.store.create_dump_task(self.made, destination).result()
        if started:
            self.look()
        return made

    def look(self):
        self.engine.flush_due(self.clock())

    def flush(self, seconds=300):
        self.time += seconds
        self.look()

    def now(self, task):
        """The task as it is now."""
        return self.store.dump_task(task.task_id)

    def position(self, task, partition=0):
        return self.now(task).position(partition)

    def act(self, action, *tasks):
        self.store.act_on_dump_tasks(self.made, [task.task_id for task in tasks], action).result()
        self.look()

    def objects_of(self, task):
        """Folder and numbers of each object of a task → its bytes."""
        found = {}
        for path in sorted((self.root / "lake").rglob(f"*.{task.task_id}-*")):
            folder = path.parent.relative_to(self.root / "lake").as_posix()
            name = path.name.partition(f"{task.task_id}-shardId-000000000")[2]
            found[name if folder == "." else f"{folder}/{name}"] = path.read_bytes()
        return found

    def temporary(self):
        return sorted(path.name for path in (self.root / ".incomplete~").glob("*"))


@pytest.fixture
def dumping(tmp_path):
    made = Dumping(tmp_path)
    yield made
    made.store.close()


@pytest.fixture
def dumping_into(tmp_path):
    """Makes a Dumping whose objects go to ``make_objects(folder)``."""
    made = []

    def make(make_objects):
        made.append(Dumping(tmp_path, make_objects))
        return made[0]

    yield make
    made[0].store.close()
