"""The client information of a record, which the store keeps in front of its data.

A byte says how long the information is; 255 says that the record has none.
"""

from __future__ import annotations

from typing import NamedTuple

_NONE = b"\xff"

MOST_BYTES = 17
"""The most bytes that a record takes in the store besides its data."""


class Content(NamedTuple):
    """The data and the client information of a record."""

    data: bytes
    client_info: bytes | None


def pack(data: bytes, client_info: bytes | None) -> bytes:
    """The bytes that the store keeps; ``client_info`` has at most 16."""
    return _NONE + data if client_info is None else bytes([len(client_info)]) + client_info + data


def unpack(stored: bytes) -> Content:
    """The inverse of :func:`pack`."""
    if stored[:1] == _NONE:
        return Content(stored[1:], None)
    end = 1 + stored[0]
    return Content(stored[end:], stored[1:end])
