"""What ``decode=`` of the source and ``encode=`` of the sink mean.

Law: decided when the pipeline is built; a wrong value is a ConfigurationError then. What comes out is a function that
pickles, with the type that goes into or comes out of it. Whatever goes wrong with one record on the worker is a DecodeError
with the record's place, whatever goes wrong with one element an EncodeError, so that one dead letter is one exception.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import apache_beam as beam
from apache_beam.typehints import decorators, trivial_inference

from beam_dis.coders.row_coders import AvroCoder, CSVCoder, JSONCoder
from beam_dis.errors import ConfigurationError, DecodeError, EncodeError
from beam_dis.formats import format_of
from beam_dis.formats.misfit import shown
from beam_dis.record import DISRecord
from beam_dis.stream_service import StreamListing

Describe = Callable[[], StreamListing]


def decoder_for(decode: Any, describe: Describe) -> tuple[Callable[[DISRecord], Any], Any]:
    """The function that makes an element of a record, and the element's type.

    ``decode`` is "record", "bytes", "rows" (which calls ``describe`` once, now), a Beam coder for the data, or a function
    of the DISRecord. The function raises DecodeError with the record's place in it.
    """
    known = _DECODERS.get(decode) if isinstance(decode, str) else None
    if known is not None:
        return known
    if decode == "rows":
        decode = _coder_of(describe(), "decode")
    if isinstance(decode, beam.coders.Coder):
        return Decoder(decode.decode, attrgetter("data")), decode.to_type_hint()
    if callable(decode) and not _is_coder_class(decode):
        return Decoder(decode), _output_type(decode)
    raise _wrong("decode", decode, "a function of the DISRecord")


def encoder_for(encode: Any, describe: Describe) -> tuple[Callable[[Any], bytes], Any]:
    """The function that makes a record's data of an element, and the type that it takes.

    ``encode`` is "bytes", "record" (the data of a DISRecord), "rows" (which calls ``describe`` once, now), a Beam coder,
    or a function of the element that returns bytes. The function raises EncodeError.
    """
    known = _ENCODERS.get(encode) if isinstance(encode, str) else None
    if known is not None:
        return known
    if encode == "rows":
        encode = _coder_of(describe(), "encode")
    if isinstance(encode, beam.coders.Coder):
        return Encoder(encode.encode), Any
    if callable(encode) and not _is_coder_class(encode):
        return Encoder(encode), Any
    raise _wrong("encode", encode, "a function of the element that returns bytes")


@dataclass(frozen=True)
class Decoder:
    """A function of a record, or of a part of it, whose every failure is a DecodeError with the record's place."""

    decode: Callable[[Any], Any]
    part: Callable[[DISRecord], Any] | None = None

    def __call__(self, record: DISRecord) -> Any:
        """The element of a record."""
        try:
            return self.decode(record if self.part is None else self.part(record))
        except DecodeError as error:
            raise error.at(record.stream, record.partition_id, record.sequence_number) from error
        except Exception as error:
            reason = f"{type(error).__name__} of {shown(self.decode)}: {error}"
            raise DecodeError(reason).at(record.stream, record.partition_id, record.sequence_number) from error


@dataclass(frozen=True)
class Encoder:
    """A function of an element whose every failure is an EncodeError, and that returns bytes or fails."""

    encode: Callable[[Any], Any]

    def __call__(self, element: Any) -> bytes:
        """The data of an element's record."""
        try:
            data = self.encode(element)
        except EncodeError:
            raise
        except Exception as error:
            raise EncodeError(f"{type(error).__name__} of {shown(self.encode)} on {shown(element)}: {error}") from error
        return data if type(data) is bytes else _as_bytes(data)


def _as_bytes(data: Any) -> bytes:
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise EncodeError(
        f"{shown(data)} is of type {type(data).__name__}, not bytes: say with encode= how it is to be written"
    )


def _same(value: Any) -> Any:
    return value


def _data_of(element: Any) -> Any:
    if isinstance(element, DISRecord):
        return element.data
    raise EncodeError(
        f"{shown(element)} is of type {type(element).__name__}, not a DISRecord, as encode='record' wants"
    )


_DECODERS: dict[str, tuple[Callable[[DISRecord], Any], Any]] = {
    "record": (_same, DISRecord),
    "bytes": (attrgetter("data"), bytes),
}

_ENCODERS: dict[str, tuple[Callable[[Any], bytes], Any]] = {
    "record": (Encoder(_data_of), DISRecord),
    "bytes": (Encoder(_same), bytes),
}

_CODERS: dict[str, Callable[[str, str], beam.coders.Coder]] = {
    "BLOB": lambda schema, _delimiter: AvroCoder(schema),
    "JSON": lambda schema, _delimiter: JSONCoder(schema),
    "CSV": lambda schema, delimiter: CSVCoder(schema, delimiter=delimiter),
}


def _coder_of(stream: StreamListing, argument: str) -> beam.coders.Coder:
    """The coder of a stream's rows; a stream without a usable schema is refused in the words of ``format_of``."""
    try:
        schema = format_of(stream.data_type, stream.data_schema, delimiter=stream.delimiter).schema
        return _CODERS[stream.data_type](schema.text, stream.delimiter)
    except ConfigurationError as error:
        raise ConfigurationError(f"{argument}='rows' of stream {stream.name!r}: {error}") from error


def _is_coder_class(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, beam.coders.Coder)


def _output_type(function: Callable[[Any], Any]) -> Any:
    """What a function of a DISRecord returns: by its annotations, else as Beam infers it."""
    hints = decorators.get_type_hints(function).with_defaults(decorators.IOTypeHints.from_callable(function))
    annotated = hints.simple_output_type("decode") if hints else None
    return annotated or trivial_inference.infer_return_type(function, [DISRecord])


def _wrong(argument: str, value: Any, function: str) -> ConfigurationError:
    hint = f"; give an instance, such as {value.__name__}(schema)" if _is_coder_class(value) else ""
    return ConfigurationError(
        f"{argument}={shown(value)} is neither 'record', 'bytes' nor 'rows', nor a Beam coder, nor {function}{hint}"
    )
