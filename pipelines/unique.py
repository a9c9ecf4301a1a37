"""Copies a stream without duplicates: of the orders with the same id only the first is copied.

    python pipelines/unique.py --dis_region=eu-de --dis_project_id=… --runner=FlinkRunner --streaming

A writer that isn't sure whether a record arrived puts it again, so a stream can have it twice. The id comes from the data. It is
remembered for a day of event time, in the runner's state. With ``--until=latest`` the pipeline ends.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from beam_dis import DropDuplicates, ReadFromDIS, WriteToDIS

DAY = 24 * 60 * 60


class UniqueOptions(PipelineOptions):
    """The options of this pipeline."""

    @classmethod
    def _add_argparse_args(cls, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--input_stream", default="orders", help="a stream with orders.avsc as its data_schema (orders)"
        )
        parser.add_argument("--output_stream", default="unique", help="the stream for the copy (unique)")
        parser.add_argument("--until", help="where the read stops: latest, or a time (never)")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the pipeline."""
    options = PipelineOptions(arguments)
    own = options.view_as(UniqueOptions)
    with beam.Pipeline(options=options) as pipeline:
        _ = (
            pipeline
            | "ReadOrders" >> ReadFromDIS(own.input_stream, stop=own.until, decode="rows")
            | "FirstOfEachId" >> DropDuplicates("id", within=DAY)
            | "WriteOrders" >> WriteToDIS(own.output_stream, encode="rows", partition_key="id")
        )


if __name__ == "__main__":
    main()
