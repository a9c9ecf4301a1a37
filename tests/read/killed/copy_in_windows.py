"""A job that a test kills: it copies the numbers of each window as one record, and commits what it has written.

python copy_in_windows.py ENDPOINT PROJECT SOURCE TARGET APP [the runner's flags …]
"""

from __future__ import annotations

import json
import sys

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.window import FixedWindows

from beam_dis import CommitToDIS, DISConnection, ReadFromDIS, WriteToDIS


def main() -> None:
    endpoint, project, source, target, app, *flags = sys.argv[1:]
    connection = DISConnection(endpoint=endpoint, project_id=project)
    pipeline = beam.Pipeline(options=PipelineOptions(flags))
    read = pipeline | ReadFromDIS(
        source,
        app=app,
        commit="manual",
        decode="bytes",
        poll_interval=0.2,
        discovery_interval=2.0,
        connection=connection,
    )
    written = (
        read.records
        | beam.WindowInto(FixedWindows(1))
        | "Key" >> beam.Map(lambda data: (int(data) % 3, int(data))).with_output_types(tuple[int, int])
        | beam.GroupByKey()
        | "Encode" >> beam.MapTuple(lambda _, numbers: json.dumps(list(numbers)).encode()).with_output_types(bytes)
        | WriteToDIS(target, connection=connection)
    )
    _ = read.positions | beam.WaitOn(written.done) | CommitToDIS(app, connection=connection)
    pipeline.run().wait_until_finish()


if __name__ == "__main__":
    main()
