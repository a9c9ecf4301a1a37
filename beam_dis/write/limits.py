"""What a request to a stream may hold, asked once.

Law: no Beam; used by one thread. A limit that was learnt stays; a stream that isn't there is asked for once a bundle.
"""

from __future__ import annotations

from collections.abc import Callable

from beam_dis.errors import StreamNotFoundError
from beam_dis.stream_service import StreamListing, WriteLimits


class StreamLimits:
    """The limits of each stream by its description; raises StreamNotFoundError."""

    def __init__(self, describe: Callable[[str], StreamListing]) -> None:
        self._describe = describe
        self._known: dict[str, WriteLimits] = {}
        self._missing: dict[str, StreamNotFoundError] = {}

    def __call__(self, stream: str) -> WriteLimits:
        """The limits of a stream by its name or id."""
        limits = self._known.get(stream)
        return self._ask(stream) if limits is None else limits

    def forget_missing(self) -> None:
        """A new bundle: what was missing may be there now."""
        self._missing.clear()

    def _ask(self, stream: str) -> WriteLimits:
        if stream in self._missing:
            raise self._missing[stream]
        try:
            limits = self._known[stream] = self._describe(stream).limits
        except StreamNotFoundError as error:
            self._missing[stream] = error
            raise
        return limits
