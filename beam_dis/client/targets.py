"""How requests name a stream: by its name, or by the id of a stream that another project shares.

Rules:

1. Only text that has the form of an id takes a request to find out, and only the first time.
2. A stream of this project whose name has the form of an id is found by its name.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from beam_dis.client.dis_client import DISClient
from beam_dis.errors import StreamNotFoundError

_STREAM_ID = re.compile(r"[A-Za-z0-9]{19,20}")


class StreamTarget(NamedTuple):
    """The fields that name a stream in a request; ``stream_id`` is set only for a stream of another project."""

    name: str
    stream_id: str | None


class Targets:
    """The targets of the streams that one client uses; thread-safe, because looking one up twice does no harm."""

    def __init__(self, client: DISClient) -> None:
        self._client = client
        self._known: dict[str, StreamTarget] = {}

    def of(self, stream: str) -> StreamTarget:
        """Return the target of a stream's name or id.

        Raises:
            StreamNotFoundError: the text has the form of an id, and is neither the name nor the id of a stream.
        """
        if not _STREAM_ID.fullmatch(stream):
            return StreamTarget(stream, None)
        target = self._known.get(stream)
        if target is None:
            target = self._known[stream] = self._look_up(stream)
        return target

    def _look_up(self, stream: str) -> StreamTarget:
        try:
            self._client.describe_stream(stream, limit_partitions=1)
        except StreamNotFoundError:
            found = self._client.describe_stream(stream, stream_id=stream, limit_partitions=1)
            return StreamTarget(found.stream_name, stream)
        return StreamTarget(stream, None)
