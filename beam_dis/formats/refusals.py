"""The error for the writer of an element that can't be written: it names the field, also that of a text that can't be UTF-8."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from beam_dis.errors import EncodeError
from beam_dis.formats.mismatch import ValueMismatch, brief
from beam_dis.formats.scalars import mapping_of, python_value
from beam_dis.plain_values import shown

_WITHOUT_TEXT = frozenset({int, float, bool, bytes, type(None)})


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
    items, named = _items(value)
    for key, item in items:
        mismatch, kind = None, type(item)
        if kind not in _WITHOUT_TEXT and not (kind is str and item.isascii()):
            plain = python_value(item)
            mismatch = _half_a_pair(plain) if type(plain) is str else _wrong_text(plain)
        if mismatch is None and named and not (type(key) is str and key.isascii()):
            mismatch = _half_a_pair(str(python_value(key)))
        if mismatch is not None:
            return mismatch.inside(f".{key}" if named and str(key).isidentifier() else f"[{key!r}]")
    return None


def _items(value: Any) -> tuple[Iterable[tuple[Any, Any]], bool]:
    """The values inside of a value, with their indexes or their names, and whether they have names."""
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return zip(value._fields, value, strict=True), True
    if isinstance(value, (list, tuple)):
        return enumerate(value), False
    fields = mapping_of(value)
    return ((), False) if fields is None else (fields.items(), True)


def _half_a_pair(text: str) -> ValueMismatch | None:
    if text.isascii():
        return None
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return ValueMismatch(brief(error))
    return None
