"""What every format does around writing a value: a second look at numpy's scalars and enum members, and one error.

Law: values of Python's own types pay nothing for it; only a value that can't be written as it is gets the second look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from beam_dis.errors import EncodeError
from beam_dis.formats.misfit import Misfit, shown


def encoded(write: Callable[[Any], bytes], value: Any) -> bytes:
    """The bytes that ``write`` makes of ``value``; EncodeError where it can't, by Misfit or TypeError."""
    try:
        return _written(write, value)
    except Misfit as misfit:
        raise misfit.encode_error() from misfit
    except (TypeError, UnicodeEncodeError, RecursionError) as error:
        raise EncodeError(f"{shown(value)} can't be written: {error}") from error


def _written(write: Callable[[Any], bytes], value: Any) -> bytes:
    try:
        return write(value)
    except (Misfit, TypeError):
        return write(_unboxed(value))


def _unboxed(value: Any) -> Any:
    """``value`` with Python's own numbers and text in it instead of numpy's (which have ``item``) and of enum members."""
    if isinstance(value, Mapping):
        return {_unboxed(key): _unboxed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_unboxed(item) for item in value]
    if isinstance(value, Enum):
        return value.value
    return value.item() if type(value).__module__ == "numpy" and hasattr(value, "item") else value
