"""The quotes around cells of CSV, as in RFC 4180.

Rules:
1. A cell is written in quotes only if it must be: because of a delimiter, a quote, a line break, or a byte order mark at its start.
2. A cell that doesn't begin with a quote may have quotes inside, which are text.
"""

from __future__ import annotations

import csv
import re

from beam_dis.errors import DecodeError
from beam_dis.formats.byte_order_mark import TEXT_MARK
from beam_dis.plain_values import shown


class Quotes:
    """Splits rows that have quotes into cells, and puts texts in quotes.

    Args:
        delimiter: one character or several.
        null: the text of a null.
    """

    def __init__(self, delimiter: str, null: str) -> None:
        self._delimiter = delimiter
        self._null, self._quoted_null = null, f'"{null}"'
        is_for_csv = len(delimiter) == 1 and delimiter != "\0"
        self._dialect = csv.reader((), delimiter=delimiter, strict=True).dialect if is_for_csv else None
        escaped = re.escape(delimiter)
        other = rf"[^{escaped}\r\n]*" if len(delimiter) == 1 else rf"(?:(?!{escaped})[^\r\n])*"
        cell = rf'("[^"]*(?:""[^"]*)*"|(?!"){other}){escaped}'
        self._cell = re.compile(rf"{cell}|(?s:.+)")  # what is no cell is one piece, so that no text is searched twice

    def quoted(self, text: str) -> str:
        """A text as a cell, in quotes if it must be."""
        must = splits(text, self._delimiter) or '"' in text or "\n" in text or "\r" in text or text[:1] == TEXT_MARK
        return '"' + text.replace('"', '""') + '"' if must else text

    def split(self, text: str) -> tuple[list[str], list[str], bool]:
        """The cells of a row.

        Returns:
            The cells with their quotes, the cells without, and whether one in quotes is empty or looks like null. If not, the first list
            may be the second, since only these cells depend on their quotes.

        Raises:
            DecodeError: a quote is missing or is inside of a cell.
        """
        simple = self._split_by_csv(text)
        if simple is not None:
            return simple, simple, False
        raw: list[str] = self._cell.findall(text + self._delimiter)
        if sum(map(len, raw)) + len(raw) * len(self._delimiter) != len(text) + len(self._delimiter):
            raise DecodeError(f"not a row of CSV, a quote is missing or is inside of a cell: {shown(text)}")
        cells = [cell[1:-1].replace('""', '"') if cell[:1] == '"' else cell for cell in raw]
        return raw, cells, '""' in raw or self._quoted_null in raw

    def _split_by_csv(self, text: str) -> list[str] | None:
        """The cells as Python's csv reads them; None if it may read them differently, or a cell in quotes may be empty or null.

        It drops a line break at the end, and takes a delimiter of one character and cells up to a length.
        """
        if self._dialect is None or "\n" in text or "\r" in text or (self._null and self._quoted_null in text):
            return None
        try:
            cells = next(csv.reader((text,), self._dialect))
        except csv.Error:
            return None
        return None if '""' in text and "" in cells else cells


def splits(text: str, delimiter: str) -> bool:
    """Whether a delimiter is found in a text, or at its end too early: a ``:`` before ``::`` looks like a part of it."""
    return delimiter in text + delimiter[:-1]
