"""``beam-dis put``: writes arguments, lines, JSON or CSV to a stream."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from beam_dis.cli.arguments import Number
from beam_dis.cli.connecting import complete_stream, connection_options
from beam_dis.cli.output import examples, json_option, print_json, progress_bar

if TYPE_CHECKING:
    from beam_dis.cli.line_input import Blocks
    from beam_dis.cli.line_job import LineJob
    from beam_dis.cli.line_values import Values
    from beam_dis.cli.line_writer import LineWriter
    from beam_dis.connection import DISConnection
    from beam_dis.stream_service import StreamListing, StreamService

_KINDS = {".ndjson": "ndjson", ".jsonl": "ndjson", ".csv": "csv"}
_SUFFIXES = {"lines": "", "ndjson": ".ndjson", "csv": ".csv"}


@click.command(
    epilog=examples(
        "beam-dis put flights 'a record' 'another one'",
        "beam-dis put flights --file flights.ndjson --key carrier",
        "beam-dis put flights --file flights.csv --delimiter ';' --failed wrong.csv",
        "tail -f app.log | beam-dis put logs",
    )
)
@click.argument("stream", shell_complete=complete_stream)
@click.argument("values", nargs=-1, metavar="[VALUE]…")
@click.option(
    "--file", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE", help="A file of lines."
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(("lines", "ndjson", "csv")),
    help="lines: each line is a record as it is; ndjson and csv: by the stream's schema (default: by the file's name).",
)
@click.option("--key", metavar="FIELD", help="The field with the partition key; lines of a key stay in order.")
@click.option("--partition", metavar="ID", help="The partition, a number or an id (default: the service chooses).")
@click.option("--delimiter", metavar="TEXT", help="Between the columns of csv (default: the stream's, or a comma).")
@click.option("--header/--no-header", default=True, help="Whether csv begins with the names of the columns.")
@click.option(
    "--skip",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Leave out lines up to number N; a header is still read.",
)
@click.option("--rate", type=Number(0, min_open=True), metavar="N", help="The most lines per second.")
@click.option(
    "--in-flight",
    type=click.IntRange(1, 64),
    default=8,
    metavar="N",
    help="Requests at a time (default: 8); 1 keeps the order.",
)
@click.option(
    "--failed",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where lines that aren't written are kept (default: FILE.failed, or STREAM.failed).",
)
@json_option
@connection_options
def put(
    *,
    connection: DISConnection,
    stream: str,
    values: tuple[str, ...],
    file: Path | None,
    kind: str | None,
    failed: Path | None,
    **options: Any,
) -> int:
    """Write arguments, lines, JSON or CSV to a stream.

    Without values and --file it writes the lines of standard input. Empty lines are left out. A line that can't be written is reported,
    kept in the file of --failed, and makes the exit status 1.
    """
    from beam_dis.names import checked_stream
    from beam_dis.services import shared_service

    if values and file:
        raise click.UsageError("values and --file are given: leave out one of them")
    kind = kind or _KINDS.get(file.suffix.lower() if file else "", "lines")
    if options["key"] and kind == "lines":
        raise click.UsageError("--key names a field, and lines have none: add --format ndjson or --format csv")
    service = shared_service(connection)
    listing = service.describe(checked_stream("STREAM", stream))._replace(
        name=stream
    )  # a stream of another project is written by its id
    failed_file = failed or _default_file(values, file, stream, kind)
    with ExitStack() as stack:
        blocks = _input(stack, values, file)
        return _put(stack, service, listing, blocks, kind, failed_file, **options)


def _put(
    stack: ExitStack,
    service: StreamService,
    listing: StreamListing,
    blocks: Blocks,
    kind: str,
    failed_file: Path | None,
    *,
    key: str | None,
    partition: str | None,
    delimiter: str | None,
    header: bool,
    skip: int,
    rate: float | None,
    in_flight: int,
    as_json: bool,
) -> int:
    from beam_dis.cli.failed_lines import FailedLines
    from beam_dis.cli.line_job import LineJob, paced
    from beam_dis.cli.line_writer import LineWriter, status_of
    from beam_dis.names import canonical_partition_id
    from beam_dis.write.batching import RequestOptions

    blocks, first, values_of = _rows(blocks, listing, kind, key, delimiter, header=header)
    failed = FailedLines(failed_file, first)
    job = LineJob(
        blocks if rate is None else paced(blocks, rate),
        values_of,
        partition=None if partition is None else canonical_partition_id(partition),
        skip=skip,
        first=1 if first is None else 2 + first.count(b"\n"),
    )
    options = RequestOptions(in_flight=in_flight)
    writer = LineWriter(service, listing, options=options, ordered=key is not None, failed=failed.add)
    began = time.monotonic()
    with closing(failed), stack:  # the bar ends before the results are printed
        status = status_of(writer, lambda: _run(job, writer), lambda: f"after line {job.number}")
    _summarise(listing.name, job, writer, time.monotonic() - began, as_json=as_json)
    return status


def _run(job: LineJob, writer: LineWriter) -> None:
    job.run(writer)
    writer.finish()


def _summarise(stream: str, job: LineJob, writer: LineWriter, seconds: float, *, as_json: bool) -> None:
    if as_json:
        counts = {"written": writer.written, "failed": writer.failures, "empty": job.empty}
        print_json({"stream": stream, **counts, "seconds": round(seconds, 3)})
        return
    rate = f" in {seconds:,.1f} s ({writer.written / seconds:,.0f} per second)" if seconds >= 1 else ""
    click.echo(f"records written to stream {stream}: {writer.written:,}{rate}")
    if writer.failures:
        click.echo(f"beam-dis: lines that weren't written: {writer.failures:,}", err=True)
    if job.empty:
        click.echo(f"beam-dis: empty lines that were left out: {job.empty:,}", err=True)


def _rows(
    blocks: Blocks, listing: StreamListing, kind: str, key: str | None, delimiter: str | None, *, header: bool
) -> tuple[Blocks, bytes | None, Values | None]:
    """The lines after the header, the header, and what makes records of the lines; None for lines as they are."""
    from beam_dis.cli.line_input import csv_rows, without_first
    from beam_dis.cli.line_values import values_of_csv, values_of_json

    if kind == "lines":
        return blocks, None, None
    if kind == "ndjson":
        return blocks, None, values_of_json(listing, key)
    own = listing.delimiter if listing.data_type == "CSV" else ","
    rows, first = csv_rows(blocks), None
    if header:
        first, rows = without_first(rows)
    return rows, first, values_of_csv(listing, key, delimiter=delimiter or own, header=first)


def _default_file(values: tuple[str, ...], file: Path | None, stream: str, kind: str) -> Path | None:
    """Where failed lines are kept if no file is named; failed arguments are only reported."""
    if values:
        return None
    from beam_dis.cli.failed_lines import kept_beside

    return kept_beside(file, file.suffix) if file else Path(f"{stream}.failed{_SUFFIXES[kind]}")


def _input(stack: ExitStack, values: tuple[str, ...], file: Path | None) -> Blocks:
    from beam_dis.cli.line_input import lines_of, lines_of_arguments

    if values:
        return lines_of_arguments(values)
    if file is None:
        return lines_of(sys.stdin.buffer)
    on_progress = stack.enter_context(progress_bar(file.name, in_bytes=True))
    size = file.stat().st_size
    return lines_of(
        stack.enter_context(file.open("rb", buffering=0)),
        noticed=(lambda _read: None) if on_progress is None else lambda read: on_progress(read, size),
    )
