"""``beam-dis import`` into a stream: the records of a file that ``export`` wrote."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from beam_dis.cli.connecting import opened_service
from beam_dis.errors import EncodeError

if TYPE_CHECKING:
    from beam_dis.cli.line_writer import Line, LineWriter
    from beam_dis.cli.record_input import GivenRecord, InputRecord, Progress
    from beam_dis.connection import DISConnection


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What an import wrote, the records that it didn't write, and the exit status."""

    written: int
    failed: int
    status: int


def import_records(
    connection: DISConnection,
    file: Path,
    stream: str,
    *,
    by_partition: bool,
    skip: int,
    failed_file: Path,
    on_progress: Progress | None,
) -> Imported:
    """Write the records of a file into a stream, in the order of the file within each key, or within each partition.

    Args:
        connection: the DIS.
        file: the file.
        stream: the stream.
        by_partition: into the partition that the file says, otherwise where the key belongs.
        skip: the number of the last line that is left out.
        failed_file: keeps the records that aren't written.
        on_progress: is called with how much has been read, and how much there is.

    Raises:
        Failed: a file can't be used.
        DISError: the stream can't be described.
    """
    from beam_dis.cli.failed_lines import FailedLines
    from beam_dis.cli.line_writer import LineWriter
    from beam_dis.cli.record_input import records_in
    from beam_dis.names import checked_stream
    from beam_dis.write import ordering
    from beam_dis.write.batching import RequestOptions

    with opened_service(connection) as service:
        listing = service.describe(checked_stream("STREAM", stream))
        failed = FailedLines(failed_file, again="import them again")
        writer = LineWriter(
            service,
            listing,
            options=RequestOptions(),
            ordered=True,
            group=ordering.by_partition if by_partition else ordering.by_key,
            failed=failed.add,
        )
        given = (found for found in records_in(file, on_progress) if found.line.number > skip)
        with closing(failed):
            status = put_all(writer, given, by_partition=by_partition)
    return Imported(written=writer.written, failed=writer.failures, status=status)


def put_all(writer: LineWriter, given: Iterable[InputRecord], *, by_partition: bool) -> int:
    """Put all records. Returns the exit status; all that were read are counted as written or reported as failed by then."""
    from beam_dis.cli.line_writer import status_of

    done = 0

    def work() -> None:
        nonlocal done
        for line, record in given:
            _put(writer, line, record, by_partition=by_partition)
            done = line.number
        writer.finish()

    return status_of(writer, work, lambda: f"after line {done}: go on with --skip {done}")


def _put(writer: LineWriter, line: Line, record: GivenRecord | str, *, by_partition: bool) -> None:
    if isinstance(record, str):
        writer.fail(line, record)
        return
    try:
        to_put = record.to_put(by_partition=by_partition)
    except EncodeError as error:
        writer.fail(line, str(error))
    else:
        writer.put(line, to_put)
