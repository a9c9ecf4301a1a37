"""Puts dead letters into their streams again.

Rules:

1. A letter's data goes where its key belongs, and letters of a key stay in their order.
2. A letter that can't be put, or that the service refuses again, is a failure, and the others go on.
3. A stream that isn't there fails its letters only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable

from beam_dis.cli.line_writer import Line, LineWriter
from beam_dis.dead_letter import DeadLetter
from beam_dis.errors import DecodeError, EncodeError, StreamNotFoundError
from beam_dis.names import is_stream_name
from beam_dis.plain_values import shown
from beam_dis.record import PutRecord
from beam_dis.record_checks import checked_record
from beam_dis.stream_service import StreamService
from beam_dis.write.batching import RequestOptions


class LetterReplay:
    """One replay; used by one thread.

    Args:
        service: the DIS.
        stream: the stream that all letters go to; None for that of each letter.
        failed: is called with each letter that wasn't put, and the reason, by one thread at a time.

    Attributes:
        done: the number of the last letter that was put or has failed.
    """

    def __init__(self, service: StreamService, *, stream: str | None, failed: Callable[[Line, str], object]) -> None:
        self.done = 0
        self._service = service
        self._stream = stream
        self._failed = failed
        self._lock = threading.Lock()
        self._unsent = 0
        self._writers: dict[str, LineWriter | StreamNotFoundError] = {}

    @property
    def written(self) -> int:
        """How many letters are written."""
        return sum(writer.written for writer in self._open())

    @property
    def failures(self) -> int:
        """How many letters have failed again."""
        return self._unsent + sum(writer.failures for writer in self._open())

    def put_all(self, lines: Iterable[Line]) -> None:
        """Put all letters, and wait for the results. Raises DISError for a failure that is no letter's fault."""
        for line in lines:
            try:
                self._put(line)
            except (DecodeError, EncodeError, StreamNotFoundError) as error:
                self._unsent += 1
                self._fail(line, str(error))
            self.done = line.number
        for writer in self._open():
            writer.finish()

    def stop(self) -> None:
        """Put nothing more, and report the letters that are left."""
        for writer in self._open():
            writer.stop()

    def _put(self, line: Line) -> None:
        letter = DeadLetter.from_json(line.text)
        stream = self._stream or letter.stream
        if letter.data is None:
            raise EncodeError("the letter has no data: its element never became a record")
        if stream is None:
            raise EncodeError("the letter names no stream: give --stream")
        if not is_stream_name(stream):
            raise EncodeError(f"the letter names stream {shown(stream)}, which is no name of a stream: give --stream")
        self._writer(stream).put(line, checked_record(PutRecord(letter.data, letter.partition_key)))

    def _writer(self, stream: str) -> LineWriter:
        if stream not in self._writers:
            self._writers[stream] = self._new_writer(stream)
        writer = self._writers[stream]
        if isinstance(writer, StreamNotFoundError):
            raise writer
        return writer

    def _new_writer(self, stream: str) -> LineWriter | StreamNotFoundError:
        try:
            listing = self._service.describe(stream)
        except StreamNotFoundError as error:
            return error
        return LineWriter(self._service, listing, options=RequestOptions(), ordered=True, failed=self._fail)

    def _open(self) -> list[LineWriter]:
        return [writer for writer in self._writers.values() if isinstance(writer, LineWriter)]

    def _fail(self, line: Line, reason: str) -> None:
        with self._lock:  # each stream has a writer with threads of its own
            self._failed(line, reason)
