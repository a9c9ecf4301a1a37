"""``beam-dis import``: a data folder from a snapshot."""

from __future__ import annotations

from pathlib import Path

import click

from beam_dis.cli.output import examples, json_option

_PATH = click.Path(path_type=Path)


@click.command(epilog=examples("beam-dis import monday.snapshot --data ./restored"))
@click.argument("file", type=_PATH)
@click.option(
    "--data", required=True, type=_PATH, metavar="DIR", help="The folder to make; it must be missing or empty."
)
@json_option
def import_(file: Path, data: Path, as_json: bool) -> None:
    """Make the data folder of a local DIS from a snapshot.

    FILE is what export --data wrote. The folder has everything or isn't made.
    """
    from beam_dis.cli.snapshots import import_data

    import_data(file, data, as_json=as_json)
