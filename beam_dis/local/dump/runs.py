"""Makes the objects of a run under temporary names, from the records of one partition.

Rule 1: records are read page by page; a run ends when its records end, or when it has enough data or enough folders.
Rule 2: what a run contains depends on the records, the destination and the time of the flush only, so that it can be made again.
Rule 3: a run that is given up leaves no files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from beam_dis.local.dump.files import ObjectFile, OpenFile, file_opener
from beam_dis.local.dump.naming import FolderOf, folder_of_time, folders_of, object_key
from beam_dis.local.dump.object_store import ObjectStore, flush_file_folder
from beam_dis.local.store import DumpObject, DumpRun, DumpTask, Store, Stream
from beam_dis.wire.dump_tasks import OBSDestination
from beam_dis.wire.limits import DELIVER_MEGABYTES, MIB

PAGE_BYTES = MIB
"""The data that is read at once: as little as has room for any record, because reading it delays other calls."""

MOST_FOLDERS = 64
"""The objects that a run makes at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRange:
    """The records of a run: ``[first, next)`` of a partition at most, and as many as ``most_bytes`` of data need."""

    number: int
    first: int
    next: int
    flushed_ms: int
    most_bytes: float
    most_folders: float = MOST_FOLDERS


def most_bytes(destination: OBSDestination) -> int:
    """The data of one run: the size that the destination asks for, else the largest that one may ask for."""
    return (destination.deliver_size_interval or DELIVER_MEGABYTES[-1]) * MIB


def make_run(
    store: Store,
    objects: ObjectStore,
    task: DumpTask,
    stream: Stream,
    wanted: RunRange,
    destination: OBSDestination,
    check: Callable[[], None],
) -> DumpRun:
    """Write the temporary files of a run, and flush them to disk.

    Args:
        store: has the records.
        objects: says where temporary files are.
        task: the task.
        stream: the stream as it is now.
        wanted: the records.
        destination: the task's destination, maybe as it was before.
        check: called before each page; raises if the run is to be given up.

    Raises:
        Refusal: DIS.4226 if the first record has expired; 4301, 4302 or 4319; 4360 if the schema isn't one of columns.
        OSError: A file can't be written.
        StoreError: The records can't be read.
    """
    files = _Files(objects, task, destination, wanted, file_opener(destination, stream))
    try:
        at, size = wanted.first, 0
        while at < wanted.next and size < wanted.most_bytes:
            check()
            pages = store.read(stream, wanted.number, at, PAGE_BYTES, wanted.next - at)
            for page in pages:
                taken = files.add(at, page.datas)
                size += sum(map(len, page.datas[:taken]))
                at += taken
                if taken < len(page.datas):
                    return files.run(at)
            if not pages:
                break
        return files.run(at)
    except BaseException:
        files.abort()
        raise


@dataclass(slots=True)
class _OpenObject:
    """One file that is being written, the numbers of its first and last record, and how many records are in it."""

    file: ObjectFile
    temporary: str
    first: int
    last: int
    count: int = 0


@dataclass(slots=True)
class _Files:
    """The files of one run by their folder."""

    objects: ObjectStore
    task: DumpTask
    destination: OBSDestination
    wanted: RunRange
    open_file: OpenFile
    folder_of: FolderOf | None = field(init=False)
    of_flush: str = field(init=False)
    opened: dict[str, _OpenObject] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder_of = folders_of(self.destination, self.wanted.flushed_ms)
        self.of_flush = folder_of_time(self.destination.partition_format or "", self.wanted.flushed_ms)

    def add(self, first: int, datas: Sequence[bytes]) -> int:
        """Add consecutive records; returns how many, which are fewer if there are too many folders."""
        if self.folder_of is None:
            self._write(self.of_flush, first, first + len(datas) - 1, datas)
            return len(datas)
        by_folder: dict[str, list[int]] = {}
        taken = 0
        for data in datas:
            folder = self.folder_of(data)
            if (
                folder not in by_folder
                and len(self.opened.keys() | by_folder.keys() | {folder}) > self.wanted.most_folders
            ):
                break
            by_folder.setdefault(folder, []).append(taken)
            taken += 1
        for folder, places in by_folder.items():
            self._write(folder, first + places[0], first + places[-1], [datas[place] for place in places])
        return taken

    def run(self, end: int) -> DumpRun:
        """Close the files; the run of the records before ``end``."""
        counted, made = 0, []
        for folder, one in self.opened.items():
            one.file.close()
            counted += one.count
            if one.count:
                key = object_key(self.task, self.destination, self.wanted.number, folder, one.first, one.last)
                made.append(DumpObject(key, one.temporary))
            else:
                self.objects.temporary(one.temporary).unlink()
        if made:
            flush_file_folder(self.objects.temporary(made[0].temporary))
        return DumpRun(
            first=self.wanted.first,
            next=end,
            flushed_ms=self.wanted.flushed_ms,
            discarded=end - self.wanted.first - counted,
            destination=self.destination,
            objects=tuple(made),
        )

    def abort(self) -> None:
        """Close and remove the files."""
        for one in self.opened.values():
            with suppress(OSError, ValueError):  # its disk may be full
                one.file.abort()
            with suppress(OSError):
                self.objects.temporary(one.temporary).unlink(missing_ok=True)

    def _write(self, folder: str, first: int, last: int, datas: Sequence[bytes]) -> None:
        one = self.opened.get(folder)
        if one is None:
            temporary = f"{self.task.task_id}-{self.wanted.number}-{len(self.opened)}"
            file = self.open_file(self.objects.temporary(temporary))
            one = self.opened[folder] = _OpenObject(file, temporary, first, last)
        one.count += one.file.add(datas)
        one.last = last
