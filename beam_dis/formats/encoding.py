"""Turns the failures of a format's writer into EncodeError, after a second attempt with plain values.

Rules:
1. A value that can't be written as it is may contain subclasses of the types that are written, or numpy's values: it is
   written again with plain values (``beam_dis.plain_values``) in their place.
2. Then a float is taken for an int if it is integral, as pandas makes floats of a column of ints with a gap.
3. Values of Python's own types pay nothing for this: only a failure causes the second attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from beam_dis.errors import EncodeError
from beam_dis.formats.conversions import conversion_of
from beam_dis.formats.mismatch import ValueMismatch
from beam_dis.formats.scalars import INTEGERS, whole
from beam_dis.formats.schema import RecordType
from beam_dis.plain_values import plain_value, shown


class RecordWriter:
    """Writes the values of a record type with the function of a format."""

    def __init__(self, record: RecordType, write: Callable[[Any], bytes]) -> None:
        self._write = write
        self._with_whole_numbers = conversion_of(record, lambda name: whole if name in INTEGERS else None)

    def encode(self, value: Any) -> bytes:
        """The bytes of ``value``. Raises EncodeError."""
        try:
            return self._written(value)
        except ValueMismatch as mismatch:
            raise mismatch.encode_error() from mismatch
        except Exception as error:
            raise EncodeError(f"{shown(value)} can't be written: {error}") from error

    def _written(self, value: Any) -> bytes:
        try:
            return self._write(value)
        except (ValueMismatch, TypeError):
            again = _plain_tree(value)
            return self._write(again if self._with_whole_numbers is None else self._with_whole_numbers(again))


def _plain_tree(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {plain_value(key): _plain_tree(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain_tree(item) for item in value]
    return plain_value(value)
