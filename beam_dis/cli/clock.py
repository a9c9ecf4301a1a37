"""``beam-dis clock``: shows the clock of a local DIS, and moves it forward."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from beam_dis.cli.admin_access import open_admin, token_option
from beam_dis.cli.arguments import Seconds
from beam_dis.cli.connecting import connection_options
from beam_dis.cli.exits import Failed
from beam_dis.cli.output import examples, json_option, print_json

if TYPE_CHECKING:
    from beam_dis.connection import DISConnection
    from beam_dis.local.admin_client import AdminClient

_PATH = "/admin/clock"
_AGING_SECONDS = 600.0
"""How long the server may take to delete everything that has expired."""


@click.group()
def clock() -> None:
    """Show the clock of a local DIS, and move it forward."""


@clock.command(epilog=examples("beam-dis clock now"))
@token_option
@json_option
@connection_options
def now(*, connection: DISConnection, token_file: Path | None, as_json: bool) -> None:
    """Show the time on the clock of a local DIS."""
    _show(_time(open_admin(connection, token_file).send("GET", _PATH)), as_json=as_json)


@clock.command(epilog=examples("beam-dis clock advance 90m", "beam-dis clock advance 1d12h"))
@click.argument("duration", type=Seconds())
@token_option
@json_option
@connection_options
def advance(*, connection: DISConnection, token_file: Path | None, duration: float, as_json: bool) -> None:
    """Move the clock of a local DIS forward, permanently.

    It returns when everything that is due by then has happened: records and cursors expire, and dump tasks write.
    """
    _show(_advance(open_admin(connection, token_file), duration), as_json=as_json)


@clock.command(epilog=examples("beam-dis clock until 2026-02-01T00:00Z"))
@click.argument("moment", metavar="TIME")
@token_option
@json_option
@connection_options
def until(*, connection: DISConnection, token_file: Path | None, moment: str, as_json: bool) -> None:
    """Move the clock of a local DIS forward to a time. It can't go back."""
    from beam_dis.instants import iso_time, micros_of

    if iso_time(moment) is None:
        raise click.UsageError(f"{moment!r} is not a time: give one such as 2026-02-01T00:00Z")
    try:
        seconds = micros_of(moment) / 1_000_000
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    admin = open_admin(connection, token_file)
    ahead = seconds - _time(admin.send("GET", _PATH))
    if ahead < 0:
        raise Failed(f"the clock of {connection.endpoint} is after {moment} already, and it can't go back")
    _show(_advance(admin, ahead), as_json=as_json)


def _advance(admin: AdminClient, seconds: float) -> float:
    return _time(admin.send("POST", _PATH, {"seconds": seconds}, seconds=_AGING_SECONDS))


def _time(answer: bytes) -> float:
    import json

    return float(json.loads(answer)["time"])


def _show(seconds: float, *, as_json: bool) -> None:
    if as_json:
        print_json({"time": seconds})
    else:
        click.echo(datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds"))
