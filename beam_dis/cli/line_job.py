"""Puts all lines of an input: numbers them, makes their records, and keeps to a rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from beam_dis.cli.line_input import Blocks
from beam_dis.cli.line_values import Values
from beam_dis.cli.line_writer import Line, LineWriter
from beam_dis.errors import DISError
from beam_dis.record import PutRecord

SLICES = 10
"""With a rate, so many times per second lines are sent."""


class LineJob:
    """The lines of one input.

    Args:
        blocks: the lines, without a header.
        values_of: makes the data and the key of each line; None sends lines as they are.
        partition: the partition of all records; None lets their keys or the service choose.
        skip: the number of the last line that is left out.
        first: the number of the first line.

    Attributes:
        number: the number of the last line that was put or left out.
        empty: how many lines were empty.
    """

    def __init__(
        self, blocks: Blocks, values_of: Values | None, *, partition: str | None = None, skip: int = 0, first: int = 1
    ) -> None:
        self._blocks = blocks
        self._values_of = values_of
        self._partition = partition
        self._last_skipped = skip
        self._next = first
        self.number = first - 1
        self.empty = 0

    def run(self, writer: LineWriter) -> None:
        """Put all lines. Raises DISError if the writing ends because of a failure."""
        for block in self._blocks:
            for text in block:
                number = self._next
                self._next = number + 1 + (text.count(b"\n") if self._values_of is not None else 0)
                if not text or text == b"\r":
                    self.empty += number > self._last_skipped
                elif number > self._last_skipped:
                    self._put(writer, Line(number, text))
                self.number = number
            if not block:
                writer.flush()

    def _put(self, writer: LineWriter, line: Line) -> None:
        if self._values_of is None:
            writer.put(line, PutRecord(line.text, None, None, self._partition))
            return
        try:
            data, key = self._values_of(line.text)
        except DISError as error:
            writer.fail(line, str(error))
            return
        writer.put(line, PutRecord(data, key, None, self._partition))


def paced(
    blocks: Blocks,
    rate: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[list[bytes]]:
    """The same lines in smaller blocks, at most ``rate`` lines per second; an empty block follows each, so that it is sent."""
    size = max(1, int(rate / SLICES))
    due = clock()
    for block in blocks:
        for start in range(0, len(block), size):
            part = block[start : start + size]
            pause = due - clock()
            if pause > 0:
                sleep(pause)
            due = max(due, clock()) + len(part) / rate
            yield part
            yield []
        if not block:
            yield block
