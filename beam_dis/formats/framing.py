"""Avro records that say which schema they were written with: single-object encoding, Confluent's, and object container files.

Rules:
1. A record is written with the coder's schema, and read with the schema that it names.
2. A record of another schema is resolved to the coder's by Avro's rules: names, aliases, defaults, promotions.
3. A schema that can't be found isn't remembered, so the next record asks again.
4. The same value always gives the same bytes.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from beam_dis.errors import ConfigurationError, DecodeError, EncodeError
from beam_dis.formats.avro_binary import AvroFormat
from beam_dis.formats.avro_reader import End, Read, read_long
from beam_dis.formats.avro_versions import resolved
from beam_dis.formats.compression import MOST_BYTES, inflated, unsnapped
from beam_dis.formats.fingerprints import fingerprint
from beam_dis.formats.format import MOST_ROWS, Rows
from beam_dis.formats.mismatch import ValueMismatch, brief, reason_of
from beam_dis.formats.schema import read_schema
from beam_dis.formats.type_tree import Schema
from beam_dis.plain_values import shown

AvroSchema = str | Mapping[str, Any]

SINGLE_OBJECT = b"\xc3\x01"
CONTAINER = b"Obj\x01"
CONFLUENT = b"\x00"
_MOST_SCHEMAS = 1000


class SingleObjectFormat:
    """Avro's single-object encoding: C3 01, the CRC-64-AVRO fingerprint of the schema, the value.

    Args:
        format_: schemaless Avro by the coder's schema.
        schemas: other schemas that records may have been written with.
    """

    def __init__(self, format_: AvroFormat, schemas: Iterable[AvroSchema] = ()) -> None:
        if isinstance(schemas, str | Mapping) or not isinstance(schemas, Iterable):
            raise ConfigurationError(
                f"schemas={shown(schemas)} is not a list of schemas, which framing='single-object' takes"
            )
        self.schema = format_.schema
        self._encode = format_.encode
        self._header = SINGLE_OBJECT + fingerprint(format_.schema)
        self._readers: dict[bytes, Read] = {self._header: format_.decode_at}
        for writer in map(read_schema, schemas):
            self._readers.setdefault(SINGLE_OBJECT + fingerprint(writer), reader_of(writer, format_))

    def decode(self, data: bytes) -> Any:
        """The value of a record. Raises DecodeError."""
        read = self._readers.get(data[:10])
        if read is None:
            if data[:2] != SINGLE_OBJECT or len(data) < 10:
                raise DecodeError(f"not the single-object encoding of Avro, which begins with C3 01: {shown(data)}")
            raise DecodeError(
                f"written with a schema of fingerprint {data[2:10].hex()}, which isn't known: give that schema in schemas="
            )
        return _whole(read, data, 10)

    def encode(self, value: Any) -> bytes:
        """The bytes of a value. Raises EncodeError."""
        return self._header + self._encode(value)


class ConfluentFormat:
    """The encoding of Confluent's serializers: a zero byte, the schema's id in 4 bytes, the value.

    Args:
        format_: schemaless Avro by the coder's schema.
        schemas: a function that returns the schema of an id, or a dict; asked once for each id.
        schema_id: the id of the coder's schema, to write.
    """

    def __init__(self, format_: AvroFormat, schemas: Any = None, schema_id: int | None = None) -> None:
        if schemas is not None and not callable(schemas) and not isinstance(schemas, Mapping):
            raise ConfigurationError(f"schemas={shown(schemas)} is neither a function of a schema's id nor a dict")
        if schema_id is not None and (type(schema_id) is not int or not 0 <= schema_id < 2**32):
            raise ConfigurationError(f"schema_id={shown(schema_id)} is not a schema's id, 0 to 2^32-1")
        if schemas is None and schema_id is None:
            raise ConfigurationError(
                "framing='confluent' needs schemas=, a function that returns the schema of an id, to read, or schema_id= to write"
            )
        self.schema = format_.schema
        self._format = format_
        self._schemas = schemas.get if isinstance(schemas, Mapping) else schemas
        self._id = schema_id
        self._readers: dict[int, Read] = {} if schema_id is None else {schema_id: format_.decode_at}

    def decode(self, data: bytes) -> Any:
        """The value of a record. Raises DecodeError."""
        if data[:1] != CONFLUENT or len(data) < 5:
            raise DecodeError(f"not Confluent's encoding, a zero byte and the schema's id: {shown(data)}")
        number = int.from_bytes(data[1:5], "big")
        read = self._readers.get(number) or self._reader(number)
        return _whole(read, data, 5)

    def encode(self, value: Any) -> bytes:
        """The bytes of a value. Raises EncodeError."""
        if self._id is None:
            raise EncodeError("framing='confluent' needs schema_id=, the id of the schema, to write")
        return CONFLUENT + self._id.to_bytes(4, "big") + self._format.encode(value)

    def _reader(self, number: int) -> Read:
        if self._schemas is None:
            raise DecodeError(f"written with schema {number}, which isn't known: give schemas=, a function of the id")
        try:
            found = self._schemas(number)
        except Exception as error:
            raise DecodeError(f"schemas= failed for schema {number}: {type(error).__name__}: {brief(error)}") from error
        if found is None:
            raise DecodeError(f"written with schema {number}, which schemas= doesn't know")
        try:
            read = reader_of(read_schema(found), self._format)
        except ConfigurationError as error:
            raise DecodeError(f"schema {number}: {error}") from error
        if len(self._readers) >= _MOST_SCHEMAS:
            self._readers.clear()
        self._readers[number] = read
        return read


class ContainerFormat:
    """Object container files: the schema, then blocks of values. A record may hold several; one is written."""

    def __init__(self, format_: AvroFormat) -> None:
        self.schema = format_.schema
        self._format = format_
        self._readers: dict[bytes, Read] = {}
        metadata = _long(2)
        for key, value in (("avro.schema", format_.schema.text), ("avro.codec", "null")):
            metadata += _prefixed(key.encode()) + _prefixed(value.encode())
        self._sync = hashlib.md5(format_.schema.text.encode(), usedforsecurity=False).digest()
        self._header = CONTAINER + metadata + _long(0) + self._sync

    def encode(self, value: Any) -> bytes:
        """A file with one value. Raises EncodeError."""
        return self._header + _long(1) + _prefixed(self._format.encode(value)) + self._sync

    def decode(self, data: bytes) -> Rows:
        """The values of a file. Raises DecodeError."""
        if data[:4] != CONTAINER:
            raise DecodeError(f"not an Avro container file, which begins with Obj and 01: {shown(data)}")
        try:
            metadata, pos = _metadata(data)
            codec = metadata.get("avro.codec", b"null")
            read = self._reader(metadata.get("avro.schema", b""))
            sync, pos = _taken(data, pos, 16)
            return self._values(data, pos, sync, codec, read)
        except (ValueMismatch, IndexError) as error:
            raise DecodeError(f"a damaged Avro container file: {reason_of(error)}") from error

    def _values(self, data: bytes, pos: int, sync: bytes, codec: bytes, read: Read) -> Rows:
        values = Rows()
        left, empty = MOST_BYTES, MOST_ROWS
        while pos < len(data):
            count, pos = read_long(data, pos)
            size, pos = read_long(data, pos)
            block, pos = _taken(data, pos, size)
            mark, pos = _taken(data, pos, 16)
            if mark != sync:
                raise ValueMismatch("a block doesn't end with the file's sync marker")
            if not 0 <= count <= MOST_ROWS - len(values):
                raise ValueMismatch(f"it has more than {MOST_ROWS} values, the most that are read")
            block = _unpacked(block, codec, left)
            left -= len(block)
            at, end = 0, End(len(block))
            end.left = empty  # one count for the whole file
            for _ in range(count):
                value, at = read(block, at, end)
                values.append(value)
            empty = end.left
            if at != len(block):
                raise ValueMismatch(f"{len(block) - at} bytes are left after the values of a block")
        return values

    def _reader(self, text: bytes) -> Read:
        read = self._readers.get(text)
        if read is None:
            try:
                read = reader_of(read_schema(text.decode()), self._format)
            except (ConfigurationError, UnicodeDecodeError) as error:
                raise DecodeError(f"the schema of an Avro container file: {brief(error)}") from error
            if len(self._readers) >= _MOST_SCHEMAS:
                self._readers.clear()
            self._readers[text] = read
        return read


def reader_of(writer: Schema, format_: AvroFormat) -> Read:
    """The function that reads what was written with a schema as values of the format's schema. Raises ConfigurationError."""
    if writer.writes_as(format_.schema):
        return format_.decode_at
    return resolved(format_.schema, format_.types, writer).decode_at


def hint(data: bytes, options: Mapping[str, Any]) -> str:
    """The end of a message: what data seem to be by their first bytes, unless ``options`` of the coder say it; or ""."""
    if not data.startswith(_KNOWN_STARTS):
        return ""
    for start, (what, option, value) in _KNOWN.items():
        if data.startswith(start) and len(data) >= 5 and options.get(option) != value:
            return f" (it begins like {what}, which a coder with {option}={value!r} reads)"
    return ""


_KNOWN = {
    SINGLE_OBJECT: ("Avro's single-object encoding", "framing", "single-object"),
    CONTAINER: ("an Avro container file", "framing", "container"),
    b"\x1f\x8b": ("gzip", "compression", "gzip"),
    b"PK\x03\x04": ("a zip archive", "compression", "zip"),
    CONFLUENT + b"\x00": ("Confluent's encoding", "framing", "confluent"),
}
"""First bytes → what begins with them, and the option of a coder that reads it."""

_KNOWN_STARTS = tuple(_KNOWN)


def _whole(read: Read, data: bytes, pos: int) -> Any:
    value, end = read(data, pos, len(data))
    if end != len(data):
        raise DecodeError(f"{len(data) - end} bytes are left after the value: it was written with another schema")
    return value


def _metadata(data: bytes) -> tuple[dict[str, bytes], int]:
    found: dict[str, bytes] = {}
    count, pos = read_long(data, len(CONTAINER))
    while count:
        if count < 0:
            count = -count
            _, pos = read_long(data, pos)
        for _ in range(count):
            length, pos = read_long(data, pos)
            key, pos = _taken(data, pos, length)
            length, pos = read_long(data, pos)
            found[key.decode("utf-8", "replace")], pos = _taken(data, pos, length)
        count, pos = read_long(data, pos)
    return found, pos


def _unpacked(block: bytes, codec: bytes, most: int) -> bytes:
    if codec == b"deflate":
        return inflated(block, -zlib.MAX_WBITS, most)
    if codec == b"snappy":
        found = unsnapped(block[:-4], most)
        if zlib.crc32(found) != int.from_bytes(block[-4:], "big"):
            raise ValueMismatch("the checksum of a block is wrong")
        return found
    if codec != b"null":
        raise ValueMismatch(f"its codec {shown(codec)} is none of null, deflate, snappy")
    return block


def _taken(data: bytes, pos: int, size: int) -> tuple[bytes, int]:
    """So many bytes, and the position after them. Raises ValueMismatch if there are fewer."""
    if not 0 <= size <= len(data) - pos:
        raise ValueMismatch("the record ends before the value does")
    return data[pos : pos + size], pos + size


def _long(number: int) -> bytes:
    """The Avro encoding of a number, 0 or more."""
    number <<= 1
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


def _prefixed(data: bytes) -> bytes:
    return _long(len(data)) + data
