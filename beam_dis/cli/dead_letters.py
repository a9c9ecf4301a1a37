"""``beam-dis dead-letters``: puts dead letters, from a file or a stream, into their streams again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from beam_dis.cli.connecting import connection_options, opened_service
from beam_dis.cli.output import examples, json_option, print_json
from beam_dis.cli.reading import bounds_options, opened_reader

if TYPE_CHECKING:
    from beam_dis.cli.line_writer import Line
    from beam_dis.connection import DISConnection


@click.group("dead-letters", no_args_is_help=True)
def dead_letters() -> None:
    """Put dead letters into their streams again."""


@dead_letters.command(
    epilog=examples(
        "beam-dis dead-letters replay letters.ndjson",
        "beam-dis dead-letters replay flights-dead --from 1d",
        "beam-dis dead-letters replay letters.ndjson --stream flights-repaired",
    )
)
@click.argument("source", metavar="FILE|STREAM")
@click.option("--stream", metavar="NAME", help="Put all letters into this stream (default: that of each letter).")
@click.option("--skip", type=click.IntRange(0), default=0, metavar="N", help="Leave out letters up to number N.")
@click.option(
    "--failed",
    "failed_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Where letters that fail again are kept (default: beside FILE, or STREAM, with the ending .failed.ndjson).",
)
@bounds_options
@json_option
@connection_options
def replay(*, source: str, failed_file: Path | None, **options: Any) -> int:
    """Put dead letters into their streams again.

    FILE has a letter per line, as DeadLetter.to_json makes it, and - is standard input; STREAM has such a letter per record, and is read
    from the oldest one on, or as --from, --to and --partition say. A name with a dot or a slash is a file. Letters that fail again are
    reported, kept in the file of --failed, and make the exit status 1.
    """
    from beam_dis.cli.failed_lines import kept_beside

    is_file = source == "-" or "." in source or "/" in source
    bounds = [name for name in ("start", "stop", "partitions") if options[name]]
    if is_file and bounds:
        raise click.UsageError("--from, --to and --partition are for a stream: leave them out")
    kept = failed_file or kept_beside(Path("letters" if source == "-" else source), ".ndjson")
    return _replay(source, is_file=is_file, kept=kept, **options)


def _replay(
    source: str,
    *,
    is_file: bool,
    kept: Path,
    connection: DISConnection,
    stream: str | None,
    start: str | None,
    stop: str | None,
    partitions: tuple[str, ...],
    skip: int,
    as_json: bool,
) -> int:
    from beam_dis.cli.failed_lines import FailedLines
    from beam_dis.cli.letter_replay import LetterReplay
    from beam_dis.cli.line_writer import status_of
    from beam_dis.instants import iso_text

    with ExitStack() as stack:
        service = stack.enter_context(opened_service(connection))
        later = None
        if is_file:
            lines = _lines_of_file(stack, source)
        else:
            reader = stack.enter_context(
                opened_reader(connection, source, start or "earliest", stop or "latest", partitions)
            )
            lines = _numbered(arrival.record.data for arrival in reader.arrivals())
            later = iso_text(reader.listing.time)
        failed = stack.enter_context(closing(FailedLines(kept, again="replay them again")))
        job = LetterReplay(service, stream=stream, failed=failed.add)
        wanted = (line for line in lines if line.number > skip)
        status = status_of(
            job, lambda: job.put_all(wanted), lambda: f"after letter {job.done}: go on with --skip {job.done}"
        )
    if as_json:
        print_json({"source": source, "written": job.written, "failed": job.failures})
    else:
        click.echo(f"beam-dis: replayed {job.written} dead letters")
    if job.failures:
        click.echo(f"beam-dis: letters that failed again: {job.failures}", err=True)
    if later is not None and stop is None:
        click.echo(f"beam-dis: replay letters that come later with --from {later}", err=True)
    return status


def _lines_of_file(stack: ExitStack, source: str) -> Iterator[Line]:
    from beam_dis.formats.byte_order_mark import without_mark

    file = Path(source)
    lines = sys.stdin.buffer if source == "-" else stack.enter_context(file.open("rb"))
    texts = ((raw if number else without_mark(raw)).rstrip(b"\r\n") for number, raw in enumerate(lines))
    return (line for line in _numbered(texts) if line.text)


def _numbered(texts: Iterator[bytes]) -> Iterator[Line]:
    from beam_dis.cli.line_writer import Line

    return (Line(number, text) for number, text in enumerate(texts, 1))
