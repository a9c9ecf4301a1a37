"""The meaning of ``decode=`` of the source and ``encode=`` of the sink.

Rules:
1. It is decided when the pipeline is built; a wrong value raises ConfigurationError then.
2. The result is a function that pickles, and the type of the elements.
3. Every failure for one record is a DecodeError with the record's position, and for one element an EncodeError. So one
   exception becomes one dead letter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

import apache_beam as beam
from apache_beam.typehints import decorators, trivial_inference

from beam_dis.coders.evolving import EvolvingRows
from beam_dis.coders.row_coders import AvroCoder, CSVCoder, JSONCoder, RowsCoder, RowsWithMetadata, WritersCoder
from beam_dis.errors import ConfigurationError, DecodeError, EncodeError
from beam_dis.formats import format_of
from beam_dis.formats.mismatch import brief
from beam_dis.names import did_you_mean
from beam_dis.plain_values import shown
from beam_dis.record import DISRecord
from beam_dis.stream_service import StreamListing

Describe = Callable[[], StreamListing]
Schemas = Callable[[], tuple[str, ...]]


def decoder_for(
    decode: Any, describe: Describe, metadata: Sequence[str] = (), schemas: Schemas | None = None
) -> tuple[Callable[[DISRecord], Any], Any]:
    """The function that makes an element from a record, and the type of the elements.

    Args:
        decode: ``"record"``, ``"bytes"``, ``"rows"``, ``"arrow"``, a Beam coder for the data, or a function of the DISRecord.
        describe: returns the stream's description; called once, now, for ``"rows"`` and ``"arrow"`` only.
        metadata: the fields of the record that are in a row too, by their names in ``METADATA``.
        schemas: returns the schemas that the stream has had, newest first, for records that don't decode as ``"rows"`` of its
            description; None if they are all written with that.

    Returns:
        The function, which raises DecodeError with the record's position, and the type.

    Raises:
        ConfigurationError: ``decode`` is something else, or the stream has no schema for rows, or ``metadata`` is for rows
            and ``decode`` gives others.
    """
    if metadata and not isinstance(decode, RowsCoder) and decode not in ("rows", "arrow"):
        raise ConfigurationError(
            f"metadata={metadata!r} adds fields to rows, and decode={shown(decode)} gives none:"
            " give decode='rows' or a coder such as AvroCoder(schema)"
        )
    known = _DECODERS.get(decode) if isinstance(decode, str) else None
    if known is not None:
        return known
    if decode == "arrow":
        return _arrow_decoder(_coder_of(describe(), decode=decode), metadata, schemas)
    read = None
    if decode == "rows":
        decode = _coder_of(describe(), decode=decode)
        if schemas is not None and isinstance(decode, WritersCoder):
            read = EvolvingRows(decode, schemas).decode
    if metadata:
        rows = RowsWithMetadata(decode, metadata, read)
        return Decoder(rows), rows.to_type_hint()
    if read is not None:
        return Decoder(read, attrgetter("data")), decode.to_type_hint()
    if isinstance(decode, beam.coders.Coder):
        return Decoder(decode.decode, attrgetter("data")), decode.to_type_hint()
    if callable(decode) and not _is_coder_class(decode):
        return Decoder(decode), _output_type(decode)
    raise _wrong("decode", decode, "a function of the DISRecord")


def encoder_for(encode: Any, describe: Describe) -> tuple[Callable[[Any], bytes], Any]:
    """The function that makes the data of an element's record, and the type of the elements.

    Args:
        encode: ``"bytes"``, ``"record"`` (the data of a DISRecord), ``"rows"``, a Beam coder, or a function of the element
            that returns bytes.
        describe: returns the stream's description; called once, now, for ``"rows"`` only.

    Returns:
        The function, which raises EncodeError, and the type; Any if it isn't known.

    Raises:
        ConfigurationError: ``encode`` is something else, or the stream has no schema for rows.
    """
    known = _ENCODERS.get(encode) if isinstance(encode, str) else None
    if known is not None:
        return known
    if encode == "rows":
        encode = _coder_of(describe(), encode=encode)
    if isinstance(encode, beam.coders.Coder):
        return Encoder(encode.encode), Any
    if callable(encode) and not _is_coder_class(encode):
        return Encoder(encode), Any
    raise _wrong("encode", encode, "a function of the element that returns bytes")


def row_encoder(stream: StreamListing) -> Callable[[Any], bytes]:
    """The function that makes the data of a row, by the schema of a stream. If that has no schema for rows, no row encodes."""
    try:
        return Encoder(_coder_of(stream, encode="rows").encode)
    except ConfigurationError as error:
        return partial(_refuse, str(error))  # a wrong schema is read once, and not for each row


@dataclass(frozen=True)
class Decoder:
    """Makes an element from a record, or from a part of it. Every failure is a DecodeError with the record's position."""

    decode: Callable[[Any], Any]
    part: Callable[[DISRecord], Any] | None = None

    def __call__(self, record: DISRecord) -> Any:
        """The element of a record."""
        try:
            return self.decode(record if self.part is None else self.part(record))
        except DecodeError as error:
            raise error.at(record.stream, record.partition_id, record.sequence_number) from error
        except Exception as error:
            reason = f"{type(error).__name__} of {shown(self.decode)}: {brief(error)}"
            raise DecodeError(reason).at(record.stream, record.partition_id, record.sequence_number) from error


@dataclass(frozen=True)
class ArrowDecoder(Decoder):
    """Makes the row of a batch from a record's data; ``batches`` makes the batches."""

    batches: Any = None


def _arrow_decoder(coder: RowsCoder, metadata: Sequence[str], schemas: Schemas | None) -> tuple[ArrowDecoder, Any]:
    from beam_dis.coders.batches import ArrowBatches  # imports pyarrow, which takes long

    batches = ArrowBatches(coder, metadata, schemas)
    return ArrowDecoder(batches.decode, attrgetter("data"), batches), batches.to_type_hint()


@dataclass(frozen=True)
class Encoder:
    """Makes the data of an element. Every failure is an EncodeError, and so is a result that isn't bytes."""

    encode: Callable[[Any], Any]

    def __call__(self, element: Any) -> bytes:
        """The data of an element's record."""
        try:
            data = self.encode(element)
        except EncodeError:
            raise
        except Exception as error:
            raise EncodeError(
                f"{type(error).__name__} of {shown(self.encode)} on {shown(element)}: {brief(error)}"
            ) from error
        return data if type(data) is bytes else _as_bytes(data)


def _refuse(reason: str, _row: Any) -> bytes:
    raise EncodeError(reason)


def _as_bytes(data: Any) -> bytes:
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise EncodeError(f"{shown(data)} is of type {type(data).__name__}, not bytes: say with encode= how it is written")


def _same(value: Any) -> Any:
    return value


def _data_of(element: Any) -> Any:
    if isinstance(element, DISRecord):
        return element.data
    raise EncodeError(
        f"{shown(element)} is of type {type(element).__name__}, not a DISRecord, which encode='record' needs"
    )


_WORDS = ("record", "bytes", "rows", "arrow")

_DECODERS: dict[str, tuple[Callable[[DISRecord], Any], Any]] = {
    "record": (_same, DISRecord),
    "bytes": (attrgetter("data"), bytes),
}

_ENCODERS: dict[str, tuple[Callable[[Any], bytes], Any]] = {
    "record": (Encoder(_data_of), DISRecord),
    "bytes": (Encoder(_same), bytes | bytearray | memoryview),
}

_CODERS: dict[str, Callable[[str, StreamListing], RowsCoder]] = {
    "BLOB": lambda schema, stream: AvroCoder(schema, compression=stream.compression),
    "JSON": lambda schema, stream: JSONCoder(schema, compression=stream.compression),
    "CSV": lambda schema, stream: CSVCoder(schema, delimiter=stream.delimiter, compression=stream.compression),
}


def _coder_of(stream: StreamListing, **argument: str) -> RowsCoder:
    """The coder of a stream's rows. Raises ConfigurationError if the stream has no schema for rows."""
    try:
        schema = format_of(stream.data_type, stream.data_schema, delimiter=stream.delimiter).schema
        return _CODERS[stream.data_type](schema.text, stream)
    except ConfigurationError as error:
        ((name, word),) = argument.items()
        raise ConfigurationError(f"{name}={word!r} of stream {stream.name!r}: {error}") from error


def _is_coder_class(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, beam.coders.Coder)


def _output_type(function: Callable[[Any], Any]) -> Any:
    """The type that a function of a DISRecord returns: by its annotations, or as Beam infers it."""
    hints = decorators.get_type_hints(function).with_defaults(decorators.IOTypeHints.from_callable(function))
    annotated = hints.simple_output_type("decode") if hints else None
    return annotated or trivial_inference.infer_return_type(function, [DISRecord])


def _wrong(argument: str, value: Any, function: str) -> ConfigurationError:
    hint = f"; give an instance, such as {value.__name__}(schema)" if _is_coder_class(value) else ""
    return ConfigurationError(
        f"{argument}={shown(value)} is neither 'record', 'bytes' nor 'rows'{did_you_mean(value, _WORDS)}, nor a Beam coder, nor"
        f" {function}{hint}"
    )
