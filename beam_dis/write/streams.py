"""What a writer knows of the streams that it writes to: their descriptions.

Rules:
1. A stream is described once, and again after ten minutes, so that a stream that is scaled is followed. If that fails, the
   former description is used.
2. A stream that doesn't exist is asked for once a bundle, since it may be created later.
3. The table of ``beam_dis.outages`` says for how long a failed description is waited out. If this process has written to the
   stream before, a refusal may pass.
4. Time and sleep are parameters. Used by one thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, sleep

from beam_dis.errors import DISError, StreamNotFoundError
from beam_dis.outages import FailureSeries
from beam_dis.stream_service import StreamListing, WriteLimits

FRESH_SECONDS = 600.0

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

    def limits(self, stream: str) -> WriteLimits:
        """The limits of a request to a stream. Raises as ``listing`` does."""
        return self.listing(stream).limits

    def listing(self, stream: str) -> StreamListing:
        """The description of a stream.

        Raises:
            StreamNotFoundError: there is no such stream.
            DISError: the service refused to describe it, or gave no answer.
        """
        known = self._known.get(stream)
        if known is not None and self._clock() < known[1] + FRESH_SECONDS:
            return known[0]
        if stream in self._missing:
            raise self._missing[stream]
        try:
            listing = self._describe(stream) if known is not None else self._described(stream)
        except StreamNotFoundError as error:
            if known is None:
                self._missing[stream] = error
                raise
            listing = known[0]
        except DISError:
            if known is None:
                raise
            listing = known[0]
        self._known[stream] = listing, self._clock()
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
