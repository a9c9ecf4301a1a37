"""Lines of a file, of standard input or of arguments, in blocks.

Rules:
1. A block holds the lines that could be read at once, without their line breaks.
2. An empty block says that no more lines came for a moment, so that what was read can be sent.
3. Memory is bounded: a line that is longer than ``LONGEST`` ends the command.
"""

from __future__ import annotations

import io
import os
import select
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import BinaryIO

from beam_dis.cli.exits import Failed

LONGEST = 64 * 1024 * 1024
_READ_BYTES = 256 * 1024
_IDLE_SECONDS = 0.1

Blocks = Iterable[list[bytes]]


def lines_of_arguments(values: Iterable[str]) -> Iterator[list[bytes]]:
    """The arguments as lines; bytes that aren't UTF-8 stay as they are."""
    yield [os.fsencode(value) for value in values]


def lines_of(source: BinaryIO, *, noticed: Callable[[int], object] = lambda _read: None) -> Iterator[list[bytes]]:
    """The lines of a file or a pipe.

    Args:
        source: a binary file, which isn't buffered already.
        noticed: is called with the number of bytes that are read so far.

    Raises:
        Failed: a line is too long.
    """
    rest: list[bytes] = []
    length = count = read = 0
    for data in _pieces(source):
        read += len(data)
        noticed(read)
        first, *lines = data.split(b"\n")
        rest.append(first)
        length += len(first)
        if lines:
            block = [b"".join(rest), *lines[:-1]]
            rest = [lines[-1]]
            length = len(rest[0])
            count += len(block)
            yield block
        elif not data:
            yield []
        if length > LONGEST:
            raise Failed(f"line {count + 1} has more than {LONGEST:,} bytes: is it a file of lines?")
    if length:
        yield [b"".join(rest)]


def csv_rows(blocks: Blocks) -> Iterator[list[bytes]]:
    """The same lines, but a line break in quotes belongs to its row, which may then have several.

    Raises:
        Failed: a row is too long.
    """
    parts: list[bytes] = []
    open_quote = False
    count = length = 0
    for block in blocks:
        if not open_quote and not any(b'"' in line for line in block):
            count += len(block)
            yield block
            continue
        rows = []
        for line in block:
            count += 1
            parts.append(line)
            length += len(line)
            open_quote ^= bool(line.count(b'"') % 2)
            if length > LONGEST:
                raise Failed(f"line {count} is in a row of more than {LONGEST:,} bytes: is a quote missing?")
            if not open_quote:
                rows.append(b"\n".join(parts))
                parts, length = [], 0
        yield rows
    if parts:
        yield [b"\n".join(parts)]


def without_first(blocks: Iterator[list[bytes]]) -> tuple[bytes, Iterator[list[bytes]]]:
    """The first line, and the others. Raises Failed if there is none."""
    for block in blocks:
        if block:
            return block[0], chain([block[1:]], blocks)
    raise Failed("the input is empty: csv begins with the names of the columns, unless with --no-header")


def _pieces(source: BinaryIO) -> Iterator[bytes]:
    """The bytes as they come; an empty piece if none came for a moment."""
    try:
        number = source.fileno()
    except io.UnsupportedOperation:
        while piece := source.read(_READ_BYTES):
            yield piece
        return
    while True:
        if not _is_ready(number, _IDLE_SECONDS):
            yield b""
            _is_ready(number, None)
        piece = os.read(number, _READ_BYTES)
        if not piece:
            return
        yield piece


def _is_ready(number: int, seconds: float | None) -> bool:
    """Whether something can be read, or the end has come. Files always are ready."""
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return bool(poll.poll(None if seconds is None else seconds * 1000))
