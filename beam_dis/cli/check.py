"""``beam-dis check``: reads all data of a stopped local DIS and reports damage."""

from __future__ import annotations

import time
from pathlib import Path

import click

from beam_dis.cli.exits import DONE, FAILED, Failed
from beam_dis.cli.output import examples, json_option, print_json


@click.command(epilog=examples("beam-dis check --data ./dis-data"))
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), metavar="DIR", help="The folder that was given to serve."
)
@json_option
def check(data: Path, as_json: bool) -> int:
    """Read all data of a stopped local DIS and report damage.

    The exit status is 1 if something is damaged, or if there are no data.
    """
    from beam_dis.local.store import has_store, open_store
    from beam_dis.local.store.failures import StoreError

    if not data.is_dir():
        raise Failed(f"{data} is not a folder: give the folder that was given to serve")
    if not has_store(data):
        raise Failed(f"there is no store in {data}: give the folder that was given to serve")
    try:
        # housekeeping would delete expired records: a check changes nothing
        store = open_store(data, clock=time.time, housekeeping_interval=None)
    except StoreError as error:
        raise Failed(str(error)) from error
    try:
        problems = [str(problem) for problem in store.check()]
    finally:
        store.close()
    if as_json:
        print_json({"data": str(data), "problems": problems})
    else:
        for problem in problems:
            click.echo(problem)
        click.echo(f"beam-dis: problems in {data}: {len(problems)}" if problems else f"beam-dis: no damage in {data}")
    return FAILED if problems else DONE
