"""The pipeline that the examples deploy: it counts the rows of a stream per key and minute, and writes the counts to another.

    python deploy/count_rows.py --input=events --output=counts --dis_region=eu-de --dis_project_id=… FLAGS

The streams need a data_schema: that of the input has a text field ``key``, that of the output has ``key`` (string), ``second`` (long:
the start of the minute, in seconds since 1970) and ``count`` (long). Replace it with a pipeline of your own.
"""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.window import FixedWindows

from beam_dis import DISConnection, ReadFromDIS, WriteToDIS


class CountOptions(PipelineOptions):
    """The options of this pipeline."""

    @classmethod
    def _add_argparse_args(cls, parser: ArgumentParser) -> None:
        parser.add_argument("--input", default="events", help="the stream of rows (events)")
        parser.add_argument("--output", default="counts", help="the stream of counts (counts)")
        parser.add_argument("--window_seconds", type=int, default=60, help="the length of a window (60)")


def count_of(counted: tuple[str, int], window: Any = beam.DoFn.WindowParam) -> beam.Row:
    """A row of the output."""
    return beam.Row(key=counted[0], second=int(window.start), count=counted[1])


def main(connection: DISConnection | None = None) -> None:
    """Start the pipeline.

    Args:
        connection: where the streams are; None: as the options and the environment say.
    """
    options = PipelineOptions()
    given = options.view_as(CountOptions)
    with beam.Pipeline(options=options) as pipeline:
        _ = (
            pipeline
            | "ReadRows" >> ReadFromDIS(given.input, decode="rows", connection=connection)
            | "KeyOf" >> beam.Map(lambda row: (str(row.key), 1)).with_output_types(tuple[str, int])
            | "Windows" >> beam.WindowInto(FixedWindows(given.window_seconds))
            | "Count" >> beam.CombinePerKey(sum)
            | "CountOf" >> beam.Map(count_of)
            | "WriteCounts" >> WriteToDIS(given.output, encode="rows", partition_key="key", connection=connection)
        )


if __name__ == "__main__":
    main()
