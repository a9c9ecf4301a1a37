"""The first step of ReadAllFromDIS: each element of the input becomes a stream to read, with an id of its own.

Rules:

1. Two elements may name the same stream: each is read by itself. So what a process shares about a read is kept by the ids.
2. On Prism a stream holds back the watermark from this step on, because the partitions of a stream that is listed first would
   otherwise make the records of the others late.
3. With an app a stream may be there once: see ``process/stream_claims.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import apache_beam as beam

from beam_dis.read.process.registry import Registry, this_process
from beam_dis.read.values import StreamStart, stream_start


class NameStreamsFn(beam.DoFn):
    """A stream's name or id, or ``(name, start)`` → a StreamStart with an input id."""

    def __init__(
        self,
        *,
        read_id: str,
        holds_watermarks: bool | None = None,
        registry: Callable[[], Registry] = this_process,
        new_id: Callable[[], str] = lambda: uuid4().hex,
    ) -> None:
        self._read_id = read_id
        self._holds_watermarks = holds_watermarks
        self._registry = registry
        self._new_id = new_id

    def setup(self) -> None:
        self._board = self._registry().enter_read(self._read_id, self).board

    def teardown(self) -> None:
        self._registry().leave(self)

    def process(self, element: Any) -> Iterator[StreamStart]:
        """Give an element its id."""
        stream = stream_start(element)._replace(input_id=self._new_id())
        if self._holds_watermarks is False:
            self._board.expect(stream.listing_key)
        yield stream
