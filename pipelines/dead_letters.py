"""Keeps the records that don't decode in a stream of their own, and puts them back once the cause is mended.

    python pipelines/dead_letters.py copy   --dis_region=eu-de --dis_project_id=…
    python pipelines/dead_letters.py replay --dis_region=eu-de --dis_project_id=…

``copy`` reads the orders that arrived since its last run, by the schema that the stream has now. It writes them to another stream, and
the records that don't decode to a third, with the reason. ``replay`` puts these back into the stream that they came from, where the
next ``copy`` reads them. Mend the schema or the writer in between. A record that still doesn't decode becomes a dead letter again.

Both commit to an app after everything is written, so a run that fails is repeated by the next one.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from beam_dis import CommitToDIS, DeadLetter, ReadFromDIS, WriteToDIS


class DeadLettersOptions(PipelineOptions):
    """The options of both pipelines."""

    @classmethod
    def _add_argparse_args(cls, parser: ArgumentParser) -> None:
        parser.add_argument("--input_stream", default="orders", help="a stream with a data_schema (orders)")
        parser.add_argument("--output_stream", default="copied", help="a stream with the same data_schema (copied)")
        parser.add_argument("--dead_letters", default="rejected", help="the stream for dead letters (rejected)")


def copy(options: PipelineOptions) -> None:
    """Orders into another stream; those that don't decode into the stream of dead letters."""
    own = options.view_as(DeadLettersOptions)
    with beam.Pipeline(options=options) as pipeline:
        read = pipeline | "ReadOrders" >> ReadFromDIS(
            own.input_stream, stop="latest", app="copy", commit="manual", decode="rows", dead_letters=True
        )
        copied = read.records | "WriteOrders" >> WriteToDIS(own.output_stream, encode="rows")
        rejected = read.dead_letters | "WriteDeadLetters" >> WriteToDIS(own.dead_letters, encode=DeadLetter.to_json)
        _ = read.positions | beam.WaitOn(copied.done, rejected.done) | CommitToDIS("copy")


def replay(options: PipelineOptions) -> None:
    """Dead letters into the streams that they came from, each once."""
    own = options.view_as(DeadLettersOptions)
    with beam.Pipeline(options=options) as pipeline:
        read = pipeline | "ReadDeadLetters" >> ReadFromDIS(
            own.dead_letters, stop="latest", app="replay", commit="manual", decode="bytes"
        )
        replayed = (
            read.records
            | "Letter" >> beam.Map(DeadLetter.from_json).with_output_types(DeadLetter)
            | "PutBack"
            >> WriteToDIS(
                lambda letter: letter.stream, encode=lambda letter: letter.data, partition_key="partition_key"
            )
        )
        _ = read.positions | beam.WaitOn(replayed.done) | CommitToDIS("replay")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the pipeline that the first argument names."""
    parser = ArgumentParser(description="Keep records that don't decode, and replay them.")
    parser.add_argument("pipeline", choices=["copy", "replay"])
    command, others = parser.parse_known_args(sys.argv[1:] if arguments is None else arguments)
    {"copy": copy, "replay": replay}[command.pipeline](PipelineOptions(others))


if __name__ == "__main__":
    main()
