"""Values of options and arguments: their types, and the errors for values of a wrong form."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from beam_dis.cli.exits import Failed
from beam_dis.cli.output import is_terminal

_COUNT = re.compile(r"\d{1,9}")
_SIZE = re.compile(r"(\d{1,15})\s*(|[kmg])(?:i?b)?", re.IGNORECASE)


if TYPE_CHECKING:
    _Type = click.ParamType[Any]  # older versions of click have no type arguments at run time
else:
    _Type = click.ParamType


class Seconds(_Type):
    """A duration such as ``90``, ``1.5s``, ``10m`` or ``1d12h``, in seconds; ``unit`` is that of a bare number."""

    name = "duration"

    def __init__(self, unit: str = "s") -> None:
        self._unit = unit

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds of a text."""
        if isinstance(value, float):
            return value
        from beam_dis.instants import duration_of

        text = str(value).strip().lower()
        seconds = duration_of(text + self._unit if text[-1:].isdigit() else text)
        if seconds is None:
            self.fail(f"{value!r} is not a duration: give a number with d, h, m or s, such as 90s, 10m or 1d12h", param)
        return seconds


class Hours(Seconds):
    """A duration in whole hours, such as ``72``, ``72h`` or ``3d``."""

    name = "hours"

    def __init__(self) -> None:
        super().__init__("h")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The hours of a text."""
        if isinstance(value, int):
            return value
        hours = super().convert(value, param, ctx) / 3600
        if not hours.is_integer():
            self.fail(f"{value!r} is not a number of whole hours", param)
        return int(hours)


class Bytes(_Type):
    """A size such as ``200``, ``64k`` or ``1MiB``; the units are powers of 1024."""

    name = "bytes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The bytes of a text."""
        found = _SIZE.fullmatch(str(value).strip())
        if found is None:
            self.fail(f"{value!r} is not a size: give bytes, such as 200, 64k or 1m", param)
        return int(found[1]) << 10 * " kmg".index(found[2].lower() or " ")


class Number(click.FloatRange):
    """A number in a range. ``nan`` and ``inf`` are none: no comparison with ``nan`` is true, so each range has it."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number of a text."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


class CountRange(_Type):
    """Two numbers such as ``1:8``: the fewest and the most partitions."""

    name = "range"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """The two numbers of a text."""
        if isinstance(value, tuple):
            return value
        low, separator, high = str(value).partition(":")
        if not (separator and _COUNT.fullmatch(low) and _COUNT.fullmatch(high) and int(low) <= int(high)):
            self.fail(f"{value!r} is not a range: give the fewest and the most partitions, such as 1:8", param)
        return int(low), int(high)


def pairs_of(texts: Iterable[str], what: str) -> dict[str, str]:
    """``["a=1", "b="]`` → ``{"a": "1", "b": ""}``.

    Raises:
        click.UsageError: a text has no ``=``, or a name is there twice.
    """
    pairs: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not (separator and name):
            raise click.UsageError(f"{text!r} is not a {what}: give NAME=VALUE")
        if name in pairs:
            raise click.UsageError(f"{name!r} is given twice: give each {what} once")
        pairs[name] = value
    return pairs


yes_option = click.option("--yes", is_flag=True, help="Don't ask.")
"""Decorates a command that asks before it does what can't be undone; its function takes ``yes``."""


def confirm(question: str, *, yes: bool) -> None:
    """Ask on a terminal whether to go on; click ends the command if the answer is no.

    Raises:
        Failed: there is nobody to ask, and ``--yes`` isn't given.
    """
    if yes:
        return
    if not is_terminal(sys.stdin):
        raise Failed(f"{question.rstrip('?')} needs a confirmation, and standard input is no terminal: add --yes")
    click.confirm(question, abort=True, err=True)


def typed(text: str, type_: Any) -> Any:
    """A text as what JSON has for a value of a type: a number, a boolean, the text itself, or the list or object that it is.

    Raises:
        msgspec.ValidationError: it is no value of that type.
    """
    import msgspec

    try:
        value = msgspec.convert(text, type_, strict=False)
    except msgspec.ValidationError as error:
        try:
            parsed = msgspec.json.decode(text)
        except (msgspec.DecodeError, ValueError, RecursionError):
            raise error from None
        msgspec.convert(parsed, type_)
        return parsed
    return value if value is None or isinstance(value, bool | int | float) else text
