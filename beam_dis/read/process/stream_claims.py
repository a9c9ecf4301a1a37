"""Refuses a stream that is in the input of a read with an app twice, because an app has only one position in a stream.

Rules:

1. The two are found by the stream's id, since one may be given by name and the other by id.
2. A claim that isn't repeated for a minute is over, because an element that comes again after a failure may have another id.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from beam_dis.errors import ConfigurationError
from beam_dis.read.values import StreamStart

CLAIM_SECONDS = 60.0


class StreamClaims:
    """Which element of the input reads a stream for an app, by stream id; ``clock`` in seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._claims: dict[str, tuple[str, float]] = {}

    def claim(self, stream: StreamStart, stream_id: str, app: str) -> None:
        """Claim a stream for an element. Raises ConfigurationError if another element reads it."""
        now = self._clock()
        holder, since = self._claims.get(stream_id, (stream.input_id, now))
        if holder != stream.input_id and now - since < CLAIM_SECONDS:
            raise ConfigurationError(
                f"stream {stream.stream!r} is in the input of ReadAllFromDIS(app={app!r}) twice, by its name or id, but an app"
                " has only one position in a stream: give each stream once, or use two transforms with an app each"
            )
        self._claims[stream_id] = stream.input_id, now
