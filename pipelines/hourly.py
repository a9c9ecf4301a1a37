"""Adds up each hour's orders by customer: a job that a timer starts every hour, and that catches up with what it missed.

    python pipelines/hourly.py --dis_region=eu-de --dis_project_id=…

It reads from where its app is to the last full hour, so each hour is read by one run and is complete. The app is committed after the
sums are written. If a run fails, or the job was off for a day, the next run reads all that isn't committed. What a failed run had
written already is written again, so each sum has an id: ``DropDuplicates("id", …)`` in a reader drops the second.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.window import FixedWindows

from beam_dis import CommitToDIS, ReadFromDIS, StoppingPosition, WriteToDIS

HOUR = 60 * 60


class HourlyOptions(PipelineOptions):
    """The options of this pipeline."""

    @classmethod
    def _add_argparse_args(cls, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--input_stream", default="orders", help="a stream with orders.avsc as its data_schema (orders)"
        )
        parser.add_argument("--output_stream", default="sums", help="the stream for the sums (sums)")
        parser.add_argument("--app", default="hourly", help="the app that knows what was read (hourly)")
        parser.add_argument("--until", help="read the records that arrived before this time (the last full hour)")


class HourlySum(NamedTuple):
    """A row of the output; ``id`` is the same if a run is repeated."""

    id: str
    customer: str
    hour: str
    cents: int


def last_full_hour(now: datetime) -> str:
    """The beginning of the hour of a time, as ISO text."""
    return now.replace(minute=0, second=0, microsecond=0).isoformat()


def sum_of(totals: Any, window: Any = beam.DoFn.WindowParam) -> HourlySum:
    """A customer's total of one window, which is one hour, as a row."""
    hour = window.start.to_utc_datetime().isoformat()
    return HourlySum(f"{totals.customer} {hour}", totals.customer, hour, totals.cents)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the pipeline."""
    options = PipelineOptions(arguments)
    own = options.view_as(HourlyOptions)
    stop = StoppingPosition.at_timestamp(own.until or last_full_hour(datetime.now(timezone.utc)))
    with beam.Pipeline(options=options) as pipeline:
        read = pipeline | "ReadOrders" >> ReadFromDIS(
            own.input_stream, stop=stop, app=own.app, commit="manual", decode="rows"
        )
        written = (
            read.records
            | "ByHour" >> beam.WindowInto(FixedWindows(HOUR))
            | "ByCustomer"
            >> beam.GroupBy(customer=lambda order: str(order.customer)).aggregate_field("cents", sum, "cents")
            | "Sum" >> beam.Map(sum_of).with_output_types(HourlySum)
            | "WriteSums" >> WriteToDIS(own.output_stream, encode="rows", partition_key="customer")
        )
        _ = read.positions | beam.WaitOn(written.done) | CommitToDIS(own.app)


if __name__ == "__main__":
    main()
