"""The committed state in memory, and a draft of the next state.

Rule 1: the catalogue contains what the last COMMIT made durable, and nothing else.
Rule 2: only the writer uses a draft. A look-up in the draft falls back to the catalogue for what it doesn't change.
Rule 3: a draft is published in one step after COMMIT, or dropped.
"""

from __future__ import annotations

import threading
from typing import NamedTuple, TypeVar

import msgspec

from beam_dis.local.store.dump_values import DumpTask
from beam_dis.local.store.values import Partition, StoredApp, StoredCheckpoint, Stream

AppKey = tuple[str, str]
"""A project and the name of an app in it."""

K = TypeVar("K")
V = TypeVar("V")


class CheckpointKey(NamedTuple):
    """The app that committed a checkpoint, and the partition that it is for."""

    project: str
    app: str
    stream_id: str
    partition: int


class Catalogue:
    """Streams, apps, checkpoints and dump tasks by their keys; thread-safe, and no method waits for I/O."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: dict[str, Stream] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._apps: dict[AppKey, StoredApp] = {}
        self._checkpoints: dict[AppKey, dict[tuple[str, int], StoredCheckpoint]] = {}
        self._dump_tasks: dict[str, DumpTask] = {}

    def stream(self, project: str, name: str, stream_id: str = "") -> Stream | None:
        """The stream of that name, else the stream of that id; None if there is neither in the project."""
        with self._lock:
            found = self._streams.get(self._names.get((project, name), stream_id))
        return found if found is not None and found.project == project else None

    def by_id(self, stream_id: str) -> Stream | None:
        """The stream of that id, in any project."""
        return self._streams.get(stream_id)

    def streams(self, project: str | None = None) -> list[Stream]:
        """The streams of a project, or of all projects, sorted by name."""
        with self._lock:
            found = [stream for stream in self._streams.values() if project in (None, stream.project)]
        return sorted(found, key=lambda stream: stream.name)

    def app(self, project: str, name: str) -> StoredApp | None:
        """The app of that name; None if there is none."""
        return self._apps.get((project, name))

    def apps(self, project: str | None = None) -> list[StoredApp]:
        """The apps of a project, or of all projects, sorted by name."""
        with self._lock:
            found = [app for app in self._apps.values() if project in (None, app.project)]
        return sorted(found, key=lambda app: app.name)

    def checkpoints(
        self, project: str, app: str, stream_id: str | None = None
    ) -> dict[tuple[str, int], StoredCheckpoint]:
        """An app's checkpoints by stream id and partition, in one stream or in all."""
        with self._lock:
            committed = self._checkpoints.get((project, app), {}).items()
            return {key: checkpoint for key, checkpoint in committed if stream_id in (None, key[0])}

    def checkpoint(self, key: CheckpointKey) -> StoredCheckpoint | None:
        """The checkpoint of that key; None if there is none."""
        return self._checkpoints.get(key[:2], {}).get(key[2:])

    def checkpoint_keys(self, stream_id: str) -> list[CheckpointKey]:
        """The keys of all checkpoints in a stream."""
        with self._lock:
            apps = [(app_key, list(checkpoints)) for app_key, checkpoints in self._checkpoints.items()]
        return [CheckpointKey(*app_key, *key) for app_key, keys in apps for key in keys if key[0] == stream_id]

    def dump_task(self, task_id: str) -> DumpTask | None:
        """The dump task of that id; None if there is none."""
        return self._dump_tasks.get(task_id)

    def dump_tasks(self, stream_id: str | None = None) -> list[DumpTask]:
        """The dump tasks of a stream, or of all streams, sorted by name; also those that are being deleted."""
        with self._lock:
            found = [task for task in self._dump_tasks.values() if stream_id in (None, task.stream_id)]
        return sorted(found, key=lambda task: task.name)

    def publish(self, draft: Draft) -> None:
        """Apply a draft that was committed."""
        with self._lock:
            for stream_id, stream in draft.streams.items():
                self._publish_stream(stream_id, stream)
            for app_key, app in draft.apps.items():
                _put(self._apps, app_key, app)
            for key, checkpoint in draft.checkpoints.items():
                _put(self._checkpoints.setdefault(key[:2], {}), key[2:], checkpoint)
            for task_id, task in draft.dump_tasks.items():
                _put(self._dump_tasks, task_id, task)

    def replace(self, other: Catalogue) -> None:
        """Take over the contents of another catalogue, which was just read from disk."""
        with self._lock:
            self._streams, self._names = other._streams, other._names
            self._apps, self._checkpoints = other._apps, other._checkpoints
            self._dump_tasks = other._dump_tasks

    def _publish_stream(self, stream_id: str, stream: Stream | None) -> None:
        before = self._streams.get(stream_id)
        if before is not None and stream is None and self._names.get((before.project, before.name)) == stream_id:
            del self._names[(before.project, before.name)]
        if stream is not None and before is None:
            self._names[(stream.project, stream.name)] = stream_id
        _put(self._streams, stream_id, stream)


class Draft:
    """The changes of the next commit: a value for each key that it sets, None for each key that it removes."""

    def __init__(self, committed: Catalogue) -> None:
        self._committed = committed
        self.streams: dict[str, Stream | None] = {}
        self.apps: dict[AppKey, StoredApp | None] = {}
        self.checkpoints: dict[CheckpointKey, StoredCheckpoint | None] = {}
        self.dump_tasks: dict[str, DumpTask | None] = {}

    def stream(self, stream_id: str) -> Stream | None:
        """The stream of that id; None if there is none."""
        return self.streams[stream_id] if stream_id in self.streams else self._committed.by_id(stream_id)

    def project_streams(self, project: str | None = None) -> list[Stream]:
        """Every stream of a project, or of all projects."""
        before = [stream for stream in self._committed.streams(project) if stream.stream_id not in self.streams]
        drafted = [stream for stream in self.streams.values() if stream is not None]
        return before + [stream for stream in drafted if project in (None, stream.project)]

    def put_stream(self, stream: Stream) -> None:
        """Set a stream."""
        self.streams[stream.stream_id] = stream

    def put_partition(self, stream_id: str, partition: Partition) -> None:
        """Set one partition of a stream; does nothing if the stream doesn't exist."""
        stream = self.stream(stream_id)
        if stream is not None:
            partitions = list(stream.partitions)
            partitions[partition.number] = partition
            self.streams[stream_id] = msgspec.structs.replace(stream, partitions=tuple(partitions))

    def app(self, project: str, name: str) -> StoredApp | None:
        """The app of that name; None if there is none."""
        key = (project, name)
        return self.apps[key] if key in self.apps else self._committed.app(project, name)

    def app_count(self, project: str) -> int:
        """How many apps a project has."""
        names = {app.name for app in self._committed.apps(project)}
        for (owner, name), app in self.apps.items():
            if owner == project:
                names = names | {name} if app is not None else names - {name}
        return len(names)

    def has_checkpoint(self, key: CheckpointKey) -> bool:
        """Whether there is a checkpoint of that key."""
        found = self.checkpoints[key] if key in self.checkpoints else self._committed.checkpoint(key)
        return found is not None

    def checkpoint_keys(self, *, app: AppKey | None = None, stream_id: str | None = None) -> list[CheckpointKey]:
        """The keys of the checkpoints of an app, in a stream, or of an app in a stream."""
        if app is None:
            before = self._committed.checkpoint_keys(stream_id or "")
        else:
            before = [CheckpointKey(*app, *key) for key in self._committed.checkpoints(*app)]
        return [
            key
            for key in dict.fromkeys([*before, *self.checkpoints])
            if self.checkpoints.get(key, True) is not None
            and app in (None, key[:2])
            and stream_id in (None, key.stream_id)
        ]

    def dump_task(self, task_id: str) -> DumpTask | None:
        """The dump task of that id; None if there is none."""
        return self.dump_tasks[task_id] if task_id in self.dump_tasks else self._committed.dump_task(task_id)

    def dump_tasks_of(self, stream_id: str) -> list[DumpTask]:
        """The dump tasks of a stream."""
        before = [task for task in self._committed.dump_tasks(stream_id) if task.task_id not in self.dump_tasks]
        drafted = [task for task in self.dump_tasks.values() if task is not None and task.stream_id == stream_id]
        return before + drafted


def _put(values: dict[K, V], key: K, value: V | None) -> None:
    if value is None:
        values.pop(key, None)
    else:
        values[key] = value
