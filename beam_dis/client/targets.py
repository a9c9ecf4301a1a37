"""How requests name a stream: by its name, or by the id of one that another project shares.

Rules:

1. Only text that looks like an id costs a request, and only the first time.
2. A stream of one's own that happens to be named like an id is found by its name.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from beam_dis.client.dis_client import DISClient
from beam_dis.errors import StreamNotFoundError

_STREAM_ID = re.compile(r"[A-Za-z0-9]{19,20}")


class Target(NamedTuple):
    """A stream as requests name it; ``stream_id`` only for a stream of another project."""

    name: str
    stream_id: str | None


class Targets:
    """The targets of the streams that one client uses; thread-safe, since a repeated look-up does no harm."""

    def __init__(self, client: DISClient) -> None:
        self._client = client
        self._known: dict[str, Target] = {}

    def of(self, stream: str) -> Target:
        """The target of a stream's name or id. Raises StreamNotFoundError for an id that is neither."""
        if not _STREAM_ID.fullmatch(stream):
            return Target(stream, None)
        target = self._known.get(stream)
        if target is None:
            target = self._known[stream] = self._look_up(stream)
        return target

    def _look_up(self, stream: str) -> Target:
        try:
            self._client.describe_stream(stream, limit_partitions=1)
        except StreamNotFoundError:
            found = self._client.describe_stream(stream, stream_id=stream, limit_partitions=1)
            return Target(found.stream_name, stream)
        return Target(stream, None)
