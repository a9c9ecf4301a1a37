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
from functools import lru_cache
from typing import Any

import msgspec

from beam_dis.errors import DecodeError, EncodeError
from beam_dis.plain_values import shown

_LONGEST_REASON = 200
_LONGEST_PATH = 200
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")

FAULTS = (LookupError, ValueError, TypeError, OverflowError, ArithmeticError, AttributeError, struct.error)
"""What reading or converting a wrong value may raise besides ValueMismatch."""


class ValueMismatch(Exception):  # noqa: N818 - becomes an error of the package before users see it
    """A value that doesn't fit, and why; ``path`` leads to it from the value at hand.

    It is made and raised once, and gets a step for each value that it is inside of: wrong values may be many.
    """

    path = ""

    @property
    def reason(self) -> str:
        """What is wrong."""
        return self.args[0]  # type: ignore[no-any-return]

    def inside(self, step: str) -> ValueMismatch:
        """Itself, with a path that begins one step further out."""
        self.path = step + self.path
        return self

    @property
    def field(self) -> str:
        """The path without its leading dot; of a long one, its start and its end."""
        return _field_of(self.path)

    def decode_error(self) -> DecodeError:
        """The error for the reader of the record."""
        return DecodeError(self.args[0], field=_field_of(self.path))

    def encode_error(self) -> EncodeError:
        """The error for the writer of the element."""
        path = self.path
        return EncodeError(f"field {_field_of(path)!r}: {self.args[0]}" if path else self.args[0])


def _field_of(path: str) -> str:
    path = path.removeprefix(".")
    return path if len(path) <= _LONGEST_PATH else f"{path[: _LONGEST_PATH // 2]}…{path[-_LONGEST_PATH // 2 :]}"


def brief(error: BaseException) -> str:
    """What an error says, cut to a length; without the value that a UnicodeError carries."""
    return _cut(str(error) or type(error).__name__)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_REASON else text[:_LONGEST_REASON] + "…"


def reason_of(error: Exception) -> str:
    """What is wrong, in words; the errors of Python's own functions say it in theirs."""
    if isinstance(error, (IndexError, struct.error)):
        return "the record ends before the value does"
    return brief(error)


def expected(what: str, value: Any) -> ValueMismatch:
    """The mismatch of a value of a wrong type."""
    shown_value = "" if isinstance(value, (dict, list)) else f": {shown(value)}"
    return ValueMismatch(f"Expected `{what}`, got `{json_type(value)}`{shown_value}")


_JSON_TYPES: dict[type, str] = {type(None): "null", dict: "object", list: "array", tuple: "array"}


def json_type(value: Any) -> str:
    """The name of a value's type as messages have it: JSON's for null, objects and arrays, Python's for the rest."""
    return _JSON_TYPES.get(type(value)) or type(value).__name__


def mismatch_of(error: msgspec.MsgspecError, data: bytes | str) -> ValueMismatch:
    """An error of msgspec about JSON as a mismatch, with the value that is wrong if it can be found."""
    reason, found, path = str(error).rpartition(" - at `$")
    if not found:
        return ValueMismatch(_cut(path))
    reason, path = (
        _cut(reason).replace("int | float", "int"),
        path[:-1],
    )  # an unknown symbol is in the reason as a whole
    try:
        wrong = _at(data, path)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, LookupError, TypeError):
        return ValueMismatch(reason).inside(path)
    return ValueMismatch(reason if isinstance(wrong, (dict, list)) else f"{reason}: {shown(wrong)}").inside(path)


def _at(data: bytes | str, path: str) -> Any:
    """The value at a path into JSON, without types. Of a record, only the member at the path is read. Raises LookupError."""
    if "[...]" in path:
        raise LookupError(path)
    steps = _STEP.findall(path) if path.count(".") != 1 or "[" in path else [(path[1:], "")]
    if steps and steps[0][0]:
        value, steps = _member(steps[0][0])(data).value, steps[1:]
    else:
        value = msgspec.json.decode(data)
    for name, index in steps:
        value = value[name] if name else value[int(index)]
    return value


@lru_cache(maxsize=1024)
def _member(name: str) -> Callable[[bytes | str], Any]:
    """The function that reads one member of an object, which takes a sixth of the time that all of 300 take."""
    struct = msgspec.defstruct("Member", [("value", Any, msgspec.field(name=name))])
    return msgspec.json.Decoder(struct).decode
