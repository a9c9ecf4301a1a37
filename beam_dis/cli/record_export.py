"""``beam-dis export`` of a stream: its records into a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from beam_dis.cli.reading import opened_reader

if TYPE_CHECKING:
    from beam_dis.connection import DISConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export wrote, and how many records had expired before they could be read."""

    stream: str
    records: int
    expired: int


def export_records(
    connection: DISConnection,
    stream: str,
    file: Path,
    *,
    start: str,
    stop: str,
    partitions: tuple[str, ...],
    on_progress: Callable[[int, int], object] | None,
) -> Exported:
    """Write the records of a stream between bounds into a file of lines of JSON or of parquet.

    Raises:
        Failed: the file exists, or its name has another ending.
        DISError: the stream can't be read.
    """
    from beam_dis.cli.record_files import sink_of, whole_file

    make = sink_of(file)
    count = 0
    with (
        opened_reader(connection, stream, start, stop, partitions) as reader,
        whole_file(file) as out,
    ):
        sink = make(out, reader.listing)
        for page in reader.pages():
            sink.write(page)
            count += len(page.records)
            if on_progress is not None:
                on_progress(count, reader.total)
        sink.finish()
        return Exported(stream=reader.listing.name, records=count, expired=reader.expired)
