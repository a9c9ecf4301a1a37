"""Avro records that were written with several schemas, read as values of one.

Rules:
1. A record doesn't say which schema it was written with. It is read with the first that reads it to its last byte.
2. If a later one reads it too, as another value, the record is ambiguous, and that is reported.
3. Schemas that write the same are one: they differ in defaults or documentation alone.
4. A schema that has the fields of another one and then more is read in the same pass: a record that ends after these fields is of
   the other one. Any other schema costs a try with each record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from beam_dis.errors import ConfigurationError
from beam_dis.formats.avro_binary import AvroFormat
from beam_dis.formats.mismatch import FAULTS, ValueMismatch
from beam_dis.formats.resolution import ReadVersion, ResolvingReader
from beam_dis.formats.schema import read_schema
from beam_dis.formats.type_tree import Schema
from beam_dis.formats.value_types import PLAIN, ValueTypes


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
        known: list[Schema] = []
        for writer in writers:
            if not any(map(writer.writes_as, known)):
                known.append(writer)
        if not any(map(own.schema.writes_as, known)):
            known.insert(0, own.schema)
        self._number = [writer.writes_as(own.schema) for writer in known].index(True)
        self._readers = _readers(own.schema, types, known)

    def decode(self, data: bytes) -> Any:
        """The value of a record's bytes. Raises DecodeError if no schema reads it."""
        value, first, ambiguous, end = None, -1, False, len(data)
        for read in self._readers:
            try:
                found, pos, number = read(data, 0, end)
            except (ValueMismatch, *FAULTS, RecursionError):
                continue
            if pos != end:
                continue
            ambiguous |= first >= 0 and found != value and repr(found) != repr(value)  # NaN is equal to none
            if first < 0 or number < first:
                value, first = found, number
        if first < 0:
            return self._own.decode(data)  # which raises what is wrong
        if ambiguous or first != self._number:
            self._noticed(first != self._number, ambiguous)
        return value


def _readers(schema: Schema, types: ValueTypes, writers: list[Schema]) -> list[ReadVersion]:
    """The functions that read the records of all writers; those that extend one another have one function."""
    left = dict(enumerate(writers))
    readers = []
    for number in sorted(left, key=lambda number: -len(writers[number].record.fields)):
        if number in left:
            reader = ResolvingReader(schema, types, left.pop(number))
            shorter = {other: writer.record for other, writer in left.items() if reader.extends(writer.record)}
            left = {other: writer for other, writer in left.items() if other not in shorter}
            with _refusing(schema, writers[number]):
                readers.append(reader.function_of_versions(shorter, number))
    return readers


def resolved(schema: Schema, types: ValueTypes, writer: Schema) -> AvroFormat:
    """The format that reads what a writer's schema wrote. Raises ConfigurationError, with the name of the field."""
    with _refusing(schema, writer):
        return AvroFormat(schema, types, writer)


@contextmanager
def _refusing(schema: Schema, writer: Schema) -> Iterator[None]:
    """Raises ConfigurationError, with the name of the field, if the schemas can't be resolved."""
    try:
        yield
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
