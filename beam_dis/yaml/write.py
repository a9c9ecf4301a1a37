"""WriteToDIS of Beam YAML: its keys, and its outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam import pvalue
from apache_beam.typehints.row_type import RowTypeConstraint

from beam_dis.coders.metadata import METADATA_FIELDS
from beam_dis.connection import checked_connection
from beam_dis.errors import ConfigurationError
from beam_dis.field_values import FieldValue
from beam_dis.formats.payloads import payload_bytes
from beam_dis.write import WriteToDIS
from beam_dis.yaml.beam_schema import avro_of_beam_schema, schema_of_elements
from beam_dis.yaml.config import connection_of, field_name, require_field, transform
from beam_dis.yaml.error_rows import DeadLetterOutput, ErrorOutput
from beam_dis.yaml.rows import PAYLOADS, check_schema, coder_of, format_of, naming_format

DONE = "done"


@transform("WriteToDIS")
def write_to_dis(
    *,
    stream: str,
    format: str | None = None,  # noqa: A002 - the key of Beam's own sinks
    schema: Any = None,
    format_options: Any = None,
    partition_key: str | None = None,
    explicit_hash_key: str | None = None,
    partition_id: str | None = None,
    timestamp: str | None = None,
    client_info: str | None = None,
    ordered: bool = False,
    in_flight: int | None = None,
    batch_records: int | None = None,
    batch_bytes: int | None = None,
    connection: Any = None,
    error_handling: Any = None,
) -> beam.PTransform[pvalue.PCollection[Any], Any]:
    """Writes rows to a DIS stream.

    The output ``done`` has no elements: CommitToDIS waits for it. With ``error_handling`` there is an output for errors too.

    Args:
        stream: the stream's name, or its id if another project shares it.
        format: RAW or STRING for rows with one field, besides those that choose the partition, whose bytes or text is the
            record; JSON, CSV or AVRO for rows by ``schema``. Without it, rows are by the schema that the stream has when the
            pipeline is built.
        schema: an Avro schema or a JSON schema, as a mapping or JSON text. By default it is made from the fields of the rows.
        format_options: the arguments of the format's coder, such as ``{delimiter: ";"}``.
        partition_key: the field with the partition key.
        explicit_hash_key: the field with a number in the hash ranges of the partitions.
        partition_id: the field with the partition.
        timestamp: the field with a time to send along with the record.
        client_info: the field with up to 16 bytes that V3IO keeps beside the data.
        ordered: keep the order of each partition key.
        in_flight: how many requests a worker sends at a time, 1 to 64.
        batch_records: the most records of a request.
        batch_bytes: the most bytes of data of a request.
        connection: endpoint, region, project_id, timeout, deadline, proxy, ca_bundle, and as credentials the path of a function that
            returns them. What is left out comes from the pipeline's options and the environment. One with a container is to
            V3IO.
        error_handling: the output for rows that can't be written, and a threshold.
    """
    word = format_of(format)
    check_schema(word, schema, format_options)
    if word not in (None, *PAYLOADS) and schema is not None:
        coder_of(str(word), schema, format_options)  # its errors now, with the key
    routing = {
        "partition_key": partition_key,
        "explicit_hash_key": explicit_hash_key,
        "partition_id": partition_id,
        "timestamp": timestamp,
        "client_info": client_info,
    }
    fields = {key: field_name(key, name) for key, name in routing.items() if name is not None}
    arguments: dict[str, Any] = {
        **fields,
        "ordered": ordered,
        "batch_records": batch_records,
        "batch_bytes": batch_bytes,
        "connection": connection_of(connection),
    }
    if in_flight is not None:
        arguments["in_flight"] = in_flight
    checked_connection(arguments["connection"]).checked_stream("stream", stream)
    WriteToDIS(stream, **arguments)  # its errors now, before the type of the elements is known
    errors = ErrorOutput.of(error_handling, (DONE,))
    return _WriteFromYAML(stream, arguments, errors, _EncoderOf(word, schema, format_options, fields))


class _WriteFromYAML(beam.PTransform[pvalue.PCollection[Any], Any]):
    """A write whose encoder may depend on the type of the elements."""

    def __init__(
        self,
        stream: str,
        arguments: dict[str, Any],
        errors: ErrorOutput | None,
        encoder_of: Callable[[Any], Any],
    ) -> None:
        super().__init__()
        self._stream, self._arguments, self._errors, self._encoder_of = stream, arguments, errors, encoder_of

    def expand(self, rows: pvalue.PCollection[Any]) -> dict[str, pvalue.PCollection[Any]]:
        """``done``, and the errors if they are asked for."""
        encode = self._encoder_of(rows.element_type)
        write: WriteToDIS[Any, Any] = WriteToDIS(self._stream, encode=encode, **self._arguments)
        dead_letters = DeadLetterOutput()
        if self._errors is not None:
            handler: Any = dead_letters
            write.with_error_handler(handler, threshold=self._errors.threshold)
        with naming_format("encode"):
            outputs = {DONE: (rows | write).done}
        if self._errors is not None:
            outputs[self._errors.name] = dead_letters.rows(rows.element_type, "element")
        return outputs


@dataclass(frozen=True, slots=True)
class _EncoderOf:
    """Makes ``encode`` of WriteToDIS for elements of a type; ``routing`` has the keys that name a field of the rows."""

    format: str | None
    schema: Any
    options: Any
    routing: Mapping[str, str]

    def __call__(self, element_type: Any) -> Any:
        has_schema = self.format is None or self.schema is not None
        if has_schema and not isinstance(element_type, RowTypeConstraint):
            return "rows" if self.format is None else coder_of(self.format, self.schema, self.options)
        rows = schema_of_elements(element_type)
        names = [field.name for field in rows.fields]
        for key, name in self.routing.items():
            require_field(key, name, names)
        if self.format is None:
            return "rows"
        if self.format in PAYLOADS:
            return self._payload_encoder(names)
        schema = self.schema or avro_of_beam_schema(rows, METADATA_FIELDS)
        return coder_of(self.format, schema, self.options)

    def _payload_encoder(self, names: list[str]) -> Any:
        if self.options is not None:
            raise ConfigurationError(f"format_options: {self.format} has none when records are written: leave it out")
        others = METADATA_FIELDS.union(self.routing.values())
        payloads = [name for name in names if name not in others] or names
        if len(payloads) != 1:
            raise ConfigurationError(
                f"format: {self.format} takes rows with one field besides those that choose the partition, and the rows have"
                f" {', '.join(payloads)}: drop the others, or give JSON, CSV or AVRO"
            )
        return _PayloadEncoder(payloads[0])


@dataclass(frozen=True, slots=True)
class _PayloadEncoder:
    """The bytes or the text of a field of a row."""

    field: str

    def __call__(self, row: Any) -> bytes:
        return payload_bytes(FieldValue(self.field)(row), self.field)
