"""One page of a long listing: which rows it shows, and the pages before and after it."""

from __future__ import annotations

from typing import NamedTuple

from beam_dis.local.console.queries import Fields
from beam_dis.local.console.settings import PAGE_ROWS


class Slice(NamedTuple):
    """The rows ``[start, end)`` of ``total``; pages are counted from 1."""

    start: int
    end: int
    total: int
    number: int
    pages: int


def slice_of(total: int, fields: Fields, rows: int = PAGE_ROWS) -> Slice:
    """The page that a query asks for by ``page``; the last one if there are fewer."""
    pages = max(1, -(-total // rows))
    number = min(fields.whole("page", 1, least=1), pages)
    start = (number - 1) * rows
    return Slice(start, min(total, start + rows), total, number, pages)
