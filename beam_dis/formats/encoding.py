"""Turns the failures of a format's writer into EncodeError, after a second attempt with plain values.

Rules:
1. A value that can't be written as it is may hold numpy's scalars or enum members: it is written again with Python's own
   numbers and text in their place.
2. Values of Python's own types pay nothing for this: only a failure causes the second attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from beam_dis.errors import EncodeError
from beam_dis.formats.mismatch import ValueMismatch, shown


def encoded(write: Callable[[Any], bytes], value: Any) -> bytes:
    """The bytes of ``value``. Raises EncodeError."""
    try:
        return _written(write, value)
    except ValueMismatch as mismatch:
        raise mismatch.encode_error() from mismatch
    except (TypeError, UnicodeEncodeError, RecursionError) as error:
        raise EncodeError(f"{shown(value)} can't be written: {error}") from error


def _written(write: Callable[[Any], bytes], value: Any) -> bytes:
    try:
        return write(value)
    except (ValueMismatch, TypeError):
        return write(_plain_python(value))


def _plain_python(value: Any) -> Any:
    """``value`` with Python's numbers and text in place of numpy's scalars (which have ``item``) and of enum members."""
    if isinstance(value, Mapping):
        return {_plain_python(key): _plain_python(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain_python(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return value.item() if type(value).__module__ == "numpy" and hasattr(value, "item") else value
