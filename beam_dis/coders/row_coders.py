"""Coders between Beam rows and the bytes of a record: AvroCoder, CSVCoder, JSONCoder.

Rules:
1. A coder is its schema and its settings: it pickles as these, and is recreated on a worker.
2. The same row always gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics
from typing_extensions import Self

from beam_dis.coders.metadata import METADATA
from beam_dis.coders.row_types import RowTypeHint, attributes
from beam_dis.coders.row_values import RowValues
from beam_dis.errors import ConfigurationError, DecodeError
from beam_dis.formats import AvroFormat, CSVFormat, Format, JSONFormat, Rows
from beam_dis.formats.arrow_pages import ReadPage, avro_page_reader, csv_page_reader
from beam_dis.formats.avro_versions import AvroVersions, read_writers
from beam_dis.formats.compression import CompressedFormat
from beam_dis.formats.framing import ConfluentFormat, ContainerFormat, SingleObjectFormat, hint
from beam_dis.formats.several_rows import CSVHeaderFormat, CSVLinesFormat, JSONArrayFormat, JSONLinesFormat
from beam_dis.formats.type_tree import RecordField, RecordType, Scalar
from beam_dis.names import checked_word
from beam_dis.record import DISRecord

AvroSchema = str | Mapping[str, Any]


class RowsCoder(beam.coders.Coder):
    """Reads and writes rows in a format, by ``schema``; ``row_type`` is their NamedTuple, and ``values`` what is in them."""

    def __init__(self, format_: Format, values: RowValues, **settings: Any) -> None:
        self.schema, self.values = format_.schema, values
        self._settings = settings
        if settings.get("compression") is not None:
            format_ = CompressedFormat(format_, settings["compression"])
        self._decode, self._encode = format_.decode, format_.encode
        self.row_type = values.row_type(format_.schema.record)

    def encode(self, value: Any) -> bytes:
        """The bytes of a row, a NamedTuple, a dataclass, a beam.Row or a dict. Raises EncodeError with the field's name."""
        return self._encode(value)

    def decode(self, encoded: bytes) -> Any:
        """The row of a record's bytes, or a list of them if records have several. Raises DecodeError with the field's name."""
        try:
            return self._decode(encoded)
        except DecodeError as error:
            known = hint(encoded, self._settings)
            if not known:
                raise
            raise DecodeError(error.reason + known, field=error.field) from error

    def with_settings(self, **settings: Any) -> Self:
        """The same coder with other settings. Raises ConfigurationError if they don't fit."""
        make: Any = type(self)
        made: Self = make(self.schema.text, **{**self._settings, **settings})
        return made

    def page_reader(self) -> ReadPage | None:
        """The function that reads many records at once into Arrow columns; None if they are read one by one."""
        return None

    def is_deterministic(self) -> bool:
        """True: maps are written in the order of their keys."""
        return True

    def to_type_hint(self) -> Any:
        """The row type as Beam's own type, so that Beam knows the types of the fields, also of keys made from them."""
        return RowTypeHint(self.row_type)

    def __reduce__(self) -> Any:
        return partial(type(self), **self._settings), (self.schema.text,)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.schema.text == self.schema.text and other._settings == self._settings

    def __hash__(self) -> int:
        return hash((type(self), self.schema.text, repr(self._settings)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.row_type.__name__})"


class WritersCoder(RowsCoder):
    """A coder that can be given the schemas that records may be written with."""

    def with_writers(self, schemas: Iterable[AvroSchema]) -> WritersCoder:
        """The same coder for records of these schemas. Raises ConfigurationError if they can't be read as its rows."""
        return self.with_settings(writer_schemas=schemas)


class AvroCoder(WritersCoder):
    """Avro: the binary encoding of one value by a schema, alone or with the schema that it was written with.

    Args:
        schema: an Avro schema, as JSON text or as parsed JSON.
        framing: ``"none"``, the value alone; ``"single-object"``, after a fingerprint of its schema; ``"confluent"``, after the id
            of its schema; ``"container"``, a container file, which may hold several rows.
        schemas: the other schemas that records may be written with: a list for ``"single-object"``; for ``"confluent"`` a
            function that returns the schema of an id, or a dict.
        schema_id: the id of the schema, to write ``"confluent"``.
        writer_schemas: for ``framing="none"``, other schemas that records may be written with, the most likely one first. A record
            is read with the first schema that reads it to its last byte; ``schema`` comes before them unless it is in the list.
            Rows are of ``schema``.
        compression: ``"gzip"``, ``"snappy"`` or ``"zip"`` if records are compressed.
        times: what times and dates are in a row: ``"beam"``, Beam Timestamps and dates; ``"numbers"``, the schema's numbers;
            ``"text"``, ISO 8601 text.
        decimals: what decimals are in a row: ``"beam"``, Python's; ``"text"``, their digits.

    Raises:
        ConfigurationError: it isn't an Avro schema of a record, or records of a writer's schema can't be read as its rows.
    """

    def __init__(
        self,
        schema: AvroSchema,
        *,
        framing: str = "none",
        schemas: Any = None,
        schema_id: int | None = None,
        writer_schemas: Iterable[AvroSchema] = (),
        compression: str | None = None,
        times: str = "beam",
        decimals: str = "beam",
    ) -> None:
        values = RowValues(times, decimals)
        plain = AvroFormat(schema, values)
        framing = checked_word("framing", framing, ("none", "single-object", "confluent", "container"))
        if schemas is not None and framing not in {"single-object", "confluent"}:
            raise ConfigurationError("schemas= is for framing='single-object' and framing='confluent'")
        if schema_id is not None and framing != "confluent":
            raise ConfigurationError(f"schema_id={schema_id!r} is for framing='confluent'")
        writers = read_writers(writer_schemas)
        if writers and framing != "none":
            raise ConfigurationError(
                f"writer_schemas= is for framing='none': with framing={framing!r} a record names its schema"
            )
        format_: Format = plain
        if writers:
            format_ = AvroVersions(plain, writers, values, _count)
        elif framing == "single-object":
            if isinstance(schemas, Iterator):
                schemas = list(schemas)
            format_ = SingleObjectFormat(plain, () if schemas is None else schemas)
        elif framing == "confluent":
            format_ = ConfluentFormat(plain, schemas, schema_id)
        elif framing == "container":
            format_ = ContainerFormat(plain)
        options: Any = {"framing": framing, "schemas": schemas, "schema_id": schema_id, "compression": compression}
        options |= {"times": times, "decimals": decimals, "writer_schemas": tuple(writer.text for writer in writers)}
        super().__init__(format_, values, **options)

    def page_reader(self) -> ReadPage | None:
        """The function for records that are values alone, uncompressed and of one schema."""
        settings = self._settings
        alone = settings["framing"] == "none" and not settings["writer_schemas"] and settings["compression"] is None
        return avro_page_reader(self.schema) if alone else None


_OTHER_SCHEMAS = Metrics.counter("beam_dis.read", "other_schemas")
_OTHER_COLUMNS = Metrics.counter("beam_dis.read", "other_columns")
_AMBIGUOUS_RECORDS = Metrics.counter("beam_dis.read", "ambiguous_records")


def _count(other: bool, ambiguous: bool) -> None:
    """Count a record that another schema than that of the rows reads, or that several read."""
    if other:
        _OTHER_SCHEMAS.inc()
    if ambiguous:
        _AMBIGUOUS_RECORDS.inc()


class JSONCoder(RowsCoder):
    """JSON objects; timestamps and dates are written as the schema's numbers.

    Args:
        schema: an Avro schema, as JSON text or as parsed JSON.
        records: ``"one"``, a record is an object; ``"lines"``, one on each line; ``"array"``, an array of them.
        compression: ``"gzip"``, ``"snappy"`` or ``"zip"`` if records are compressed.
        times: what times and dates are in a row: ``"beam"``, Beam Timestamps and dates; ``"numbers"``, the schema's numbers;
            ``"text"``, ISO 8601 text.
        decimals: what decimals are in a row: ``"beam"``, Python's; ``"text"``, their digits.

    Raises:
        ConfigurationError: it isn't an Avro schema of a record.
    """

    def __init__(
        self,
        schema: AvroSchema,
        *,
        records: str = "one",
        compression: str | None = None,
        times: str = "beam",
        decimals: str = "beam",
    ) -> None:
        values = RowValues(times, decimals)
        one = JSONFormat(schema, values)
        records = checked_word("records", records, ("one", "lines", "array"))
        format_: Format = one
        if records != "one":
            format_ = JSONLinesFormat(one) if records == "lines" else JSONArrayFormat(one)
        super().__init__(format_, values, records=records, compression=compression, times=times, decimals=decimals)


class CSVCoder(WritersCoder):
    """Rows of CSV, columns in the order of the schema's fields; timestamps are ISO 8601 text.

    Args:
        schema: an Avro schema, as JSON text or as parsed JSON; flat.
        delimiter: one character or several; a backslash and a ``t``, as users type it, are a tab.
        null: the text of a null in nullable columns, such as ``"NA"``.
        booleans: the texts of true and false, such as ``("t", "f")`` or ``("1", "0")``. ``true`` and ``false`` are read too.
        time_zone: the zone of timestamps whose text has none, as databases print them: ``"UTC"``, ``"+02:00"`` or
            ``"Europe/Berlin"``. By default they are refused.
        records: ``"one"``, a record is a row; ``"lines"``, one on each line; ``"header"``, the same after a line with the names
            of the columns, which may be in any order.
        writer_schemas: other schemas that rows may be written with, the most likely one first. A row with as many columns as one
            of them has fields has its columns, which are found by name and alias.
        compression: ``"gzip"``, ``"snappy"`` or ``"zip"`` if records are compressed.
        times: what times and dates are in a row: ``"beam"``, Beam Timestamps and dates; ``"numbers"``, the schema's numbers;
            ``"text"``, ISO 8601 text.
        decimals: what decimals are in a row: ``"beam"``, Python's; ``"text"``, their digits.

    Raises:
        ConfigurationError: it isn't an Avro schema of a record, or isn't flat, or an option is wrong.
    """

    def __init__(
        self,
        schema: AvroSchema,
        *,
        delimiter: str = ",",
        null: str = "",
        booleans: tuple[str, str] = ("true", "false"),
        time_zone: str | None = None,
        records: str = "one",
        writer_schemas: Iterable[AvroSchema] = (),
        compression: str | None = None,
        times: str = "beam",
        decimals: str = "beam",
    ) -> None:
        values, writers = RowValues(times, decimals), read_writers(writer_schemas)
        options: Any = {"delimiter": delimiter, "null": null, "booleans": booleans, "time_zone": time_zone}
        one = CSVFormat(schema, values, writers=writers, noticed=_OTHER_COLUMNS.inc, **options)
        records = checked_word("records", records, ("one", "lines", "header"))
        format_: Format = one
        if records == "lines":
            format_ = CSVLinesFormat(one)
        elif records == "header":
            format_ = CSVHeaderFormat(one, values, partial(CSVFormat, **options))
        options |= {"records": records, "writer_schemas": tuple(writer.text for writer in writers)}
        super().__init__(format_, values, compression=compression, times=times, decimals=decimals, **options)
        self._one = one

    def page_reader(self) -> ReadPage | None:
        """The function for records that are values alone, uncompressed and of one schema."""
        settings = self._settings
        usual = settings["booleans"] == ("true", "false") and settings["time_zone"] is None
        alone = settings["records"] == "one" and not settings["writer_schemas"] and settings["compression"] is None
        return csv_page_reader(self._one) if usual and alone else None


class RowsWithMetadata:
    """Makes a row of a record: the values of its data, then those of its metadata.

    Args:
        coder: the coder of the rows without metadata.
        names: names of :data:`METADATA`, at least one.
        decode: reads the data; by default the coder.

    Raises:
        ConfigurationError: the schema has a field of that name.
    """

    def __init__(self, coder: RowsCoder, names: Sequence[str], decode: Callable[[bytes], Any] | None = None) -> None:
        self._coder, self._names, self._given = coder, tuple(names), decode
        self._decode = coder.decode if decode is None else decode
        record, values = coder.schema.record, coder.values
        fields = [field.name for field in record.fields]
        taken = dict(zip(attributes(fields), fields, strict=True))
        for name in names:
            if f"{name}_" in taken:
                raise ConfigurationError(
                    f"metadata={self._names!r} adds the field '{name}_' to rows of {record.name}, and the field"
                    f" {taken[f'{name}_']!r} of the schema has that name: leave out {name!r}, or rename the field"
                )
        added = tuple(RecordField(f"_{name}", METADATA[name][1]) for name in names)
        self.row_type = values.row_type(RecordType(record.name, (*record.fields, *added)))
        self._make = partial(tuple.__new__, self.row_type)
        self._parts = [_part(name, coder) for name in names]

    def __call__(self, record: DISRecord) -> Any:
        """The row of a record. Raises DecodeError."""
        parts = [part(record) for part in self._parts]
        rows = self._decode(record.data)
        if isinstance(rows, Rows):
            return Rows(self._make((*row, *parts)) for row in rows)
        return self._make((*rows, *parts))

    def to_type_hint(self) -> Any:
        """The row type as Beam's own type."""
        return RowTypeHint(self.row_type)

    def __reduce__(self) -> Any:
        return RowsWithMetadata, (self._coder, self._names, self._given)


def _part(name: str, coder: RowsCoder) -> Callable[[DISRecord], Any]:
    attribute, type_ = METADATA[name]
    get = attrgetter(attribute)
    number = coder.values.number(type_) if isinstance(type_, Scalar) else None
    if number is None:
        return get
    value = number.value
    return lambda record: value(get(record))
