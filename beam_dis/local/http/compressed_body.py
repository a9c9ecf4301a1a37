"""Bodies that the client compressed: lz4, snappy or zstd, as the vendor's Java client sends every POST and PUT [SDK].

Rules:

1. lz4 and snappy are raw blocks, zstd is one frame. The size of the data is in a header of its own for lz4 and zstd, and in the
   block for snappy.
2. Nothing is decompressed beyond the limit of the operation: the data are written into a buffer of their size, or of the limit.
3. Answers are never compressed, even if a request accepts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beam_dis.wire.error_codes import Refusal

ENCODINGS = ("lz4", "snappy", "zstd")
_EXTRA = "local"
_SIZE_DIGITS = 20
"""A size with more isn't read: Python takes long for a number of thousands of digits, and refuses it."""


def decompressed(headers: Mapping[bytes, bytes], body: bytes, limit: int) -> bytes:
    """The body of a request without its Content-Encoding, if it has one.

    Raises:
        Refusal: DIS.4300 for an unknown encoding or damaged data, HTTP 413 for more than ``limit`` bytes.
    """
    encoding = encoding_of(headers)
    if not encoding:
        return body
    if encoding not in ENCODINGS:
        raise Refusal(4300, f"Content-Encoding {encoding!r} is none of {', '.join(ENCODINGS)}")
    codec = _codec()
    given = _given_size(headers, encoding)
    try:
        size = codec.snappy.decompress_raw_len(body) if encoding == "snappy" else given
        if size is not None and size > limit:
            raise Refusal(4200, f"decompressed, the body has {size} bytes, more than {limit}", status=413)
        buffer = bytearray(limit if size is None else size)
        written = _DECOMPRESS[encoding](codec, body, buffer) if body else 0
    except codec.DecompressionError as error:
        raise Refusal(4300, f"the body is not {encoding}, or has more than its size: {error}") from error
    if size not in (None, written):
        raise Refusal(4300, f"decompressed, the body has {written} bytes, not {size} as its header says")
    return bytes(memoryview(buffer)[:written])


def decompressed_size(headers: Mapping[bytes, bytes]) -> int | None:
    """The bytes that a body takes besides those that are sent: 0 if it isn't compressed, None if that isn't known."""
    encoding = encoding_of(headers)
    return _given_size(headers, encoding) if encoding else 0


def encoding_of(headers: Mapping[bytes, bytes]) -> str:
    """The Content-Encoding of a request, "" if it has none."""
    encoding = headers.get(b"content-encoding", b"").decode("latin-1").strip().lower()
    return "" if encoding == "identity" else encoding


def _given_size(headers: Mapping[bytes, bytes], encoding: str) -> int | None:
    text = headers.get(f"x-dis-{encoding}-content-length".encode("latin-1"), b"")
    return int(text) if text.isdigit() and len(text) < _SIZE_DIGITS else None


def _codec() -> Any:
    try:
        import cramjam
    except ModuleNotFoundError:
        raise Refusal(4300, f"this server can't decompress bodies: pip install 'beam-dis[{_EXTRA}]' there") from None
    return cramjam


_DECOMPRESS = {
    "lz4": lambda codec, body, buffer: codec.lz4.decompress_block_into(body, buffer),
    "snappy": lambda codec, body, buffer: codec.snappy.decompress_raw_into(body, buffer),
    "zstd": lambda codec, body, buffer: codec.zstd.decompress_into(body, buffer),
}
