"""The query of an address and the fields of a form, checked.

Rules:

1. A wrong value is an error that names it.
2. A form has at most :data:`MAX_FORM_BYTES`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request

from beam_dis.local.console.parts import ConsoleError
from beam_dis.wire.limits import MIB

MAX_FORM_BYTES = 8 * MIB
"""Room for a record of 1 MiB of which each byte is escaped, and its fields."""

_MOST_FIELDS = 100
_SHOWN = 100


class Fields:
    """Named texts: those of a query or of a form. Missing and empty ones are the same."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts

    def text(self, name: str, default: str = "") -> str:
        """A text, without spaces at its ends."""
        return self._texts.get(name, "").strip() or default

    def exact(self, name: str) -> str:
        """A text as it is."""
        return self._texts.get(name, "")

    def choice(self, name: str, allowed: Collection[str], default: str) -> str:
        """One of some texts; ConsoleError 400 for any other."""
        given = self.text(name, default)
        if given not in allowed:
            raise ConsoleError(400, f"{name} {given[:_SHOWN]!r} is not one of {', '.join(allowed)}.")
        return given

    def whole(self, name: str, default: int, *, least: int = 0, most: int = 2**63 - 1) -> int:
        """A whole number; ConsoleError 400 for anything else."""
        given = self.text(name)
        if not given:
            return default
        plain = given.replace(",", "").replace("_", "")
        if not (plain.isascii() and plain.isdigit() and len(plain) <= 19 and least <= int(plain) <= most):
            raise ConsoleError(400, f"{name} {given[:_SHOWN]!r} is not a whole number of {least} to {most}.")
        return int(plain)

    def decimal(self, name: str, default: float = 0.0) -> float:
        """A number; ConsoleError 400 for anything else."""
        given = self.text(name)
        try:
            return float(given) if given else default
        except ValueError:
            raise ConsoleError(400, f"{name} {given[:_SHOWN]!r} is not a number.") from None


def query_of(request: Request) -> Fields:
    """The query of a request."""
    return Fields(dict(_pairs(request.scope["query_string"])))


async def form_of(request: Request) -> Fields:
    """The form that a request sends; ConsoleError 413 or 400 if it is too large or no form."""
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_FORM_BYTES:
            raise ConsoleError(413, f"The form has more than {MAX_FORM_BYTES} bytes.")
    if body and not request.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
        raise ConsoleError(400, "The request has no form.")
    return Fields(dict(_pairs(bytes(body))))


def _pairs(encoded: bytes) -> list[tuple[str, str]]:
    try:
        pairs = parse_qsl(encoded.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict")
    except (ValueError, UnicodeDecodeError):
        raise ConsoleError(
            400, "The query or the form can't be read: its names and values are UTF-8, escaped."
        ) from None
    return pairs
