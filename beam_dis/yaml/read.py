"""ReadFromDIS of Beam YAML: its keys, and its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apache_beam as beam
from apache_beam import pvalue
from apache_beam.typehints.row_type import RowTypeConstraint

from beam_dis.errors import ConfigurationError
from beam_dis.field_values import FieldValue
from beam_dis.read import ReadFromDIS, ReadFromDISResult
from beam_dis.yaml.config import connection_of, field_name, require_field, start_of, stop_of, transform
from beam_dis.yaml.error_rows import DeadLetterOutput, ErrorOutput
from beam_dis.yaml.rows import check_schema, coder_of, format_of, naming_format

RECORDS, POSITIONS = "good", "positions"


@transform("ReadFromDIS")
def read_from_dis(
    *,
    stream: str,
    format: str | None = None,  # noqa: A002 - the key of Beam's own sources
    schema: Any = None,
    format_options: Any = None,
    metadata: Sequence[str] = (),
    start: Any = None,
    stop: Any = None,
    app: str | None = None,
    commit: str = "finalized",
    timestamp_field: str | None = None,
    watermark_lag: float = 0.0,
    max_dead_letters: int | None = None,
    on_expired: str = "fail",
    on_missing: str = "fail",
    partitions: Any = None,
    redistribute: int | None = None,
    poll_interval: float = 1.0,
    discovery_interval: float | None = 1.0,
    connection: Any = None,
    error_handling: Any = None,
) -> beam.PTransform[pvalue.PBegin, Any]:
    """Reads a DIS stream.

    The output is rows. With ``error_handling`` or ``commit: manual`` there are more outputs, and that of the rows is ``good``.

    Args:
        stream: the stream's name, or its id if another project shares it.
        format: RAW for rows with the field ``payload``, the bytes of a record; STRING for the same as text; JSON, CSV or AVRO for
            rows by ``schema``. Without it, rows are by the schema that the stream has when the pipeline is built.
        schema: an Avro schema or a JSON schema, as a mapping or JSON text. For JSON, CSV and AVRO.
        format_options: the arguments of the format's coder, such as ``{delimiter: ";", "null": NA, times: text}``.
        metadata: fields of the record that rows have too: partition_key, sequence_number, partition_id, arrival_time, stream. In a
            row each has an underscore at the end.
        start: earliest, latest, checkpoint, or an ISO time in quotes; ``{sequence_numbers: {0: 17}}``; or
            ``{checkpoint: latest}``, the app's checkpoint or else another position. By default the checkpoint with ``app``, else
            earliest.
        stop: latest, or an ISO time in quotes; ``{sequence_numbers: {0: 17}}``; or ``{records: 1000, seconds: 60}``, whichever is
            first. Without it the read has no end.
        app: the app that owns the checkpoints.
        commit: finalized commits to the app when the runner has finalised what was read; manual commits nothing, and gives the
            output ``positions``, for CommitToDIS.
        timestamp_field: the field with the time of the event. By default that is the time of the record's arrival.
        watermark_lag: by how many seconds events may be late.
        max_dead_letters: fail if more records than this, in a row in one partition, don't decode.
        on_expired: fail, earliest or latest, if records expired before they were read.
        on_missing: fail or skip, if the stream or a partition isn't there.
        partitions: read only these, as numbers or partition ids.
        redistribute: shuffle the pages to so many groups before they are decoded.
        poll_interval: seconds between polls of an idle partition.
        discovery_interval: seconds between listings of the stream; null finds the partitions once.
        connection: endpoint, region, project_id, timeout, deadline, proxy, ca_bundle, and as credentials the path of a function that
            returns them. What is left out comes from the pipeline's options and the environment.
        error_handling: the output for records that don't decode, and a threshold.
    """
    word = format_of(format)
    check_schema(word, schema, format_options)
    decode: Any = "rows" if word is None else coder_of(word, schema, format_options)
    options: dict[str, Any] = {
        "start": start_of(start),
        "stop": stop_of(stop),
        "app": app,
        "commit": commit,
        "decode": decode,
        "metadata": metadata,
        "timestamp_fn": None if timestamp_field is None else FieldValue(field_name("timestamp_field", timestamp_field)),
        "watermark_lag": watermark_lag,
        "max_dead_letters": max_dead_letters,
        "on_expired": on_expired,
        "on_missing": on_missing,
        "partitions": partitions,
        "redistribute": redistribute,
        "poll_interval": poll_interval,
        "discovery_interval": discovery_interval,
        "connection": connection_of(connection),
    }
    errors = ErrorOutput.of(error_handling, (RECORDS, POSITIONS))
    if max_dead_letters is not None and errors is None:
        raise ConfigurationError("max_dead_letters needs error_handling: give that too, such as {output: errors}")
    if redistribute is not None and timestamp_field is not None:
        raise ConfigurationError(
            "redistribute and timestamp_field: records are decoded after the shuffle, and their times are needed before: leave"
            " out one of them, or set the times after the read with AssignTimestamps"
        )
    return _ReadFromYAML(ReadFromDIS(stream, **options), errors, timestamp_field)


class _ReadFromYAML(beam.PTransform[pvalue.PBegin, Any]):
    """A read whose outputs have the names that YAML uses."""

    def __init__(self, read: ReadFromDIS[Any], errors: ErrorOutput | None, timestamp_field: str | None) -> None:
        super().__init__()
        self._read, self._errors, self._timestamp_field = read, errors, timestamp_field

    def expand(self, pbegin: pvalue.PBegin) -> Any:
        """The rows, or with more outputs a dict of them."""
        dead_letters = DeadLetterOutput()
        if self._errors is not None:
            handler: Any = dead_letters
            self._read.with_error_handler(handler, threshold=self._errors.threshold)
        with naming_format("decode"):
            result: Any = pbegin | self._read
        outputs = {RECORDS: result}
        if isinstance(result, ReadFromDISResult):
            outputs = {RECORDS: result.records, POSITIONS: result.positions}
        self._check_timestamp_field(outputs[RECORDS].element_type)
        if self._errors is not None:
            outputs[self._errors.name] = dead_letters.rows(bytes, "data")
        return outputs if len(outputs) > 1 else outputs[RECORDS]

    def _check_timestamp_field(self, element_type: Any) -> None:
        name = self._timestamp_field
        if name is None or not isinstance(element_type, RowTypeConstraint):
            return
        require_field("timestamp_field", name, [field for field, _ in element_type._fields])
