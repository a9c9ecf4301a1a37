"""The byte order mark, which some editors and exports write in front of text.

Rules:
1. That of UTF-8 is dropped, once: one after it is part of the text.
2. Text in UTF-16 or UTF-32 is refused by name, because records are UTF-8.
"""

from __future__ import annotations

import codecs

from beam_dis.errors import DecodeError

TEXT_MARK = "\ufeff"

_OTHER_ENCODINGS = {  # UTF-32 first, since its little-endian mark begins with that of UTF-16
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_OTHER_MARKS = tuple(_OTHER_ENCODINGS)


def without_mark(data: bytes) -> bytes:
    """The bytes of UTF-8 text without a byte order mark in front."""
    return data.removeprefix(codecs.BOM_UTF8)


def refuse_other_encoding(data: bytes) -> None:
    """Raises DecodeError if text that isn't UTF-8 begins with the mark of another encoding."""
    if not data.startswith(_OTHER_MARKS):
        return
    for mark, encoding in _OTHER_ENCODINGS.items():
        if data.startswith(mark):
            raise DecodeError(f"the text is {encoding}, by its byte order mark: records are UTF-8")
