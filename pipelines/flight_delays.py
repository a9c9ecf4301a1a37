"""Reads flights from a DIS stream and writes each carrier's delays per day to another.

    python pipelines/flight_delays.py --dis_region=eu-de --dis_project_id=… --input_stream=flights --output_stream=delays

Takes the options of any Beam pipeline, such as ``--runner``. The input has CSV records with the schema ``flights.avsc``, whose missing
values are the text NA. The output is a JSON stream with ``delays.avsc`` as its data_schema. A day is the UTC day of
``time_hour``, the scheduled hour of departure.
"""

from __future__ import annotations

import logging
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.window import FixedWindows, IntervalWindow

from beam_dis import CSVCoder, ReadFromDIS, StoppingPosition, WriteToDIS

FLIGHTS = CSVCoder(Path(__file__).with_name("flights.avsc").read_text(encoding="utf-8"), null="NA")
DAY = 24 * 60 * 60


class FlightDelaysOptions(PipelineOptions):
    """The options of this pipeline."""

    @classmethod
    def _add_argparse_args(cls, parser: ArgumentParser) -> None:
        parser.add_argument("--input_stream", default="flights", help="the stream of flights (flights)")
        parser.add_argument("--output_stream", default="delays", help="the stream for the delays (delays)")


class Delay(NamedTuple):
    """A row of the output; ``mean_dep_delay`` in minutes, over the flights that departed."""

    carrier: str
    day: str
    flights: int
    cancelled: int
    mean_dep_delay: float | None


def delay_of(totals: Any, window: Any = beam.DoFn.WindowParam) -> Delay:
    """A carrier's totals of one window, which is one day, as a row."""
    flown = totals.flights - totals.cancelled
    mean = totals.minutes / flown if flown else None
    return Delay(totals.carrier, day_of(window), totals.flights, totals.cancelled, mean)


def day_of(window: IntervalWindow) -> str:
    """The UTC day on which a window begins."""
    return window.start.to_utc_datetime().date().isoformat()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the pipeline on the records that are in the stream when it starts."""
    options = PipelineOptions(arguments)
    streams = options.view_as(FlightDelaysOptions)
    with beam.Pipeline(options=options) as pipeline:
        _ = (
            pipeline
            | "ReadFlights"
            >> ReadFromDIS(
                streams.input_stream,
                stop=StoppingPosition.latest(),
                decode=FLIGHTS,
                timestamp_fn=lambda flight: flight.time_hour,
            )
            | "ByDay" >> beam.WindowInto(FixedWindows(DAY))
            | "ByCarrier"
            >> beam.GroupBy(carrier=lambda flight: str(flight.carrier))  # so that Flink's Java knows the key's type
            .aggregate_field(lambda _: 1, sum, "flights")
            .aggregate_field(lambda flight: int(flight.dep_delay is None), sum, "cancelled")
            .aggregate_field(lambda flight: flight.dep_delay or 0, sum, "minutes")
            | "Delay" >> beam.Map(delay_of).with_output_types(Delay)
            | "WriteDelays" >> WriteToDIS(streams.output_stream, encode="rows", partition_key="carrier")
        )


if __name__ == "__main__":
    logging.getLogger().setLevel(logging.WARNING)
    main()
