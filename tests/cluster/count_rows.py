"""Counts the rows of a stream by key and second of arrival, and writes each count as a row: a script that tests start and kill.

    python count_rows.py --dis_endpoint=… --dis_project_id=… --input=… --output=… --workers=FOLDER FLAGS

``--bounded`` stops it at the records that are there. In the folder there is a file for each partition and worker process that read
rows of it: ``PARTITION@PROCESS``.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.window import FixedWindows

from beam_dis import ReadFromDIS, StoppingPosition, WriteToDIS


class CountOptions(PipelineOptions):
    """The options of this pipeline."""

    @classmethod
    def _add_argparse_args(cls, parser: ArgumentParser) -> None:
        parser.add_argument("--input", help="the stream of rows with a field `key`")
        parser.add_argument("--output", help="the stream of rows with `key`, `second` and `count`")
        parser.add_argument("--workers", help="a folder for the names of the workers")
        parser.add_argument("--bounded", action="store_true", help="stop at the records that are there")


class NoteWorker(beam.DoFn):
    """Notes which worker process gets the rows of a partition."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def setup(self) -> None:
        self._noted: set[str] = set()

    def process(self, row: Any) -> Iterator[Any]:
        if row.partition_id_ not in self._noted:
            self._noted.add(row.partition_id_)
            Path(self._folder, f"{row.partition_id_}@{os.getpid()}").touch()
        yield row


def count_of(counted: Any, window: Any = beam.DoFn.WindowParam) -> beam.Row:
    """A row of the output; ``second`` is the start of its window, in seconds since 1970."""
    return beam.Row(key=counted[0], second=int(window.start), count=counted[1])


def main() -> None:
    options = PipelineOptions()
    given = options.view_as(CountOptions)
    stop = StoppingPosition.latest() if given.bounded else None
    with beam.Pipeline(options=options) as pipeline:
        _ = (
            pipeline
            | ReadFromDIS(
                given.input,
                stop=stop,
                decode="rows",
                metadata=["partition_id"],
                poll_interval=0.2,
                discovery_interval=1.0,
            )
            | "NoteWorker" >> beam.ParDo(NoteWorker(given.workers))
            | "KeyOf" >> beam.Map(lambda row: (str(row.key), 1)).with_output_types(tuple[str, int])
            | "BySecond" >> beam.WindowInto(FixedWindows(1))
            | "Count" >> beam.CombinePerKey(sum)
            | "CountOf" >> beam.Map(count_of)
            | WriteToDIS(given.output, encode="rows", partition_key="key")
        )


if __name__ == "__main__":
    main()
