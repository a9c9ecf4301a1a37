"""Avro records that were written with several schemas, read as values of one.

Rules:
1. A record doesn't say which schema it was written with. It is read with the first that reads it to its last byte.
2. If a later one reads it too, as another value, the record is ambiguous, and that is reported.
3. Schemas that write the same are one: they differ in names of records, defaults or documentation alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from beam_dis.errors import ConfigurationError
from beam_dis.formats.avro_binary import AvroFormat
from beam_dis.formats.mismatch import ValueMismatch
from beam_dis.formats.schema import read_schema
from beam_dis.formats.type_tree import Schema
from beam_dis.formats.value_types import PLAIN, ValueTypes

_MISSING = object()


class AvroVersions:
    """Reads records of several writers.

    Args:
        own: the format of the values; it comes first unless its schema is among ``writers``.
        writers: the schemas that records may be written with, the most likely one first.
        types: what values are in Python.
        noticed: is called with ``(other, ambiguous)`` for each record that another schema reads, or several do.

    Raises:
        ConfigurationError: a schema can't be read as values of ``own``; names the field.
    """

    def __init__(
        self,
        own: AvroFormat,
        writers: Iterable[Schema],
        types: ValueTypes = PLAIN,
        noticed: Callable[[bool, bool], None] = lambda _other, _ambiguous: None,
    ) -> None:
        self.schema, self.encode = own.schema, own.encode
        self._own = own
        self._noticed = noticed
        self._formats: list[AvroFormat] = []
        known = []
        for writer in writers:
            if writer.record not in known:
                known.append(writer.record)
                is_own = writer.record == own.schema.record
                self._formats.append(own if is_own else resolved(own.schema, types, writer))
        if own not in self._formats:
            self._formats.insert(0, own)

    def decode(self, data: bytes) -> Any:
        """The value of a record's bytes. Raises DecodeError if no schema reads it."""
        value, ambiguous, reader = _MISSING, False, self._own
        for format_ in self._formats:
            read = format_.decode_or(data, _MISSING)
            if read is _MISSING:
                continue
            if value is _MISSING:
                value, reader = read, format_
            elif read != value and repr(read) != repr(value):  # NaN is equal to none
                ambiguous = True
                break
        if value is _MISSING:
            return self._own.decode(data)  # which raises what is wrong
        if ambiguous or reader is not self._own:
            self._noticed(reader is not self._own, ambiguous)
        return value


def resolved(schema: Schema, types: ValueTypes, writer: Schema) -> AvroFormat:
    """The format that reads what a writer's schema wrote. Raises ConfigurationError, with the name of the field."""
    try:
        return AvroFormat(schema, types, writer)
    except ValueMismatch as mismatch:
        raise ConfigurationError(
            f"records of the writer's schema {writer.record.name!r} can't be read as {schema.record.name!r}:"
            f" field {mismatch.field!r}: {mismatch.reason}"
        ) from mismatch


def read_writers(schemas: Any) -> tuple[Schema, ...]:
    """The schemas of writers from an option. Raises ConfigurationError."""
    if isinstance(schemas, (str, bytes, dict)) or not isinstance(schemas, Iterable):
        raise ConfigurationError(f"writer_schemas={schemas!r} is not a list of schemas: give one, such as [schema]")
    return tuple(read_schema(schema) for schema in schemas)
