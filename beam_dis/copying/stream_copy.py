"""Copies all partitions of a stream, in rounds; see the rules of the package.

Rule 1: a round copies what the source had when it was listed. What arrived before each scaling of the source is copied, in all
partitions, before what arrived afterwards.
Rule 2: partitions are copied at the same time, a few of them. The first failure ends the copy.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, wait
from dataclasses import dataclass

from beam_dis.client import DISClient
from beam_dis.copying.partition_copy import CopyControl, PartitionCopy
from beam_dis.copying.partition_reader import PartitionReader
from beam_dis.copying.steady_rate import SteadyRate
from beam_dis.copying.target import CopyTarget, unread
from beam_dis.daemon_threads import DaemonThreads
from beam_dis.endpoints import is_local_dis
from beam_dis.errors import ConfigurationError, StreamRecreatedError
from beam_dis.names import checked_app, checked_bool, checked_stream
from beam_dis.wire.limits import THROUGHPUT
from beam_dis.wire.ranges import partition_number
from beam_dis.wire.streams import ACTIVE, StreamDescription

AT_A_TIME = 8
"""How many partitions are copied at the same time."""

DEFAULT_APP = "beam-dis-copy"
_POLL_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Copied:
    """What a copy did.

    Args:
        stream: the name of the source.
        target_stream: the name of the target.
        created: whether the target was created.
        partitions: how many partitions of the source had records.
        records: how many records were copied, and how many bytes of data they had.
        data_bytes: see ``records``.
        repeated: how many records were stored once more, after they were refused in part or an answer was lost.
        expired: how many records of the source had expired before they were copied.
    """

    stream: str
    target_stream: str
    created: bool
    partitions: int
    records: int
    data_bytes: int
    repeated: int
    expired: int


def copy_stream(
    source: DISClient,
    target: DISClient,
    stream: str,
    *,
    target_stream: str | None = None,
    app: str = DEFAULT_APP,
    follow: bool = False,
    stop: Callable[[], bool] | None = None,
    on_progress: Callable[[int, int], object] | None = None,
) -> Copied:
    """Copy a stream into another DIS, or under another name.

    A stream that isn't there is created like the source. A later copy of the same streams goes on where this one was, also if it
    was killed. Records are stored once, unless the target refuses a part of a request or its answer is lost: then those that came
    after a refused one may be there twice, and the last copies are in order.

    Args:
        source: the DIS to copy from.
        target: the DIS to copy to.
        stream: the name of the stream, or its id if another project shares it.
        target_stream: the name in the target; by default the same.
        app: the app of the target whose checkpoints say how far the copy is; it is created if it is missing.
        follow: go on with what arrives later, until ``stop`` returns True.
        stop: asked once a second; the copy ends after the requests that are under way.
        on_progress: called with the number of records that are done and of all, from several threads, one at a time.

    Raises:
        ConfigurationError: an argument is wrong, both streams are the same one, or the target is a copy of another stream.
        StreamNotFoundError: there is no such stream.
        StreamRecreatedError: the source was deleted and recreated.
        WriteError: the target has records that aren't of this copy, or refuses some.
    """
    copy = _StreamCopy(
        source, target, checked_stream("stream", stream), target_stream, checked_app("app", app), on_progress
    )
    try:
        copied = copy.run(follow=checked_bool("follow", follow), stop=stop or (lambda: False))
    except BaseException as error:
        copy.end(wait=isinstance(error, Exception))
        raise
    copy.end(wait=True)
    return copied


class _StreamCopy:
    """One run of a copy."""

    def __init__(
        self,
        source: DISClient,
        target: DISClient,
        stream: str,
        target_stream: str | None,
        app: str,
        on_progress: Callable[[int, int], object] | None,
    ) -> None:
        self._source = source
        self._stream = stream
        self._on_progress = on_progress
        self._stopped = threading.Event()
        self._threads = DaemonThreads(AT_A_TIME, "copy")
        self._copies: dict[str, PartitionCopy] = {}
        self._lock = threading.Lock()
        self._done = self._all = 0
        self._listing = source.describe_whole_stream(stream)
        name = self._listing.stream_name if target_stream is None else checked_stream("target_stream", target_stream)
        self._check_different(target, name)
        self._limited = not is_local_dis(target.connection.endpoint or "")
        self._target = CopyTarget(target, name, app=app, source_id=self._listing.stream_id, sleep=self._sleep)

    def run(self, *, follow: bool, stop: Callable[[], bool]) -> Copied:
        """Copy, and return what was done."""
        self._target.open(self._listing)
        self._round(self._listing, stop)
        while follow and not stop():
            self._sleep(_POLL_SECONDS)
            self._round(self._listed(), stop)
        counts = [copy.counts for copy in self._copies.values()]
        return Copied(
            stream=self._listing.stream_name,
            target_stream=self._target.stream,
            created=self._target.created,
            partitions=len(self._copies),
            records=sum(one.records for one in counts),
            data_bytes=sum(one.data_bytes for one in counts),
            repeated=sum(one.repeated for one in counts),
            expired=sum(one.expired for one in counts),
        )

    def end(self, *, wait: bool) -> None:
        """End the threads, and perhaps ``wait`` for the requests that are under way."""
        self._stopped.set()
        self._threads.shutdown(wait=wait, cancel_futures=True)

    def _check_different(self, target: DISClient, name: str) -> None:
        here, there = self._source.connection, target.connection
        same = (here.endpoint, here.project_id) == (there.endpoint, there.project_id)
        if same and name in {self._listing.stream_name, self._listing.stream_id, self._stream}:
            raise ConfigurationError(
                f"stream {name!r} can't be copied into itself: give another DIS or another project, or target_stream"
            )

    def _listed(self) -> StreamDescription:
        found = self._source.describe_whole_stream(self._stream)
        if found.stream_id != self._listing.stream_id:
            raise StreamRecreatedError(
                f"stream {self._stream!r} was deleted and recreated while it was copied: its id was {self._listing.stream_id!r} and"
                f" is now {found.stream_id!r}. Copy it into another stream"
            )
        return found

    def _round(self, listing: StreamDescription, stop: Callable[[], bool]) -> None:
        """Copy what the source has by a listing."""
        for partition in listing.partitions:
            if unread(partition) and partition.partition_id not in self._copies:
                copy = self._partition_copy(partition.partition_id)
                copy.start(unread(partition).start, unread(partition).stop)
                self._copies[partition.partition_id] = copy
        ends = {
            p.partition_id: unread(p).stop
            for p in listing.partitions
            if p.partition_id in self._copies and self._copies[p.partition_id].next < unread(p).stop
        }
        self._target.grow(
            {
                partition_number(p.partition_id)
                for p in listing.partitions
                if p.status == ACTIVE or p.partition_id in ends
            }
        )
        self._all = self._done + sum(end - self._copies[one].next for one, end in ends.items())
        for before_ms in _times_of_scalings(listing):
            self._copy(ends, before_ms, stop)
        if not self._stopped.is_set():
            self._target.close_like(listing)

    def _partition_copy(self, partition_id: str) -> PartitionCopy:
        reader = PartitionReader(self._source, self._stream, self._listing.stream_id, partition_id, sleep=self._sleep)
        limits = THROUGHPUT.get(self._target.stream_type, THROUGHPUT["COMMON"])
        rate = SteadyRate(limits, limited=self._limited, clock=time.monotonic, sleep=self._sleep)
        control = CopyControl(stopped=self._stopped, moved=self._moved, sleep=self._sleep)
        return PartitionCopy(partition_id, reader, self._target, rate, control)

    def _copy(self, ends: dict[str, int], before_ms: int | None, stop: Callable[[], bool]) -> None:
        """Copy the records of all partitions that arrived before a time; raises the first failure."""
        waiting = {self._threads.submit(self._copies[one].copy, end, before_ms) for one, end in ends.items()}
        while waiting:
            done, waiting = wait(waiting, timeout=_POLL_SECONDS, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
            if stop():
                self._stopped.set()

    def _moved(self, count: int) -> None:
        with self._lock:
            self._done += count
            if self._on_progress is not None:
                self._on_progress(self._done, max(self._all, self._done))

    def _sleep(self, seconds: float) -> None:
        self._stopped.wait(seconds)


def _times_of_scalings(listing: StreamDescription) -> Iterator[int | None]:
    """The times of the scalings of a stream, oldest first, and then None for what has arrived since."""
    yield from sorted(
        {update.create_timestamp for update in listing.update_partition_counts if update.result_code == 1}
    )
    yield None
