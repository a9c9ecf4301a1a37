"""``beam-dis serve``: runs a local DIS in the foreground.

Access keys and tokens come from files or the environment, never from arguments, which other users of the machine could see.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from beam_dis.cli.failure import fail
from beam_dis.cli.signals import end_on_signals
from beam_dis.connection import DISConnection
from beam_dis.endpoints import LOCAL_PROJECT_ID
from beam_dis.errors import ConfigurationError

if TYPE_CHECKING:
    import uvicorn

    from beam_dis.local.http.server import Settings
    from beam_dis.local.keys import AccessKeys

SUMMARY = "run a durable local DIS"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``serve``."""
    _add_folders(parser)
    parser.add_argument("--port", type=_port, default=7700, help="0 takes any free port (default: 7700)")
    parser.add_argument(
        "--host", type=_host, default="127.0.0.1", help="address to listen on (default: 127.0.0.1, this machine only)"
    )
    parser.add_argument(
        "--allowed-host",
        type=_host,
        action="append",
        default=[],
        metavar="NAME",
        help="a name by which clients may call the server, such as that of a container's service; may be repeated",
    )
    parser.add_argument("--project", type=_project, metavar="ID", help="serve only this project (default: any)")
    parser.add_argument(
        "--access-key-file",
        type=Path,
        metavar="FILE",
        help="a file with the keys and tokens of callers, each in a section with access_key and secret_key, auth_token, or "
        "all three, and perhaps project_id (default: BEAM_DIS_ACCESS_KEY, BEAM_DIS_SECRET_KEY and BEAM_DIS_AUTH_TOKEN in the "
        "environment; without any of them, requests need no signature)",
    )
    parser.add_argument(
        "--no-keys",
        action="store_true",
        help="serve other machines without keys: everybody may read, write and delete",
    )
    parser.add_argument(
        "--limits",
        choices=("sizes", "real"),
        default="sizes",
        help="sizes: limit the size of requests and records (default); real: also limit throughput per partition",
    )
    _add_controls(parser)
    parser.add_argument(
        "--stop-with-parent", action="store_true", help="stop when standard input or the parent process ends"
    )
    # for LocalDIS: it has reserved the port; and if it is killed, only the server can still remove a temporary folder
    parser.add_argument("--port-reserved", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--remove-with-parent", action="store_true", help=argparse.SUPPRESS)


def _add_folders(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", required=True, type=Path, metavar="DIR", help="folder for the records; created if it is missing"
    )
    parser.add_argument(
        "--obs-folder",
        type=Path,
        metavar="DIR",
        help="folder whose folders are the buckets that dump tasks write to (default: no buckets)",
    )
    parser.add_argument(
        "--obs-endpoint",
        metavar="URL",
        help="S3-compatible store with the buckets that dump tasks write to, by the keys in AWS_ACCESS_KEY_ID and"
        " AWS_SECRET_ACCESS_KEY; needs the extra s3",
    )


def _add_controls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--admin",
        action="store_true",
        help="serve the routes under /admin, which inject faults and move the clock, to clients that send the token in "
        "BEAM_DIS_ADMIN_TOKEN",
    )
    parser.add_argument(
        "--admin-token-file", type=Path, metavar="FILE", help="a file with the token (default: BEAM_DIS_ADMIN_TOKEN)"
    )
    parser.add_argument(
        "--no-console",
        action="store_true",
        help="serve no console (default: served on a loopback address, with a new token, or that in BEAM_DIS_CONSOLE_TOKEN)",
    )


def run(options: argparse.Namespace) -> int:
    """Serve until stopped; the exit status is 1 if the server can't start."""
    end_on_signals()
    os.umask(0o077)
    from beam_dis.local.http.server import serve
    from beam_dis.local.keys import KeysError
    from beam_dis.local.listening import StartError
    from beam_dis.local.parent import stop_with_parent
    from beam_dis.local.store import StoreError

    if options.admin_token_file is not None and not options.admin:
        return fail("--admin-token-file is given without --admin: add --admin, or leave it out")

    def ready(endpoint: str) -> None:
        lines = announcement(endpoint, options.data, options.project, settings.keys, settings.console_token)
        print("\n".join(lines), flush=True)

    parent_ended = threading.Event()

    def started(server: uvicorn.Server) -> None:
        def stop() -> None:
            parent_ended.set()
            server.should_exit = True

        if options.stop_with_parent:
            stop_with_parent(stop)

    try:
        settings = _settings(options)
        serve(settings, ready=ready, started=started)
    except (StartError, StoreError, KeysError) as error:
        return fail(error)
    if options.remove_with_parent and parent_ended.is_set():
        shutil.rmtree(options.data, ignore_errors=True)
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    from beam_dis.local.http.request_source import is_loopback
    from beam_dis.local.http.server import Settings
    from beam_dis.local.keys import keys_of_environment, keys_of_file, read_admin_token, read_console_token

    console = is_loopback(options.host) and not options.no_console
    return Settings(
        data_dir=options.data,
        obs_folder=options.obs_folder,
        obs_endpoint=options.obs_endpoint,
        host=options.host,
        port=options.port,
        port_reserved=options.port_reserved,
        allowed_hosts=tuple(options.allowed_host),
        no_keys=options.no_keys,
        keys=keys_of_file(options.access_key_file) if options.access_key_file else keys_of_environment(os.environ),
        project=options.project,
        real_limits=options.limits == "real",
        admin_token=read_admin_token(options.admin_token_file, os.environ) if options.admin else None,
        console_token=read_console_token(os.environ) if console else None,
    )


def announcement(
    endpoint: str,
    data: Path,
    project: str | None = None,
    keys: Sequence[AccessKeys] = (),
    console_token: str | None = None,
) -> list[str]:
    """The lines that ``serve`` prints when it is ready.

    They name addresses that a client can connect to, not the unspecified address (0.0.0.0 or ::), and the options of a pipeline.

    Args:
        endpoint: the URL of the address that the server listens on.
        data: the folder with the data.
        project: the only project that is served, if there is one.
        keys: the keys and tokens that requests are checked against, if they are.
        console_token: the token of the console, if there is one.
    """
    url = urlsplit(endpoint)
    project_id = project or next((caller.project for caller in keys if caller.project), LOCAL_PROJECT_ID)
    own = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(url.hostname or "")  # noqa: S104 - a comparison
    here = endpoint if own is None else _url(own, url.port)
    lines = [f"beam-dis: serving {here} (data in {data})", f"  --dis_endpoint={here} --dis_project_id={project_id}"]
    address = None if own is None else _address_of_this_machine(own)
    if address is not None:
        lines.append(
            f"  --dis_endpoint={_url(address, url.port)} --dis_project_id={project_id}  (from other machines, or by a name of"
            " this one)"
        )
    if any(caller.access_key for caller in keys):
        lines.append(
            "  requests must be signed: set HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK to the keys on the workers"
        )
    elif keys:
        lines.append(
            "  requests need the token: give DISConnection(credentials=…) a function that returns it as a Token"
        )
    if console_token is not None:
        lines.append(f"  console: {here}/console?token={console_token}")
    return lines


def _url(host: str, port: int | None) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _address_of_this_machine(loopback: str) -> str | None:
    """The address of the interface that leads to other machines; None if there is none. Nothing is sent."""
    family, remote = (socket.AF_INET6, "2001:db8::1") if ":" in loopback else (socket.AF_INET, "192.0.2.1")
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((remote, 9))
            return str(probe.getsockname()[0])
    except OSError:
        return None


def _host(text: str) -> str:
    from beam_dis.local.http.request_source import is_host

    if not is_host(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a host: give a name or an address, without scheme and port")
    return text.strip("[]").lower()


def _project(text: str) -> str:
    try:
        DISConnection(project_id=text)
    except ConfigurationError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a project id: give letters, digits, - and _") from None
    return text


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() else -1
    if port not in range(65_536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give 0 to 65535")
    return port
