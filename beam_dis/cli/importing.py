"""``beam-dis import``: the records of a file into a stream, or a data folder from a snapshot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from beam_dis.cli.connecting import complete_stream, connection_options
from beam_dis.cli.exits import DONE
from beam_dis.cli.output import examples, json_option, print_json, progress_bar

_PATH = click.Path(path_type=Path)
_connection: Callable[[Callable[..., int]], Callable[..., int]] = connection_options(later=True)

_USAGE = "give FILE and STREAM, or FILE and --data DIR"


@click.command(
    epilog=examples(
        "beam-dis import flights.parquet flights --endpoint http://127.0.0.1:7700",
        "beam-dis import flights.ndjson flights --place partition",
        "beam-dis import monday.snapshot --data ./restored",
    )
)
@click.argument("file", type=_PATH)
@click.argument("stream", required=False, shell_complete=complete_stream)
@click.option(
    "--data", type=_PATH, metavar="DIR", help="Make this data folder from a snapshot; it must be missing or empty."
)
@click.option(
    "--place",
    type=click.Choice(("key", "partition")),
    help="key: where the key of a record belongs, and the service chooses for those without one (default); partition: into the"
    " partition that the file says.",
)
@click.option("--skip", type=click.IntRange(0), metavar="N", help="Leave out lines up to number N.")
@click.option(
    "--failed",
    "failed_file",
    type=_PATH,
    metavar="FILE",
    help="Where records that aren't written are kept (default: beside FILE, with the ending .failed.ndjson).",
)
@json_option
@_connection
def import_(*, file: Path, stream: str | None, data: Path | None, as_json: bool, **options: Any) -> int:
    """Put the records of a file into a stream, or make a data folder from a snapshot.

    With STREAM, FILE is what export of a stream wrote, or - for lines of JSON on standard input. Records of a key, or with --place
    partition those of a partition, stay in the order of the file. A record that can't be written is reported, kept in the file of --failed,
    and makes the exit status 1. With --data, FILE is a snapshot; the folder has everything or isn't made.
    """
    if (stream is None) == (data is None):
        raise click.UsageError(_USAGE)
    if stream is not None:
        return _records(file, stream, as_json=as_json, **options)
    if any(options[name] is not None for name in ("place", "skip", "failed_file")):
        raise click.UsageError(f"--place, --skip and --failed are for records: {_USAGE}")
    from beam_dis.cli.snapshots import import_data

    import_data(file, Path(str(data)), as_json=as_json)
    return DONE


def _records(
    file: Path,
    stream: str,
    *,
    connection: Callable[[], Any],
    place: str | None,
    skip: int | None,
    failed_file: Path | None,
    as_json: bool,
) -> int:
    from beam_dis.cli.failed_lines import kept_beside
    from beam_dis.cli.record_import import import_records

    kept = failed_file or kept_beside(Path(stream) if str(file) == "-" else file, ".ndjson")
    with progress_bar("Importing records") as on_progress:
        done = import_records(
            connection(),
            file,
            stream,
            by_partition=place == "partition",
            skip=skip or 0,
            failed_file=kept,
            on_progress=on_progress,
        )
    if as_json:
        print_json({"stream": stream, "written": done.written, "failed": done.failed})
    else:
        click.echo(f"beam-dis: imported {done.written} records into stream {stream}")
        if done.failed:
            click.echo(f"beam-dis: records that weren't written: {done.failed}", err=True)
    return done.status
