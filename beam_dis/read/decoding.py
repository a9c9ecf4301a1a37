"""What ``decode=`` of a read means: how its pages are decoded, and the steps from pages to elements."""

from __future__ import annotations

from typing import Any

import apache_beam as beam
from apache_beam import pvalue
from apache_beam.options.pipeline_options import TypeOptions

from beam_dis.coders.resolve import ArrowDecoder, decoder_for
from beam_dis.connection import Connection
from beam_dis.dead_letter import DeadLetter
from beam_dis.errors import ConfigurationError
from beam_dis.outputs import typed_output
from beam_dis.read.decode import DEAD_LETTERS, DataDecoder, DeadLetterLimit, DecodePageFn, PageDecoder, PassDecodedFn
from beam_dis.read.redistribute import DecodePartFn, Redistribute
from beam_dis.read.schema_history import StreamSchemas, describe_once
from beam_dis.read.settings import ReadSettings
from beam_dis.stream_service import StreamListing

RECORDS = "records"
BY_STREAM = frozenset({"rows", "arrow"})
"""The values of ``decode=`` that are about the stream's own schema."""


def check_decode(settings: ReadSettings) -> None:
    """Check what can be checked without a service. Raises ConfigurationError."""
    by_stream = isinstance(settings.decode, str) and settings.decode in BY_STREAM
    if by_stream and settings.stream is None:
        raise ConfigurationError(
            f"ReadAllFromDIS(decode=\"{settings.decode}\"): the streams' schemas aren't known when the pipeline is built: give a"
            " coder, such as AvroCoder(schema)"
        )
    if not by_stream:
        decoder_for(settings.decode, _nothing_to_describe, settings.metadata)
    elif settings.decode == "arrow" and settings.timestamp_fn is not None:
        raise ConfigurationError(
            "timestamp_fn= is for single elements, and decode='arrow' gives batches: use decode='rows', or leave out"
            " timestamp_fn="
        )


class Decoding:
    """The decoding of one read.

    Args:
        settings: what the user asked for.
        connection: where the stream is, whose description is asked for now if its schema is needed.
        dead_letters: whether records that don't decode are an output.

    Raises:
        ConfigurationError: the stream has no schema, or ``max_dead_letters`` is given without dead letters.
    """

    def __init__(self, settings: ReadSettings, connection: Connection, *, dead_letters: bool) -> None:
        stream, interval = settings.stream or "", settings.discovery_interval
        decode, self._element_type = decoder_for(
            settings.decode,
            lambda: describe_once(connection, stream),
            settings.metadata,
            None if interval is None else StreamSchemas(connection, stream, interval),
        )
        self._times_in_values = settings.timestamp_fn is not None
        self._redistribute = settings.redistribute
        self._batches = decode.batches if isinstance(decode, ArrowDecoder) else None
        limit = DeadLetterLimit.of(settings.max_dead_letters, wanted=dead_letters)
        self.pages = (DataDecoder if settings.decode == "bytes" else PageDecoder)(decode, dead_letters, limit)
        if self._batches is not None:
            from beam_dis.read.decode_batches import BatchDecoder  # imports pyarrow, which takes long

            self.pages = BatchDecoder(decode, dead_letters, limit, batches=self._batches)

    def elements(self, pages: Any) -> tuple[pvalue.PCollection[Any], pvalue.PCollection[Any]]:
        """The elements and the dead letters of pages. Raises ConfigurationError if Beam's options don't allow batches."""
        decode: DecodePageFn = DecodePageFn(self.pages)
        if self._times_in_values:
            decode = PassDecodedFn(self.pages)
        elif self._redistribute is not None:
            decode = DecodePartFn(self.pages)
            pages |= "Redistribute" >> Redistribute(self._redistribute)
        decoded = pages | "DecodePage" >> beam.ParDo(decode).with_outputs(DEAD_LETTERS, main=RECORDS)
        dead_letters = typed_output(decoded, DEAD_LETTERS, DeadLetter)
        if self._batches is None:
            return typed_output(decoded, RECORDS, self._element_type), dead_letters
        if pages.pipeline.options.view_as(TypeOptions).runtime_type_check:
            raise ConfigurationError(
                "decode='arrow': with --runtime_type_check Beam hides process_batch of every step: leave the option out, or use"
                " --performance_runtime_type_check"
            )
        from beam_dis.coders.batches import BatchesFn

        records = typed_output(decoded, RECORDS, Any) | "Batches" >> beam.ParDo(BatchesFn(self._batches))
        records.element_type = self._element_type  # Beam sets none with --no_pipeline_type_check
        return records, dead_letters


def _nothing_to_describe() -> StreamListing:
    raise AssertionError("only decode='rows' and decode='arrow' describe the stream")
