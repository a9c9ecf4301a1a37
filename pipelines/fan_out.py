"""Fans orders out by key: each order goes to the stream of its customer, and those without a stream to one for the others.

    python pipelines/fan_out.py --dis_region=eu-de --dis_project_id=…

The order of a customer ann goes to orders-ann, by the schema of that stream. Streams are not created: an order whose stream doesn't
exist, or whose schema doesn't fit, becomes a dead letter, and is written to the stream for the others as JSON.
"""

from __future__ import annotations

import json
from argparse import ArgumentParser
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from beam_dis import CommitToDIS, DeadLetter, ReadFromDIS, WriteToDIS


class FanOutOptions(PipelineOptions):
    """The options of this pipeline."""

    @classmethod
    def _add_argparse_args(cls, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--input_stream", default="orders", help="a stream with orders.avsc as its data_schema (orders)"
        )
        parser.add_argument(
            "--prefix", default="orders-", help="what the names of the output streams begin with (orders-)"
        )
        parser.add_argument("--others", default="others", help="the stream for all other orders (others)")
        parser.add_argument("--app", default="fan-out", help="the app that knows what was read (fan-out)")


def order_of(letter: DeadLetter) -> bytes:
    """The order that wasn't written, as JSON."""
    return json.dumps(letter.element._asdict()).encode()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the pipeline on what arrived since its last run."""
    options = PipelineOptions(arguments)
    own = options.view_as(FanOutOptions)
    prefix = own.prefix
    with beam.Pipeline(options=options) as pipeline:
        read = pipeline | "ReadOrders" >> ReadFromDIS(
            own.input_stream, stop="latest", app=own.app, commit="manual", decode="rows"
        )
        fanned_out = read.records | "FanOut" >> WriteToDIS(
            lambda order: f"{prefix}{order.customer}", encode="rows", partition_key="id", dead_letters=True
        )
        others = fanned_out.dead_letters | "WriteOthers" >> WriteToDIS(
            own.others, encode=order_of, partition_key=lambda letter: letter.element.id
        )
        _ = read.positions | beam.WaitOn(fanned_out.done, others.done) | CommitToDIS(own.app)


if __name__ == "__main__":
    main()
