"""Enriches orders: adds the country of the customer, from a table, and writes the orders to another stream.

    python pipelines/enrich.py --dis_region=eu-de --dis_project_id=… --customers=customers.csv

The table is a CSV file with the columns customer and country. It is a side input: it is read once, and each worker has it in memory.
The country of a customer who isn't in the table is null. With ``--endless`` the pipeline doesn't end.
"""

from __future__ import annotations

import csv
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from beam_dis import ReadFromDIS, WriteToDIS


class EnrichOptions(PipelineOptions):
    """The options of this pipeline."""

    @classmethod
    def _add_argparse_args(cls, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--input_stream", default="orders", help="a stream with orders.avsc as its data_schema (orders)"
        )
        parser.add_argument("--output_stream", default="enriched", help="the stream for the enriched orders (enriched)")
        parser.add_argument("--customers", required=True, help="a CSV file with the columns customer and country")
        parser.add_argument("--endless", action="store_true", help="go on with the orders that arrive")


class EnrichedOrder(NamedTuple):
    """A row of the output."""

    id: str
    customer: str
    cents: int
    country: str | None


def countries_of(file: str) -> list[tuple[str, str]]:
    """The rows of the table: customer and country."""
    with FileSystems.open(file) as binary:
        lines = binary.read().decode().splitlines()
    return [(row["customer"], row["country"]) for row in csv.DictReader(lines)]


def enriched(order: Any, countries: Mapping[str, str]) -> EnrichedOrder:
    """An order with the country of its customer."""
    return EnrichedOrder(order.id, order.customer, order.cents, countries.get(order.customer))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the pipeline."""
    options = PipelineOptions(arguments)
    own = options.view_as(EnrichOptions)
    with beam.Pipeline(options=options) as pipeline:
        countries = pipeline | "Table" >> beam.Create([own.customers]) | "Countries" >> beam.FlatMap(countries_of)
        _ = (
            pipeline
            | "ReadOrders" >> ReadFromDIS(own.input_stream, stop=None if own.endless else "latest", decode="rows")
            | "Enrich" >> beam.Map(enriched, beam.pvalue.AsDict(countries)).with_output_types(EnrichedOrder)
            | "WriteOrders" >> WriteToDIS(own.output_stream, encode="rows", partition_key="customer")
        )


if __name__ == "__main__":
    main()
