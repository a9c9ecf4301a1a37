"""The committed state in memory, and a draft of the next one.

Law: the catalogue holds what the last COMMIT made durable and nothing else. The writer alone works on a draft, whose
reads see through to the catalogue; it becomes the catalogue after COMMIT, in one step, or is thrown away.
"""

from __future__ import annotations

import threading
from typing import NamedTuple

import msgspec

from beam_dis.local.store.values import App, Partition, StoredCheckpoint, Stream

AppKey = tuple[str, str]


class CheckpointKey(NamedTuple):
    """Whose checkpoint, and where."""

    project: str
    app: str
    stream_id: str
    partition: int


class Catalogue:
    """Streams, apps and checkpoints by their keys; thread-safe, never blocks for longer than a dictionary takes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._streams: dict[str, Stream] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._apps: dict[AppKey, App] = {}
        self._checkpoints: dict[AppKey, dict[tuple[str, int], StoredCheckpoint]] = {}

    def stream(self, project: str, name: str, stream_id: str = "") -> Stream | None:
        """The stream of that name, else of that id."""
        with self._lock:
            found = self._streams.get(self._names.get((project, name), stream_id))
        return found if found is not None and found.project == project else None

    def by_id(self, stream_id: str) -> Stream | None:
        """The stream of that id, in whatever project."""
        return self._streams.get(stream_id)

    def streams(self, project: str | None = None) -> list[Stream]:
        """The streams of a project by name; of all projects where none is named."""
        with self._lock:
            found = [stream for stream in self._streams.values() if project in (None, stream.project)]
        return sorted(found, key=lambda stream: stream.name)

    def app(self, project: str, name: str) -> App | None:
        """The app of that name."""
        return self._apps.get((project, name))

    def apps(self, project: str) -> list[App]:
        """The apps of a project by name."""
        with self._lock:
            found = [app for app in self._apps.values() if app.project == project]
        return sorted(found, key=lambda app: app.name)

    def checkpoints(
        self, project: str, app: str, stream_id: str | None = None
    ) -> dict[tuple[str, int], StoredCheckpoint]:
        """An app's checkpoints by stream id and partition, in one stream or in all."""
        with self._lock:
            held = self._checkpoints.get((project, app), {}).items()
            return {key: checkpoint for key, checkpoint in held if stream_id in (None, key[0])}

    def checkpoint(self, key: CheckpointKey) -> StoredCheckpoint | None:
        """One checkpoint."""
        return self._checkpoints.get(key[:2], {}).get(key[2:])

    def checkpoint_keys(self, stream_id: str) -> list[CheckpointKey]:
        """Every checkpoint in a stream."""
        with self._lock:
            owners = [(owner, list(held)) for owner, held in self._checkpoints.items()]
        return [CheckpointKey(*owner, *place) for owner, held in owners for place in held if place[0] == stream_id]

    def publish(self, draft: Draft) -> None:
        """Make a draft the committed state."""
        with self._lock:
            for stream_id, stream in draft.streams.items():
                self._publish_stream(stream_id, stream)
            for app_key, app in draft.apps.items():
                _put(self._apps, app_key, app)
            for key, checkpoint in draft.checkpoints.items():
                _put(self._checkpoints.setdefault(key[:2], {}), key[2:], checkpoint)

    def replace(self, other: Catalogue) -> None:
        """Take over what another holds: what was read afresh from disk."""
        with self._lock:
            self._streams, self._names = other._streams, other._names
            self._apps, self._checkpoints = other._apps, other._checkpoints

    def _publish_stream(self, stream_id: str, stream: Stream | None) -> None:
        before = self._streams.get(stream_id)
        if before is not None and stream is None and self._names.get((before.project, before.name)) == stream_id:
            del self._names[(before.project, before.name)]
        if stream is not None and before is None:
            self._names[(stream.project, stream.name)] = stream_id
        _put(self._streams, stream_id, stream)


class Draft:
    """What the next commit changes: a value for each key that it sets, None for each that it removes."""

    def __init__(self, committed: Catalogue) -> None:
        self._committed = committed
        self.streams: dict[str, Stream | None] = {}
        self.apps: dict[AppKey, App | None] = {}
        self.checkpoints: dict[CheckpointKey, StoredCheckpoint | None] = {}

    def stream(self, stream_id: str) -> Stream | None:
        """The stream of that id."""
        return self.streams[stream_id] if stream_id in self.streams else self._committed.by_id(stream_id)

    def project_streams(self, project: str | None = None) -> list[Stream]:
        """Every stream of a project, of all projects where none is named."""
        before = [stream for stream in self._committed.streams(project) if stream.stream_id not in self.streams]
        drafted = [stream for stream in self.streams.values() if stream is not None]
        return before + [stream for stream in drafted if project in (None, stream.project)]

    def put_stream(self, stream: Stream) -> None:
        """Set a stream."""
        self.streams[stream.stream_id] = stream

    def put_partition(self, stream_id: str, partition: Partition) -> None:
        """Set one partition of a stream that there is."""
        stream = self.stream(stream_id)
        if stream is not None:
            partitions = list(stream.partitions)
            partitions[partition.number] = partition
            self.streams[stream_id] = msgspec.structs.replace(stream, partitions=tuple(partitions))

    def app(self, project: str, name: str) -> App | None:
        """The app of that name."""
        key = (project, name)
        return self.apps[key] if key in self.apps else self._committed.app(project, name)

    def app_count(self, project: str) -> int:
        """How many apps a project has."""
        names = {app.name for app in self._committed.apps(project)}
        for (owner, name), app in self.apps.items():
            if owner == project:
                names = names | {name} if app is not None else names - {name}
        return len(names)

    def checkpoint_keys(self, *, app: AppKey | None = None, stream_id: str | None = None) -> list[CheckpointKey]:
        """The checkpoints of an app, in a stream, or of an app in a stream."""
        if app is None:
            before = self._committed.checkpoint_keys(stream_id or "")
        else:
            before = [CheckpointKey(*app, *place) for place in self._committed.checkpoints(*app)]
        return [
            key
            for key in dict.fromkeys([*before, *self.checkpoints])
            if self.checkpoints.get(key, True) is not None
            and app in (None, key[:2])
            and stream_id in (None, key.stream_id)
        ]


def _put(held: dict, key: object, value: object | None) -> None:  # type: ignore[type-arg]
    if value is None:
        held.pop(key, None)
    else:
        held[key] = value
