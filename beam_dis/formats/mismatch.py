"""ValueMismatch: a value that doesn't fit its schema, and where it is. Used inside ``formats`` and ``coders`` only.

Rules:
1. Users never see it: ``decode`` turns it into a DecodeError, ``encode`` into an EncodeError.
2. A path reads as in Python: ``info[0].date``. ``m[...]`` is some entry of a map.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from beam_dis.errors import DecodeError, EncodeError
from beam_dis.plain_values import shown

_LOCATED = re.compile(r"^(?P<reason>.*) - at `\$(?P<path>.*)`$", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>\w+)|\[(?P<index>\d+)\]")
_NOT_FOUND = object()


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
        """The path without its leading dot."""
        return self.path.removeprefix(".")

    def decode_error(self) -> DecodeError:
        """The error for the reader of the record."""
        return DecodeError(self.reason, field=self.field)

    def encode_error(self) -> EncodeError:
        """The error for the writer of the element."""
        return EncodeError(f"field {self.field!r}: {self.reason}" if self.field else self.reason)


def mismatch_of(error: msgspec.MsgspecError, value: Any = _NOT_FOUND) -> ValueMismatch:
    """An error of msgspec about ``value`` as a mismatch, with the value that is wrong if it can be found."""
    match = _LOCATED.match(str(error))
    reason, path = (match["reason"], match["path"]) if match else (str(error), "")
    wrong = _at(value, path)
    if wrong is _NOT_FOUND or isinstance(wrong, (dict, list)):
        return ValueMismatch(reason, path)
    return ValueMismatch(f"{reason}: {shown(wrong)}", path)


def _at(value: Any, path: str) -> Any:
    if "[...]" in path:
        return _NOT_FOUND
    try:
        for step in _STEP.finditer(path):
            value = value[step["name"]] if step["index"] is None else value[int(step["index"])]
    except (LookupError, TypeError):
        return _NOT_FOUND
    return value
