"""How many numbers a page covers, and how many bytes they have, by the pages that were read of a partition or else of its stream.

These are estimates. A wrong one costs a request or some bytes, and races between threads only blur them.
"""

from __future__ import annotations

from typing import NamedTuple

from beam_dis.stream_service import PAGE_MEMORY_BYTES, Page, ReadPosition

RECORD_BYTES = 240
"""Memory of a record besides its data: 230 to 245 bytes were measured (resident memory, CPython 3.11)."""

_MARGIN = 1.05
_MOST_MARGIN = 1.5
"""Records differ in size, and a service may count more than their data: a request for some of them asks for at least and at most so
many times the bytes that they probably have. What is in between is learnt from pages that came short."""

_NEARLY = 0.6
"""A page that has less than this part of the bytes that were requested came short for another reason."""


def memory_of(page: Page) -> int:
    """The bytes of memory that a page takes."""
    return page.data_bytes + RECORD_BYTES * (len(page.records) + 1)


class _Size(NamedTuple):
    """The data and the memory of a number on average, in bytes, and how many numbers the largest page covered."""

    data: float
    memory: float
    largest: int


class PageSizes:
    """The sizes of pages of at most ``page_bytes``, by partition and by stream."""

    def __init__(self, page_bytes: int) -> None:
        self._page_bytes = page_bytes
        self._sizes: dict[str | tuple[str, str], _Size] = {}
        self._margin = _MARGIN

    def note(self, position: ReadPosition, stop: int, page: Page) -> None:
        """A page with records was read at a position, for the numbers up to a stop."""
        requested, end = self.bytes_to_request(position, stop), page.records[-1].sequence_number + 1
        if end < stop and requested * _NEARLY < page.data_bytes and requested < self._page_bytes:
            self._margin = min(self._margin * _MARGIN, _MOST_MARGIN)
        numbers = end - position.sequence_number
        for key in (position.partition, position.stream_id):
            before = self._sizes.get(key)
            largest = max(numbers, before.largest if before else 0)
            self._sizes[key] = _Size(page.data_bytes / numbers, memory_of(page) / numbers, largest)

    def numbers_in_a_page(self, position: ReadPosition) -> int | None:
        """How many numbers a full page after a position covers; None if no page of its stream was read."""
        size = self._find(position)
        if size is None:
            return None
        most = int(min(self._page_bytes / max(size.data, 1), PAGE_MEMORY_BYTES / size.memory))
        return max(1, size.largest if most // 2 < size.largest <= most else most)

    def bytes_to_request(self, position: ReadPosition, stop: int) -> int:
        """How many bytes to request for the numbers from a position to a stop: those of a page at most."""
        size = self._find(position)
        if size is None:
            return self._page_bytes
        left = (stop - position.sequence_number) * size.data * self._margin
        return max(1, min(self._page_bytes, int(left)))

    def _find(self, position: ReadPosition) -> _Size | None:
        return self._sizes.get(position.partition) or self._sizes.get(position.stream_id)
