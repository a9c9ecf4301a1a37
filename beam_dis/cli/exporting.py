"""``beam-dis export``: the records of a stream, or a snapshot of a data folder, into a file."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from beam_dis.cli.connecting import complete_stream, connection_options
from beam_dis.cli.exits import DONE, FAILED
from beam_dis.cli.output import examples, json_option, print_json, progress_bar
from beam_dis.cli.reading import bounds_options

if TYPE_CHECKING:
    from beam_dis.connection import DISConnection

_connection: Callable[[Callable[..., int]], Callable[..., int]] = connection_options(later=True)

_USAGE = "give STREAM and FILE, or --data DIR and FILE"


@click.command(
    epilog=examples(
        "beam-dis export flights flights.parquet --endpoint http://127.0.0.1:7700",
        "beam-dis export flights - --from 10m | jq -r .text",
        "beam-dis export --data ./dis-data monday.snapshot",
    )
)
@click.argument("arguments", nargs=-1, metavar="[STREAM] FILE", shell_complete=complete_stream)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Write a snapshot of this data folder of a local DIS.",
)
@bounds_options
@json_option
@_connection
def export(*, arguments: tuple[str, ...], data: Path | None, as_json: bool, **options: Any) -> int:
    """Write the records of a stream, or a snapshot of a data folder, into a file.

    With STREAM, its records up to now are written with their place, time and key: FILE.ndjson gets a line of JSON for each,
    FILE.parquet a row, and - is standard output. With --data, FILE is a snapshot of all that a local DIS stores, also while it runs: the
    state of one moment, with everything that was acknowledged before.
    """
    if len(arguments) != (2 if data is None else 1):
        raise click.UsageError(_USAGE)
    if data is None:
        return _records(arguments[0], Path(arguments[1]), as_json=as_json, **options)
    given = [name for name in ("start", "stop", "partitions") if options[name]]
    if given:
        raise click.UsageError(f"--from, --to and --partition are for the records of a stream: {_USAGE}")
    from beam_dis.cli.snapshots import export_data

    export_data(data, Path(arguments[0]), as_json=as_json)
    return DONE


def _records(
    stream: str,
    file: Path,
    *,
    connection: Any,
    start: str | None,
    stop: str | None,
    partitions: tuple[str, ...],
    as_json: bool,
) -> int:
    from beam_dis.cli.record_export import export_records
    from beam_dis.cli.record_files import STDOUT

    resolved: DISConnection = connection()
    to_stdout = str(file) == STDOUT
    bar = nullcontext() if to_stdout else progress_bar("Exporting records")
    with bar as on_progress:
        done = export_records(
            resolved,
            stream,
            file,
            start=start or "earliest",
            stop=stop or "latest",
            partitions=partitions,
            on_progress=on_progress,
        )
    if as_json and not to_stdout:
        print_json({"file": str(file), "stream": done.stream, "records": done.records, "expired": done.expired})
    else:
        click.echo(f"beam-dis: exported {done.records} records of stream {done.stream} into {file}", err=to_stdout)
    return FAILED if done.expired else DONE
