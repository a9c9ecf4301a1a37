r"""A record as text by a format string, for people and for pipes.

Rules:

1. On a terminal, characters that could control it are shown as ``\x1b`` or ``\u202e``, and bytes that aren't UTF-8 as ``\xff``. A
   record can't change what a terminal shows, or what is typed into it.
2. Elsewhere the bytes of a record are written as they are.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass

from beam_dis.consumer import Arrival
from beam_dis.errors import ConfigurationError
from beam_dis.instants import iso_text
from beam_dis.texts import escaped
from beam_dis.wire.ranges import partition_number

ON_TERMINAL = "%t %p %n %k %v"
IN_PIPE = "%v"

_DIRECTIVE = re.compile(r"%(.)|\\([ntr0\\])|%$", re.DOTALL)
_ESCAPES = {"n": b"\n", "t": b"\t", "r": b"\r", "0": b"\0", "\\": b"\\"}


def shown_bytes(data: bytes) -> str:
    """Bytes as text that can be shown on a terminal, on one line."""
    return escaped(data.decode("utf-8", "backslashreplace"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordFormat:
    """Makes the text of records.

    Args:
        parts: bytes as they are, or functions of the arrival and the bytes of its value.
        terminal: escape what can't be shown.
        as_base64: show values in base64.
    """

    parts: tuple[bytes | Callable[[Arrival, bytes], bytes], ...]
    terminal: bool
    as_base64: bool

    def line(self, arrival: Arrival, value: bytes) -> bytes:
        """The text of a record, without an end of the line."""
        if self.as_base64:
            value = base64.b64encode(value)
        return b"".join(part if isinstance(part, bytes) else self._safe(part(arrival, value)) for part in self.parts)

    def _safe(self, data: bytes) -> bytes:
        return shown_bytes(data).encode() if self.terminal else data


def format_of_text(text: str, stream: str, *, terminal: bool, as_base64: bool = False) -> RecordFormat:
    """The format of a format string.

    Raises:
        ConfigurationError: the text has another letter after a percent sign.
    """
    fields = {**_FIELDS, "s": lambda _arrival, _value: stream.encode()}
    parts: list[bytes | Callable[[Arrival, bytes], bytes]] = []
    end = 0
    for found in _DIRECTIVE.finditer(text):
        parts.append(text[end : found.start()].encode("utf-8", "surrogateescape"))
        end = found.end()
        letter, escape = found[1], found[2]
        if escape:
            parts.append(_ESCAPES[escape])
        elif letter == "%":
            parts.append(b"%")
        elif letter in fields:
            parts.append(fields[letter])
        else:
            known = ", ".join(f"%{each}" for each in sorted(fields))
            raise ConfigurationError(
                f"the format {text!r} has {found[0]!r}: give one of {known}, or %% for a percent sign"
            )
    parts.append(text[end:].encode("utf-8", "surrogateescape"))
    return RecordFormat(parts=tuple(part for part in parts if part), terminal=terminal, as_base64=as_base64)


_FIELDS: dict[str, Callable[[Arrival, bytes], bytes]] = {
    "p": lambda arrival, _: b"%d" % partition_number(arrival.partition_id),
    "P": lambda arrival, _: arrival.partition_id.encode(),
    "n": lambda arrival, _: b"%d" % arrival.record.sequence_number,
    "k": lambda arrival, _: (arrival.record.partition_key or "-").encode("utf-8", "surrogatepass"),
    "t": lambda arrival, _: iso_text(arrival.record.timestamp).encode(),
    "T": lambda arrival, _: b"%d" % arrival.record.timestamp,
    "v": lambda _, value: value,
}
