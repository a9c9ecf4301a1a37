"""Compressed records: gzip, snappy and zip, the words of a stream's ``compression_format``.

Rules:
1. Each record is compressed for itself, by its writer. To the service, ``compression_format`` is only a note on the stream [§3.4].
2. The data of a record may have at most 64 MiB, so that no record can fill the memory of a worker. A record that says or turns
   out to be larger isn't read any further.
3. Snappy is a raw block, as the vendor's SDK writes it [SDK]. A zip archive has exactly one file.
4. The same data always give the same bytes: no time and no file name is written.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any, NamedTuple

from beam_dis.errors import ConfigurationError, DecodeError
from beam_dis.formats.format import Format
from beam_dis.formats.mismatch import FAULTS, brief
from beam_dis.plain_values import shown

MOST_BYTES = 64 * 1024 * 1024
"""The most that the data of one compressed record may have: a record of 1 MiB and a factor of 64."""

_GZIP = 16 + zlib.MAX_WBITS
_FILE = "data"
_MOST_MEMBERS = 100
"""What follows a member of gzip is copied for the next one, so a record of thousands of empty members would take seconds."""


class Compression(NamedTuple):
    """One format: ``compress`` and ``decompress`` are functions of bytes; ``decompress`` raises DecodeError."""

    compress: Callable[[bytes], bytes]
    decompress: Callable[[bytes], bytes]


class CompressedFormat:
    """Another format in compressed records. Raises ConfigurationError if there is no compression of that name."""

    def __init__(self, format_: Format, compression: str) -> None:
        self.schema = format_.schema
        self._format = format_
        self._compress, self._decompress = compression_of(compression)

    def decode(self, data: bytes) -> Any:
        """The value of a record's bytes. Raises DecodeError."""
        return self._format.decode(self._decompress(data))

    def encode(self, value: Any) -> bytes:
        """The bytes of a value. Raises EncodeError."""
        return self._compress(self._format.encode(value))


def compression_of(name: str) -> Compression:
    """The compression of this name. Raises ConfigurationError if there is none."""
    found = _COMPRESSIONS.get(name) if isinstance(name, str) else None
    if found is None:
        raise ConfigurationError(f"compression={shown(name)} is none of {', '.join(map(repr, _COMPRESSIONS))}")
    return found


def inflated(data: bytes, wbits: int, most: int = MOST_BYTES) -> bytes:
    """The data of a zlib, gzip or raw deflate stream, or of several gzip members. Raises DecodeError."""
    found: list[bytes] = []
    left = most
    while data:
        if len(found) == _MOST_MEMBERS:
            raise DecodeError(f"the compressed data have more than {_MOST_MEMBERS} parts, the most that are read")
        stream = zlib.decompressobj(wbits)
        try:
            found.append(stream.decompress(data, left + 1))
        except zlib.error as error:
            raise DecodeError(f"the compressed data are damaged: {brief(error)}") from error
        left -= len(found[-1])
        if left < 0:
            raise too_large(most)
        if not stream.eof:
            raise DecodeError("the compressed data end too early")
        data = stream.unused_data if wbits > 0 else b""  # fastavro leaves a part of a checksum after deflate
    return b"".join(found)


def unsnapped(data: bytes, most: int = MOST_BYTES) -> bytes:
    """The data of a raw block of snappy. Raises DecodeError."""
    import pyarrow as pa  # Beam's own dependency; it takes long to import, and few streams need it

    size = shift = 0
    for byte in data[:5]:
        size |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    else:
        raise DecodeError(f"not a block of snappy: {shown(data)}")
    if size > most:
        raise too_large(most)
    try:
        return bytes(pa.decompress(data, size, codec="snappy", asbytes=True))
    except (OSError, ValueError) as error:
        raise DecodeError(f"not a block of snappy, {brief(error)}: {shown(data)}") from error


def too_large(most: int) -> DecodeError:
    """The error of data that are larger than a record's may be."""
    return DecodeError(f"decompressed, the record has more than {most} bytes, the most that is read")


def _gunzip(data: bytes) -> bytes:
    if data[:2] != b"\x1f\x8b":
        raise DecodeError(f"not gzip: {shown(data)}")
    return inflated(data, _GZIP)


def _gzip(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=_GZIP)  # it writes neither time nor name
    return stream.compress(data) + stream.flush()


def _snap(data: bytes) -> bytes:
    import pyarrow as pa

    return bytes(pa.compress(data, codec="snappy", asbytes=True))


def _unzip(data: bytes) -> bytes:
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            files = [info for info in archive.infolist() if not info.is_dir()]
            if len(files) != 1:
                raise DecodeError(f"a zip archive with {len(files)} files: a record has exactly one")
            if files[0].compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
                raise DecodeError(
                    f"a zip archive with method {files[0].compress_type}; stored and deflated files are read"
                )
            with archive.open(files[0]) as file:
                found = file.read(MOST_BYTES + 1)
    except DecodeError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, *FAULTS) as error:
        raise DecodeError(f"not a zip archive that can be read, {brief(error)}: {shown(data)}") from error
    if len(found) > MOST_BYTES:
        raise too_large(MOST_BYTES)
    return found


def _zip(data: bytes) -> bytes:
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(zipfile.ZipInfo(_FILE), data, zipfile.ZIP_DEFLATED)  # ZipInfo has a fixed time
    return archive.getvalue()


_COMPRESSIONS = {
    "gzip": Compression(_gzip, _gunzip),
    "snappy": Compression(_snap, unsnapped),
    "zip": Compression(_zip, _unzip),
}
