"""The coder of records as rows of one field, ``payload``."""

from __future__ import annotations

from functools import partial
from typing import Any

from beam_dis.coders.row_coders import RowsCoder
from beam_dis.coders.row_values import RowValues
from beam_dis.formats.payloads import PayloadFormat


class PayloadCoder(RowsCoder):
    """Bytes, or with ``text`` UTF-8 text, as rows with the one field ``payload``.

    Args:
        text: whether the field is text.
        compression: ``"gzip"``, ``"snappy"`` or ``"zip"`` if records are compressed.
    """

    def __init__(self, *, text: bool, compression: str | None = None) -> None:
        values = RowValues()
        super().__init__(PayloadFormat(values, text=text), values, text=text, compression=compression)

    def __reduce__(self) -> Any:
        return partial(PayloadCoder, **self._settings), ()
