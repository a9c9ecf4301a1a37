"""What a writer knows of the streams that it writes to: their descriptions.

Rules:
1. A stream is described once, and again after ten minutes, so that a stream that is scaled is followed.
2. A stream that was refused as missing or not running, and takes records again, is described again: it may have been recreated
   with another schema.
3. A stream without partitions to write to is being created. Its description is used for a few seconds, and so is the former
   description if a new one fails.
4. A stream that doesn't exist is asked for once a bundle, since it may be created later.
5. The table of ``beam_dis.outages`` says for how long a failed description is waited out. If this process has written to the
   stream before, a refusal may pass.
6. Time and sleep are parameters. Used by one thread at a time, except for the function that ``watched`` returns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic, sleep

from beam_dis.errors import DISError, StreamNotFoundError, StreamNotRunningError
from beam_dis.outages import FailureSeries
from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, StreamListing, WriteLimits, Written
from beam_dis.write.deliverer import Write

FRESH_SECONDS = 600.0
SOON_SECONDS = 5.0

_LONGEST_PAUSE = 2.0


class Streams:
    """The descriptions of streams, by the name or id that they are written by.

    Args:
        describe: asks the service for a description.
        written: whether this process has written to a stream before.
        clock: seconds, monotonic.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        describe: Callable[[str], StreamListing],
        *,
        written: Callable[[str], bool] = lambda _stream: False,
        clock: Callable[[], float] = monotonic,
        sleep: Callable[[float], object] = sleep,
    ) -> None:
        self._describe = describe
        self._written = written
        self._clock = clock
        self._sleep = sleep
        self._known: dict[str, tuple[StreamListing, float]] = {}
        self._missing: dict[str, StreamNotFoundError] = {}
        self._refused: set[str] = set()
        self._back: set[str] = set()

    def watched(self, write: Write) -> Write:
        """The same function, which also notes streams that are refused, and those that take records again."""

        def note_and_write(stream: str, records: Sequence[PutRecord]) -> list[Written | NotWritten]:
            try:
                answers = write(stream, records)
            except (StreamNotFoundError, StreamNotRunningError):
                self._refused.add(stream)
                raise
            if stream in self._refused:
                self._refused.discard(stream)
                self._back.add(stream)
            return answers

        return note_and_write

    def limits(self, stream: str) -> WriteLimits:
        """The limits of a request to a stream. Raises as ``listing`` does."""
        return self.listing(stream).limits

    def listing(self, stream: str) -> StreamListing:
        """The description of a stream.

        Raises:
            StreamNotFoundError: there is no such stream.
            DISError: the service refused to describe it, or gave no answer.
        """
        known, until = self._known.get(stream, (None, 0.0))
        if known is not None and self._clock() < until and stream not in self._back:
            return known
        if stream in self._missing:
            raise self._missing[stream]
        self._back.discard(stream)
        try:
            listing = self._described(stream) if known is None else self._describe(stream)
        except DISError as error:
            if known is None:
                if isinstance(error, StreamNotFoundError):
                    self._missing[stream] = error
                raise
            listing, seconds = known, SOON_SECONDS
        else:
            takes_records = any(partition.writable for partition in listing.partitions)
            seconds = FRESH_SECONDS if takes_records else SOON_SECONDS
        self._known[stream] = listing, self._clock() + seconds
        return listing

    def forget_missing(self) -> None:
        """Ask again for the streams that didn't exist: a new bundle begins."""
        self._missing.clear()

    def _described(self, stream: str) -> StreamListing:
        failures = FailureSeries(endless=False, longest_pause=_LONGEST_PAUSE, clock=self._clock)
        while True:
            began = self._clock()
            try:
                return self._describe(stream)
            except DISError as error:
                took = self._clock() - began
                pause = failures.pause_after(error, worked=self._written(stream), took=took)
                if pause is None:
                    raise
            self._sleep(pause)
