"""``beam-dis serve``: a local DIS in the foreground."""

from __future__ import annotations

import argparse
import os
import shutil
import threading
from collections.abc import Mapping
from configparser import ConfigParser, Error
from pathlib import Path
from typing import TYPE_CHECKING

from beam_dis.cli.failure import fail

if TYPE_CHECKING:
    import uvicorn

    from beam_dis.local.http.authentication import AccessKeys

SUMMARY = "run a durable local DIS"

_VARIABLES = ("BEAM_DIS_ACCESS_KEY", "BEAM_DIS_SECRET_KEY")
_TOKEN_VARIABLE = "BEAM_DIS_AUTH_TOKEN"  # noqa: S105 - the name of one


_ADMIN_VARIABLE = "BEAM_DIS_ADMIN_TOKEN"


class KeysError(Exception):
    """The keys or the admin token can't be read, or are half there."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What ``serve`` takes. Keys come from a file or the environment: arguments are for all to see."""
    parser.add_argument(
        "--data", required=True, type=Path, metavar="DIR", help="where the records are kept; made if missing"
    )
    parser.add_argument("--port", type=_port, default=7700, help="0 takes any free one (default: 7700)")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1, this machine alone)"
    )
    parser.add_argument("--project", metavar="ID", help="serve this project alone (default: any)")
    parser.add_argument(
        "--access-key-file",
        type=Path,
        metavar="FILE",
        help=f"a file with a section [basic] and in it ak and sk, auth_token, or all three; else "
        f"{', '.join(_VARIABLES)}, {_TOKEN_VARIABLE} of the environment; without either, requests need no signature",
    )
    parser.add_argument(
        "--limits",
        choices=("sizes", "real"),
        default="sizes",
        help="real: also those of throughput, by partition and stream type (default: sizes of requests and records)",
    )
    parser.add_argument(
        "--admin",
        action="store_true",
        help=f"serve the routes under /admin, for faults and the like, to who bears the token in {_ADMIN_VARIABLE}",
    )
    parser.add_argument(
        "--admin-token-file", type=Path, metavar="FILE", help=f"a file with the token; else {_ADMIN_VARIABLE}"
    )
    parser.add_argument(
        "--stop-with-parent", action="store_true", help="stop when standard input or the parent process ends"
    )
    # LocalDIS says so of a folder that it made: where it was killed, it can't remove it
    parser.add_argument("--remove-with-parent", action="store_true", help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    """Serve until stopped."""
    from beam_dis.local.http.server import Settings, StartError, serve
    from beam_dis.local.parent import stop_with_parent
    from beam_dis.local.store import StoreError

    def ready(endpoint: str) -> None:
        print(f"beam-dis: serving {endpoint} (data in {options.data})", flush=True)

    orphaned = threading.Event()

    def started(server: uvicorn.Server) -> None:
        def stop() -> None:
            orphaned.set()
            server.should_exit = True

        if options.stop_with_parent:
            stop_with_parent(stop)

    try:
        keys = read_keys(options.access_key_file, os.environ)
        settings = Settings(
            data_dir=options.data,
            host=options.host,
            port=options.port,
            keys=keys,
            project=options.project,
            real_limits=options.limits == "real",
            admin_token=read_admin_token(options.admin_token_file, os.environ) if options.admin else None,
        )
        serve(settings, ready=ready, started=started)
    except (StartError, StoreError, KeysError) as error:
        return fail(error)
    if options.remove_with_parent and orphaned.is_set():
        shutil.rmtree(options.data, ignore_errors=True)
    return 0


def read_keys(file: Path | None, environ: Mapping[str, str]) -> AccessKeys | None:
    """What requests are signed with, or bear; None where there is nothing. Raises KeysError."""
    from beam_dis.local.http.authentication import AccessKeys

    where, (access, secret, token) = _from_environment(environ) if file is None else _from_file(file)
    if bool(access) != bool(secret):
        raise KeysError(f"{where}: give both an access key and a secret key, or neither")
    if file is not None and not access and not token:
        raise KeysError(f"{where}: has neither keys nor a token, which would let everybody in")
    return AccessKeys(access_key=access, secret_key=secret, auth_token=token) if access or token else None


def read_admin_token(file: Path | None, environ: Mapping[str, str]) -> str:
    """The token of the admin routes. Raises KeysError where there is none, or none that a header can bear."""
    try:
        token = environ.get(_ADMIN_VARIABLE, "") if file is None else file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise KeysError(f"{file} can't be read ({type(error).__name__}): it should hold the admin token") from None
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        where = _ADMIN_VARIABLE if file is None else file
        raise KeysError(f"--admin needs a token, printable characters without spaces: {where} has none")
    return token


def _from_environment(environ: Mapping[str, str]) -> tuple[str, tuple[str, str, str]]:
    access, secret, token = (environ.get(name, "") for name in (*_VARIABLES, _TOKEN_VARIABLE))
    return " and ".join(_VARIABLES), (access, secret, token)


def _from_file(file: Path) -> tuple[str, tuple[str, str, str]]:
    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string(file.read_text(encoding="utf-8"))
        basic = parser["basic"]
        if "auth_token" in basic:
            return str(file), (basic.get("ak", ""), basic.get("sk", ""), basic["auth_token"])
        return str(file), (basic["ak"], basic["sk"], "")
    except (OSError, UnicodeDecodeError, Error, KeyError) as error:
        # the parser's own messages quote the line, which may hold a secret
        raise KeysError(f"{file}: needs a section [basic] and in it ak and sk ({type(error).__name__})") from None


def _port(text: str) -> int:
    port = int(text)
    if port not in range(65_536):
        raise argparse.ArgumentTypeError(f"{port} is not a port: give 0 to 65535")
    return port
