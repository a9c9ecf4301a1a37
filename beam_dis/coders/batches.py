"""Rows as Arrow record batches, for ``decode="arrow"``.

Rules:
1. The elements are rows, as with ``decode="rows"``. Between steps they are batches, if the next step has ``process_batch``;
   Beam makes rows of a batch for every other step.
2. A batch has a column for each field of the row, of the same name. ``formats/arrow_types.py`` says of which type.
3. Records that can't be read all at once are read one by one, so the values are always those of ``decode="rows"``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from operator import attrgetter
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam import coders
from apache_beam.typehints import typehints
from apache_beam.typehints.batch import BatchConverter

from beam_dis.coders.evolving import EvolvingRows
from beam_dis.coders.metadata import METADATA
from beam_dis.coders.row_coders import RowsCoder, RowsWithMetadata, WritersCoder
from beam_dis.coders.row_types import HintedRowCoder, RowTypeHint
from beam_dis.formats import Rows
from beam_dis.formats.arrow_pages import NotAtOnceError
from beam_dis.formats.arrow_types import arrow_schema, columns, number_of_numbers, number_of_rows, values
from beam_dis.formats.type_tree import RecordField, RecordType
from beam_dis.record import DISRecord

Schemas = Callable[[], tuple[str, ...]]


class ArrowBatches:
    """Makes batches of records.

    Args:
        coder: the coder of the rows.
        metadata: names of :data:`METADATA`: columns after those of the data.
        schemas: returns the schemas that the stream has had, newest first, for records that ``coder`` doesn't read.

    Raises:
        ConfigurationError: the schema has a field of the name of a metadata column.
    """

    def __init__(self, coder: RowsCoder, metadata: Sequence[str] = (), schemas: Schemas | None = None) -> None:
        self._coder, self._metadata, self._schemas = coder, tuple(metadata), schemas
        self.row_type = RowsWithMetadata(coder, metadata).row_type if metadata else coder.row_type
        self._record = coder.schema.record
        self.types = coder.values
        numbers = coder.with_settings(times="numbers")
        self._number_of = number_of_numbers(numbers.values)
        self._evolving = None
        if schemas is not None and isinstance(numbers, WritersCoder):
            self._evolving = EvolvingRows(numbers, schemas)
        self._decode = numbers.decode if self._evolving is None else self._evolving.decode
        self._read_page = coder.page_reader()
        added = [RecordField(f"{name}_", METADATA[name][1]) for name in self._metadata]
        self.record = RecordType(self._record.name, (*self._record.fields, *added))
        self.schema = arrow_schema(self.record, self.row_type._fields)
        self._attributes = [attrgetter(METADATA[name][0]) for name in self._metadata]

    @property
    def reads_pages(self) -> bool:
        """Whether some records can be read all at once."""
        return self._read_page is not None and not (self._evolving is not None and self._evolving.knows_others)

    def decode(self, data: bytes) -> Any:
        """The row of a record's bytes, with times as numbers, or the :class:`Rows` that it has. Raises DecodeError."""
        return self._decode(data)

    def of_page(self, records: Sequence[DISRecord]) -> pa.RecordBatch:
        """The batch of records that can be read all at once.

        Raises:
            NotAtOnceError: they must be read one by one.
        """
        if self._read_page is None or not self.reads_pages:
            raise NotAtOnceError
        return self._batch(self._read_page([record.data for record in records]), records)

    def of_rows(self, rows: Sequence[Any], records: Sequence[DISRecord]) -> pa.RecordBatch:
        """The batch of what ``decode`` makes of records."""
        if any(type(row) is Rows for row in rows):
            several = ((row if type(row) is Rows else [row], record) for row, record in zip(rows, records, strict=True))
            pairs = [(row, record) for own, record in several for row in own]
            rows, records = [row for row, _ in pairs], [record for _, record in pairs]
        data = pa.schema(list(self.schema)[: len(self._record.fields)])
        return self._batch(columns(self._record, self._number_of, data, rows), records)

    def to_type_hint(self) -> Any:
        """The row type as Beam's own type, which knows the batches."""
        return BatchedRowHint(self)

    def _batch(self, data: list[Any], records: Sequence[DISRecord]) -> pa.RecordBatch:
        added = [
            pa.array(list(map(get, records)), field.type)
            for get, field in zip(self._attributes, list(self.schema)[len(data) :], strict=True)
        ]
        if not data and not added:
            return no_columns(len(records))
        return pa.RecordBatch.from_arrays([*data, *added], schema=self.schema)

    def __reduce__(self) -> Any:
        return ArrowBatches, (self._coder, self._metadata, self._schemas)


class BatchesFn(beam.DoFn):
    """Passes batches on as batches, so that Beam takes their rows for the elements."""

    def __init__(self, batches: ArrowBatches) -> None:
        self._batches = batches

    @beam.DoFn.yields_batches  # type: ignore[untyped-decorator]
    def process(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """Pass a batch on."""
        yield batch

    def infer_output_type(self, input_type: Any) -> Any:
        """The type of the rows."""
        return self._batches.to_type_hint()

    def get_output_batch_type(self, input_element_type: Any) -> Any:
        """The type of the batches."""
        return pa.RecordBatch


class BatchedRowHint(RowTypeHint):
    """The type of rows that come as batches: it knows how to make rows of a batch."""

    def __init__(self, batches: ArrowBatches) -> None:
        super().__init__(batches.row_type)
        self.batches = batches

    def __reduce__(self) -> Any:
        return BatchedRowHint, (self.batches,)


coders.registry.register_coder(BatchedRowHint, HintedRowCoder)


class RowBatches(BatchConverter[pa.RecordBatch, Any]):
    """Makes rows of a batch for steps that take single elements, and batches of rows."""

    def __init__(self, hint: BatchedRowHint) -> None:
        super().__init__(pa.RecordBatch, hint)  # type: ignore[no-untyped-call]
        self._hint = hint
        batches = hint.batches
        self._readers = [partial(values, field.type, batches.types) for field in batches.record.fields]
        self._make = partial(tuple.__new__, batches.row_type)

    def explode_batch(self, batch: pa.RecordBatch) -> Iterator[Any]:
        """The rows of a batch."""
        if not self._readers:
            return iter([self._make(())] * batch.num_rows)
        columns_of = [read(column) for read, column in zip(self._readers, batch.columns, strict=True)]
        return map(self._make, zip(*columns_of, strict=True))

    def produce_batch(self, elements: Sequence[Any]) -> pa.RecordBatch:
        """The batch of some rows."""
        batches = self._hint.batches
        made = columns(batches.record, number_of_rows(batches.types), batches.schema, elements)
        return pa.RecordBatch.from_arrays(made, schema=batches.schema) if made else no_columns(len(elements))

    def combine_batches(self, batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
        """One batch of several."""
        return joined(batches)

    def get_length(self, batch: pa.RecordBatch) -> int:
        """How many rows a batch has."""
        return int(batch.num_rows)

    def estimate_byte_size(self, batch: pa.RecordBatch) -> int:
        """The bytes of a batch in memory."""
        return int(batch.nbytes)

    def __reduce__(self) -> Any:
        return RowBatches, (self._hint,)


@BatchConverter.register(name="beam_dis")  # type: ignore[untyped-decorator]
def _row_batches(element_type: Any, batch_type: Any) -> RowBatches:
    """How Beam finds the converter. It takes an annotation that is text (``from __future__ import annotations``) for Any."""
    if batch_type not in {pa.RecordBatch, typehints.Any} or not isinstance(element_type, BatchedRowHint):
        raise TypeError("for the rows of a read with decode='arrow' as pyarrow.RecordBatch")
    return RowBatches(element_type)


def no_columns(rows: int) -> pa.RecordBatch:
    """A batch of rows without columns."""
    return pa.RecordBatch.from_struct_array(pa.array([{}] * rows, pa.struct([])))


def joined(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """Batches of one schema as one batch."""
    return batches[0] if len(batches) == 1 else pa.Table.from_batches(batches).combine_chunks().to_batches()[0]
