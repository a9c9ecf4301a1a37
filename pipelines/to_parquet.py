"""Writes a stream to Parquet files: each run writes one file of what arrived since the run before.

    python pipelines/to_parquet.py --dis_region=eu-de --dis_project_id=… --folder=/data/orders

The file is named after the time at which the run stops reading. The app is committed after the file is complete. If a run fails,
start it again with the same ``--until``: it reads the same records and replaces the file, so no record is in two files.
"""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.io import WriteToParquet
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from beam_dis import CommitToDIS, ReadFromDIS, StoppingPosition

COLUMNS = pa.schema([("id", pa.string()), ("customer", pa.string()), ("cents", pa.int32())])


class ToParquetOptions(PipelineOptions):
    """The options of this pipeline."""

    @classmethod
    def _add_argparse_args(cls, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--input_stream", default="orders", help="a stream with orders.avsc as its data_schema (orders)"
        )
        parser.add_argument("--folder", required=True, help="a folder, or the address of one that Beam can write to")
        parser.add_argument("--app", default="to-parquet", help="the app that knows what was read (to-parquet)")
        parser.add_argument(
            "--until", help="read the records that arrived before this time, as ISO text (the current hour)"
        )


def columns_of(order: Any) -> dict[str, Any]:
    """An order as a row of the file."""
    return {"id": order.id, "customer": order.customer, "cents": order.cents}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the pipeline."""
    options = PipelineOptions(arguments)
    own = options.view_as(ToParquetOptions)
    now = datetime.now(timezone.utc)
    until = datetime.fromisoformat(own.until) if own.until else now.replace(minute=0, second=0, microsecond=0)
    name = until.astimezone(timezone.utc).strftime("%Y-%m-%dT%H-%M-%S.%f")
    with beam.Pipeline(options=options) as pipeline:
        read = pipeline | "ReadOrders" >> ReadFromDIS(
            own.input_stream, stop=StoppingPosition.at_timestamp(until), app=own.app, commit="manual", decode="rows"
        )
        file = (
            read.records
            | "Columns" >> beam.Map(columns_of)
            | "WriteFile"
            >> WriteToParquet(
                FileSystems.join(own.folder, name),
                COLUMNS,
                file_name_suffix=".parquet",
                num_shards=1,
                shard_name_template="",
            )
        )
        _ = read.positions | beam.WaitOn(file) | CommitToDIS(own.app)


if __name__ == "__main__":
    main()
