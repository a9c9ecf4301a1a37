r"""The data of a record as a person reads it: decoded by the stream's schema, raw, or in hexadecimal digits.

Rules:

1. Data that doesn't decode is shown as text, and the reason with it.
2. One object decompresses and decodes a bounded amount for its page, also if nothing of it decodes.
3. Raw data is text in UTF-8; data that isn't keeps its other bytes as ``\xNN``.
"""

from __future__ import annotations

import json
import math
from typing import Any, NamedTuple, NoReturn

from beam_dis.errors import ConfigurationError, DecodeError
from beam_dis.formats import Format, Rows, format_of
from beam_dis.formats.compression import compression_of
from beam_dis.local.store import Stream
from beam_dis.texts import one_line

DECODED, RAW, HEX = VIEWS = ("decoded", "raw", "hex")
_HEX_BYTES = 16

MOST_CHARS = 32 * 1024 * 1024
"""The characters that are decoded for one page: a compressed record of 1 MiB may have 64 MiB."""


_TOO_MUCH = "the records before it are very large once they are decoded; look at it alone"


class ShownValue(NamedTuple):
    """A record's data as text; ``problem`` says why it isn't decoded, if it should be."""

    text: str
    problem: str = ""


class RecordValues:
    """Shows and reads the records of a stream, by its description."""

    def __init__(self, stream: Stream) -> None:
        self._format, self.problem = _format(stream)
        self._compression = compression_of(stream.compression_format) if stream.compression_format else None
        self._left = MOST_CHARS

    @property
    def has_schema(self) -> bool:
        """Whether records can be decoded and encoded by a schema."""
        return self._format is not None

    def shown(self, data: bytes, view: str, *, lines: bool = False) -> ShownValue:
        """The data in a view; a decoded value on several ``lines``, or on one."""
        if view == HEX:
            return ShownValue(hex_dump(data))
        if view == RAW:
            return ShownValue(data.decode("utf-8", "backslashreplace"))
        try:
            text = _text(self.decoded(data), indent=2 if lines else None)
            self.spend(len(text))
            return ShownValue(text)
        except (DecodeError, ValueError, RecursionError) as error:
            return ShownValue(data.decode("utf-8", "backslashreplace"), one_line(error))

    def decoded(self, data: bytes) -> Any:
        """The value of a record by the schema; without one JSON if it is, else text. Raises DecodeError or ValueError."""
        if self._left <= 0:
            raise DecodeError(_TOO_MUCH)
        if self._compression is not None:
            data = self._compression.decompress(data)
        try:
            return self._value(data)
        except (DecodeError, ValueError, RecursionError):
            self.spend(len(data))
            raise

    def _value(self, data: bytes) -> Any:
        if self._format is not None:
            value = self._format.decode(data)
            return list(value) if isinstance(value, Rows) else value
        try:
            return json.loads(data, parse_constant=_no_json)
        except (ValueError, RecursionError):
            return data.decode("utf-8")

    def spend(self, characters: int) -> None:
        """Count the text of a decoded value."""
        self._left -= characters

    def encoded(self, text: str) -> bytes:
        """The bytes of a value that is given as JSON. Raises ValueError or EncodeError."""
        if self._format is None:
            raise ValueError(self.problem)
        data = self._format.encode(json.loads(text))
        return data if self._compression is None else self._compression.compress(data)


def hex_dump(data: bytes) -> str:
    """Lines of sixteen bytes: their offset, their digits, and their characters of ASCII."""
    lines = []
    for start in range(0, len(data), _HEX_BYTES):
        part = data[start : start + _HEX_BYTES]
        characters = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)
        lines.append(f"{start:06x}  {part.hex(' '):<{3 * _HEX_BYTES}} {characters}")
    return "\n".join(lines)


def plain_json(value: Any) -> str:
    """A decoded value on one line of JSON; times, decimals, NaN and infinities as text, bytes as hexadecimal digits."""
    try:
        return json.dumps(value, ensure_ascii=False, default=_as_text, allow_nan=False)
    except ValueError:
        return json.dumps(_with_finite_numbers(value), ensure_ascii=False, default=_as_text, allow_nan=False)


def _with_finite_numbers(value: Any) -> Any:
    """The same value with ``NaN``, ``Infinity`` and ``-Infinity`` as texts, because JSON has no such numbers."""
    if isinstance(value, dict):
        return {name: _with_finite_numbers(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_with_finite_numbers(each) for each in value]
    return json.dumps(value) if isinstance(value, float) and not math.isfinite(value) else value


def _text(value: Any, indent: int | None) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=indent, default=_as_text)


def _no_json(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _as_text(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _format(stream: Stream) -> tuple[Format | None, str]:
    """The format of a stream's records; None with the reason if there is none."""
    try:
        delimiter = (stream.delimiter or ",").replace("\\t", "\t")
        return format_of(stream.data_type, stream.data_schema, delimiter=delimiter), ""
    except (ConfigurationError, RecursionError) as error:
        return None, one_line(error)
