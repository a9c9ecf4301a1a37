"""``beam-dis serve``: runs a local DIS in the foreground.

Access keys and tokens come from files or the environment, never from arguments, which other users of the machine could see.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import threading
from collections.abc import Mapping
from configparser import ConfigParser, Error
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from beam_dis.cli.failure import fail
from beam_dis.cli.signals import end_on_signals
from beam_dis.connection import DISConnection
from beam_dis.credentials import Credentials, Token
from beam_dis.endpoints import LOCAL_PROJECT_ID
from beam_dis.errors import ConfigurationError, CredentialsError
from beam_dis.secret_files import warn_if_exposed

if TYPE_CHECKING:
    import uvicorn

    from beam_dis.local.http.authentication import AccessKeys

SUMMARY = "run a durable local DIS"

_KEY_VARIABLES = ("BEAM_DIS_ACCESS_KEY", "BEAM_DIS_SECRET_KEY")
_TOKEN_VARIABLE = "BEAM_DIS_AUTH_TOKEN"  # noqa: S105 - the name of a variable, not a token
_ADMIN_VARIABLE = "BEAM_DIS_ADMIN_TOKEN"


class KeysError(Exception):
    """The keys or the admin token can't be read, or are incomplete."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``serve``."""
    parser.add_argument(
        "--data", required=True, type=Path, metavar="DIR", help="folder for the records; created if it is missing"
    )
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
        help="a file with a section [basic] that has access_key and secret_key, auth_token, or all three "
        f"(default: {', '.join(_KEY_VARIABLES)} and {_TOKEN_VARIABLE} in the environment; without any of them, "
        "requests need no signature)",
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
    parser.add_argument(
        "--admin",
        action="store_true",
        help=f"serve the routes under /admin, which inject faults and move the clock, to clients that send the token in "
        f"{_ADMIN_VARIABLE}",
    )
    parser.add_argument(
        "--admin-token-file", type=Path, metavar="FILE", help=f"a file with the token (default: {_ADMIN_VARIABLE})"
    )
    parser.add_argument(
        "--stop-with-parent", action="store_true", help="stop when standard input or the parent process ends"
    )
    # for LocalDIS: it has reserved the port; and if it is killed, only the server can still remove a temporary folder
    parser.add_argument("--port-reserved", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--remove-with-parent", action="store_true", help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    """Serve until stopped; the exit status is 1 if the server can't start."""
    end_on_signals()
    os.umask(0o077)
    from beam_dis.local.http.server import Settings, serve
    from beam_dis.local.listening import StartError
    from beam_dis.local.parent import stop_with_parent
    from beam_dis.local.store import StoreError

    def ready(endpoint: str) -> None:
        lines = announcement(endpoint, options.data, options.project, settings.keys)
        print("\n".join(lines), flush=True)

    parent_ended = threading.Event()

    def started(server: uvicorn.Server) -> None:
        def stop() -> None:
            parent_ended.set()
            server.should_exit = True

        if options.stop_with_parent:
            stop_with_parent(stop)

    try:
        settings = Settings(
            data_dir=options.data,
            host=options.host,
            port=options.port,
            port_reserved=options.port_reserved,
            allowed_hosts=tuple(options.allowed_host),
            no_keys=options.no_keys,
            keys=read_keys(options.access_key_file, os.environ),
            project=options.project,
            real_limits=options.limits == "real",
            admin_token=read_admin_token(options.admin_token_file, os.environ) if _has_admin(options) else None,
        )
        serve(settings, ready=ready, started=started)
    except (StartError, StoreError, KeysError) as error:
        return fail(error)
    if options.remove_with_parent and parent_ended.is_set():
        shutil.rmtree(options.data, ignore_errors=True)
    return 0


def announcement(endpoint: str, data: Path, project: str | None = None, keys: AccessKeys | None = None) -> list[str]:
    """The lines that ``serve`` prints when it is ready.

    They name addresses that a client can connect to, not the unspecified address (0.0.0.0 or ::), and the options of a pipeline.

    Args:
        endpoint: the URL of the address that the server listens on.
        data: the folder with the data.
        project: the only project that is served, if there is one.
        keys: what requests are checked against, if they are.
    """
    url = urlsplit(endpoint)
    project_id = project or LOCAL_PROJECT_ID
    own = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(url.hostname or "")  # noqa: S104 - a comparison
    here = endpoint if own is None else _url(own, url.port)
    lines = [f"beam-dis: serving {here} (data in {data})", f"  --dis_endpoint={here} --dis_project_id={project_id}"]
    address = None if own is None else _address_of_this_machine(own)
    if address is not None:
        lines.append(
            f"  --dis_endpoint={_url(address, url.port)} --dis_project_id={project_id}  (from other machines, or by a name of"
            " this one)"
        )
    if keys is not None and keys.access_key:
        lines.append(
            "  requests must be signed: set HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK to the keys on the workers"
        )
    elif keys is not None:
        lines.append(
            "  requests need the token: give DISConnection(credentials=…) a function that returns it as a Token"
        )
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


def read_keys(file: Path | None, environ: Mapping[str, str]) -> AccessKeys | None:
    """The keys and the token that requests are checked against; None if there are none.

    Args:
        file: a file with them, or None to look in the environment.
        environ: the environment.

    Raises:
        KeysError: the file can't be read, one of the two keys is missing, or one of the secrets can't be sent.
    """
    from beam_dis.local.http.authentication import AccessKeys

    if file is None:
        where = " and ".join(_KEY_VARIABLES)
        access, secret, token = (environ.get(name, "") for name in (*_KEY_VARIABLES, _TOKEN_VARIABLE))
    else:
        where = str(file)
        warn_if_exposed(file)
        access, secret, token = _keys_in(file)
    if bool(access) != bool(secret):
        raise KeysError(f"{where}: give both an access key and a secret key, or neither")
    if file is not None and not access and not token:
        raise KeysError(f"{where}: has neither keys nor a token, so anybody could use the server")
    try:
        if access:
            Credentials(access_key=access, secret_key=secret)
        if token:
            Token(value=token)
    except CredentialsError as error:
        raise KeysError(f"{where}: {error}") from error
    return AccessKeys(access_key=access, secret_key=secret, auth_token=token) if access or token else None


def read_admin_token(file: Path | None, environ: Mapping[str, str]) -> str:
    """The token of the admin routes.

    Raises:
        KeysError: there is no token, or it can't be sent in a header.
    """
    if file is not None:
        warn_if_exposed(file)
    try:
        token = environ.get(_ADMIN_VARIABLE, "") if file is None else file.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise KeysError(f"{file} can't be read ({type(error).__name__}): it should contain the admin token") from None
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        where = _ADMIN_VARIABLE if file is None else file
        raise KeysError(f"--admin needs a token, printable ASCII characters without spaces: {where} has none")
    return token


def _has_admin(options: argparse.Namespace) -> bool:
    if options.admin_token_file is not None and not options.admin:
        raise KeysError("--admin-token-file is given without --admin: add --admin, or leave it out")
    return bool(options.admin)


def _keys_in(file: Path) -> tuple[str, str, str]:
    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string(file.read_text(encoding="utf-8-sig"))
        basic = parser["basic"]
        if "auth_token" in basic:
            return basic.get("access_key", ""), basic.get("secret_key", ""), basic["auth_token"]
        return basic["access_key"], basic["secret_key"], ""
    except OSError as error:
        raise KeysError(f"{file} can't be read ({error.strerror}): it should contain the keys") from None
    except (UnicodeDecodeError, Error, KeyError) as error:
        # the parser's own messages quote the line, which may contain a secret
        raise KeysError(
            f"{file}: needs a section [basic] with access_key and secret_key ({type(error).__name__})"
        ) from None


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
