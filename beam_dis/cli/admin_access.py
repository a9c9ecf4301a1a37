"""Access of commands to the admin routes of a local DIS, which was started with ``--admin`` and a token."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from beam_dis.cli.exits import Failed

if TYPE_CHECKING:
    from beam_dis.connection import DISConnection
    from beam_dis.local.admin_client import AdminClient

token_option = click.option(
    "--admin-token-file",
    "token_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file with the token (default: BEAM_DIS_ADMIN_TOKEN).",
)
"""Decorates a command of the admin routes; its function takes ``token_file``."""


def open_admin(connection: DISConnection, token_file: Path | None) -> AdminClient:
    """A client of the admin routes.

    Raises:
        Failed: the connection isn't one to a local DIS, or there is no token.
    """
    from beam_dis.local.admin_client import AdminClient
    from beam_dis.local.keys import KeysError, read_admin_token

    if urlsplit(connection.endpoint or "").scheme != "http":
        raise Failed(
            f"{connection.endpoint} is no local DIS, and only that has faults and a clock to move: give --endpoint"
            " http://127.0.0.1:7700, and start it with --admin"
        )
    try:
        return AdminClient(connection.endpoint or "", read_admin_token(token_file, os.environ))
    except KeysError as error:
        raise Failed(f"{error}: give the token that serve --admin was started with") from error
