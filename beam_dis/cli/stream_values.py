"""The values in a stream's records, decoded by its schema, or as JSON if it has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from beam_dis.errors import ConfigurationError, DecodeError
from beam_dis.formats import Format, format_of
from beam_dis.formats.compression import CompressedFormat
from beam_dis.stream_service import StreamListing

Decode = Callable[[bytes], Any]


def decoder_of(listing: StreamListing) -> Decode | None:
    """The function that decodes a stream's data; None if the stream has no schema, or none that this package reads.

    It raises DecodeError.
    """
    try:
        return format_of_stream(listing).decode
    except ConfigurationError:
        return None


def format_of_stream(listing: StreamListing) -> Format:
    """The format of a stream's records, with their compression. Raises ConfigurationError if it has none that this package reads."""
    plain: Format = format_of(listing.data_type, listing.data_schema, delimiter=listing.delimiter)
    return CompressedFormat(plain, listing.compression) if listing.compression else plain


def json_value(data: bytes) -> Any:
    """The value of data that is JSON. Raises DecodeError for other data."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeError(f"not JSON: {error}") from error
