"""What is wrong with a value, and where: the exception that travels inside ``formats`` and ``coders``.

Law: no user sees a Misfit; ``decode`` turns it into a DecodeError, ``encode`` into an EncodeError.
A path reads as in Python: ``info[0].date``; ``m[...]`` is some entry of a map.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from beam_dis.errors import DecodeError, EncodeError

_SHOWN_CHARS = 80
_PLACE = re.compile(r"^(?P<reason>.*) - at `\$(?P<path>.*)`$", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>\w+)|\[(?P<index>\d+)\]")
_NOTHING = object()


class Misfit(Exception):  # noqa: N818 - a finding about a value, made into an error where it leaves the room
    """A value that doesn't fit, ``path`` steps below the value at hand."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path

    def under(self, step: str) -> Misfit:
        """The same, seen from one step further out."""
        return Misfit(self.reason, step + self.path)

    @property
    def field(self) -> str:
        """The path without its leading dot."""
        return self.path.removeprefix(".")

    def decode_error(self) -> DecodeError:
        """What a reader of the record is told."""
        return DecodeError(self.reason, field=self.field)

    def encode_error(self) -> EncodeError:
        """What the writer of the element is told."""
        return EncodeError(f"field {self.field!r}: {self.reason}" if self.field else self.reason)


def shown(value: Any) -> str:
    """A value as messages show it: its repr, cut at 80 characters."""
    text = repr(value)
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "…"


def misfit_of(error: msgspec.MsgspecError, value: Any = _NOTHING) -> Misfit:
    """What msgspec has to say about ``value``, with the value that is wrong where it can be found."""
    place = _PLACE.match(str(error))
    reason, path = (place["reason"], place["path"]) if place else (str(error), "")
    wrong = _at(value, path)
    if wrong is _NOTHING or isinstance(wrong, (dict, list)):
        return Misfit(reason, path)
    return Misfit(f"{reason}: {shown(wrong)}", path)


def _at(value: Any, path: str) -> Any:
    if "[...]" in path:
        return _NOTHING
    try:
        for step in _STEP.finditer(path):
            value = value[step["name"]] if step["index"] is None else value[int(step["index"])]
    except (LookupError, TypeError):
        return _NOTHING
    return value
