"""The error for the writer of an element that can't be written: it names the field, also that of a text that can't be UTF-8."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from beam_dis.errors import EncodeError
from beam_dis.formats.mismatch import ValueMismatch, brief
from beam_dis.formats.scalars import mapping_of, python_value
from beam_dis.plain_values import shown


def refusal(value: Any, error: Exception) -> EncodeError:
    """The error for an element, made of the one that it failed with."""
    mismatch = error if isinstance(error, ValueMismatch) else None
    if isinstance(error, UnicodeEncodeError):  # raised for the whole record
        mismatch = _wrong_text(value)
    if mismatch is not None:
        return mismatch.encode_error()
    return EncodeError(f"{shown(value)} can't be written: {brief(error)}")


def _wrong_text(value: Any) -> ValueMismatch | None:
    """The mismatch of the first text inside of a value that has half of a surrogate pair."""
    plain = python_value(value)
    if type(plain) is str:
        return _half_a_pair(plain)
    fields = mapping_of(plain)
    if fields is None:
        items: Iterable[Any] = enumerate(plain) if isinstance(plain, (list, tuple)) else ()
    else:
        items = fields.items()
    for key, item in items:
        mismatch = _wrong_text(item) or (None if fields is None else _wrong_text(key))
        if mismatch is not None:
            return mismatch.inside(f".{key}" if fields is not None and str(key).isidentifier() else f"[{key!r}]")
    return None


def _half_a_pair(text: str) -> ValueMismatch | None:
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return ValueMismatch(brief(error))
    return None
