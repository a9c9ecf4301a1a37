"""ValueMismatch: a value that doesn't fit its schema, and where it is. Used inside ``formats`` and ``coders`` only.

Rules:
1. Users never see it: ``decode`` turns it into a DecodeError, ``encode`` into an EncodeError.
2. A path reads as in Python: ``info[0].date``. ``m[...]`` is some entry of a map.
3. A message shows at most 200 characters of a value, and takes no time for the rest of it. It shows at most 200 of a path, which
   may be long: keys of maps are in it, and a record may contain itself thousands of times.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from typing import Any

import msgspec

from beam_dis.errors import DecodeError, EncodeError
from beam_dis.plain_values import shown

_LONGEST_REASON = 200
_LONGEST_PATH = 200
_LOCATED = re.compile(r"^(?P<reason>.*) - at `\$(?P<path>.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_NOT_FOUND = object()

FAULTS = (LookupError, ValueError, TypeError, OverflowError, ArithmeticError, AttributeError, struct.error)
"""What reading or converting a wrong value may raise besides ValueMismatch."""


class ValueMismatch(Exception):  # noqa: N818 - becomes an error of the package before users see it
    """A value that doesn't fit; ``path`` leads to it from the value at hand."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path

    def inside(self, step: str) -> ValueMismatch:
        """The same mismatch with a path that begins one step further out."""
        return ValueMismatch(self.reason, step + self.path)

    @property
    def field(self) -> str:
        """The path without its leading dot; of a long one, its start and its end."""
        path = self.path.removeprefix(".")
        return path if len(path) <= _LONGEST_PATH else f"{path[: _LONGEST_PATH // 2]}…{path[-_LONGEST_PATH // 2 :]}"

    def decode_error(self) -> DecodeError:
        """The error for the reader of the record."""
        return DecodeError(self.reason, field=self.field)

    def encode_error(self) -> EncodeError:
        """The error for the writer of the element."""
        return EncodeError(f"field {self.field!r}: {self.reason}" if self.field else self.reason)


def brief(error: BaseException) -> str:
    """What an error says, cut to a length; without the value that a UnicodeError carries."""
    return _cut(str(error) or type(error).__name__)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + "…"


def at_step(error: Exception, step: str) -> ValueMismatch:
    """A fault that happened one step further in, as a mismatch with that step before its path."""
    if isinstance(error, ValueMismatch):
        return error.inside(step)
    return ValueMismatch(reason_of(error), step)


def reason_of(error: Exception) -> str:
    """What is wrong, in words; the errors of Python's own functions say it in theirs."""
    if isinstance(error, (IndexError, struct.error)):
        return "the record ends before the value does"
    return brief(error)


def expected(what: str, value: Any) -> ValueMismatch:
    """The mismatch of a value of a wrong type."""
    shown_value = "" if isinstance(value, (dict, list)) else f": {shown(value)}"
    return ValueMismatch(f"Expected `{what}`, got `{json_type(value)}`{shown_value}")


def json_type(value: Any) -> str:
    """The name of a value's type as messages have it: JSON's for null, objects and arrays, Python's for the rest."""
    if value is None:
        return "null"
    names: dict[type, str] = {dict: "object", list: "array", tuple: "array"}
    return names.get(type(value), type(value).__name__)


def mismatch_of(error: msgspec.MsgspecError, parse: Callable[[], Any] | None = None) -> ValueMismatch:
    """An error of msgspec as a mismatch, with the value that is wrong if it can be found.

    Args:
        error: what msgspec raised.
        parse: returns the value that the error is about, without types.
    """
    match = _LOCATED.match(str(error))
    reason, path = (match["reason"], match["path"]) if match else (str(error), "")
    reason = _cut(reason.replace("int | float", "int"))  # it has the whole value of an unknown symbol
    if parse is None or not match:
        return ValueMismatch(reason, path)
    try:
        wrong = _at(parse(), path)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ValueMismatch(reason, path)
    if wrong is _NOT_FOUND or isinstance(wrong, (dict, list)):
        return ValueMismatch(reason, path)
    return ValueMismatch(f"{reason}: {shown(wrong)}", path)


def _at(value: Any, path: str) -> Any:
    if "[...]" in path:
        return _NOT_FOUND
    try:
        for name, index in _STEP.findall(path):
            value = value[name] if name else value[int(index)]
    except (LookupError, TypeError):
        return _NOT_FOUND
    return value
