"""``beam-dis serve``: runs a local DIS in the foreground.

Access keys and tokens come from files or the environment, never from arguments, which other users of the machine could see.
"""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from beam_dis.cli.exits import Failed
from beam_dis.cli.output import examples
from beam_dis.cli.signals import end_on_signals

if TYPE_CHECKING:
    import uvicorn

    from beam_dis.local.http.server import Settings
    from beam_dis.local.keys import AccessKeys


def _checked_host(_context: click.Context, _option: click.Parameter, value: Any) -> Any:
    from beam_dis.local.http.request_source import is_host

    for text in (value,) if isinstance(value, str) else value:
        if not is_host(text):
            raise click.BadParameter(f"{text!r} is not a host: give a name or an address, without scheme and port")
    return _bare(value) if isinstance(value, str) else tuple(map(_bare, value))


def _bare(host: str) -> str:
    return host.strip("[]").lower()


def _checked_project(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    from beam_dis.connection import DISConnection
    from beam_dis.errors import ConfigurationError

    try:
        DISConnection(project_id=value)
    except ConfigurationError:
        raise click.BadParameter(f"{value!r} is not a project id: give letters, digits, - and _") from None
    return value


def _checked_port(_context: click.Context, _option: click.Parameter, value: str) -> int:
    port = int(value) if value.isascii() and value.isdigit() else -1
    if port not in range(65_536):
        raise click.BadParameter(f"{value!r} is not a port: give 0 to 65535")
    return port


_FOLDER = click.Path(path_type=Path)

_OPTIONS = (
    click.option(
        "--service",
        type=click.Choice(("dis", "v3io")),
        default="dis",
        help="dis: a local DIS (default); v3io: V3IO's streams, with the access key in BEAM_DIS_ACCESS_KEY if there is one."
        " It has no console, buckets, projects and faults.",
    ),
    click.option(
        "--data", required=True, type=_FOLDER, metavar="DIR", help="Folder for the records; created if it is missing."
    ),
    click.option(
        "--obs-folder",
        type=_FOLDER,
        metavar="DIR",
        help="Folder whose folders are the buckets that dump tasks write to (default: no buckets).",
    ),
    click.option(
        "--obs-endpoint",
        metavar="URL",
        help="S3-compatible store with the buckets that dump tasks write to, by the keys in AWS_ACCESS_KEY_ID and"
        " AWS_SECRET_ACCESS_KEY; needs the extra s3.",
    ),
    click.option(
        "--port", default="7700", callback=_checked_port, metavar="PORT", help="0 takes any free port (default: 7700)."
    ),
    click.option(
        "--host",
        default="127.0.0.1",
        callback=_checked_host,
        metavar="HOST",
        help="Address to listen on (default: 127.0.0.1, this machine only).",
    ),
    click.option(
        "--allowed-host",
        "allowed_hosts",
        multiple=True,
        callback=_checked_host,
        metavar="NAME",
        help="A name by which clients may call the server, such as that of a container's service; may be repeated.",
    ),
    click.option("--project", callback=_checked_project, metavar="ID", help="Serve only this project (default: any)."),
    click.option(
        "--access-key-file",
        type=_FOLDER,
        metavar="FILE",
        help="A file with the keys and tokens of callers, each in a section with access_key and secret_key, auth_token,"
        " or all three, and perhaps project_id (default: BEAM_DIS_ACCESS_KEY, BEAM_DIS_SECRET_KEY and"
        " BEAM_DIS_AUTH_TOKEN in the environment; without any of them, requests need no signature).",
    ),
    click.option(
        "--no-keys", is_flag=True, help="Serve other machines without keys: everybody may read, write and delete."
    ),
    click.option(
        "--limits",
        type=click.Choice(("sizes", "real")),
        default="sizes",
        help="sizes: limit the size of requests and records (default); real: also limit throughput per partition.",
    ),
    click.option(
        "--admin",
        is_flag=True,
        help="Serve the routes under /admin, which inject faults and move the clock, to clients that send the token in"
        " BEAM_DIS_ADMIN_TOKEN.",
    ),
    click.option(
        "--admin-token-file",
        type=_FOLDER,
        metavar="FILE",
        help="A file with the token (default: BEAM_DIS_ADMIN_TOKEN).",
    ),
    click.option(
        "--no-console",
        is_flag=True,
        help="Serve no console (default: served on a loopback address, with a new token, or that in BEAM_DIS_CONSOLE_TOKEN).",
    ),
    click.option("--stop-with-parent", is_flag=True, help="Stop when standard input or the parent process ends."),
    # for LocalDIS: it has reserved the port; and if it is killed, only the server can still remove a temporary folder
    click.option("--port-reserved", is_flag=True, hidden=True),
    click.option("--remove-with-parent", is_flag=True, hidden=True),
)


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.command(
    epilog=examples(
        "beam-dis serve --data ./dis-data",
        "beam-dis serve --data ./dis-data --port 0 --limits real",
        "beam-dis serve --data ./dis-data --obs-folder ./buckets",
        "beam-dis serve --service v3io --data ./v3io-data",
    )
)
@_options
def serve(*, service: str, stop_with_parent: bool, remove_with_parent: bool, **options: Any) -> None:
    """Run a durable local DIS, or a local V3IO.

    It runs until it is stopped, and prints its URL and the options of a pipeline when it is ready. SIGTERM and Ctrl-C end it with exit status 0.
    """
    end_on_signals()
    os.umask(0o077)
    from beam_dis.local.keys import KeysError
    from beam_dis.local.listening import StartError
    from beam_dis.local.parent import stop_with_parent as watch_parent
    from beam_dis.local.store import StoreError

    parent_ended = threading.Event()

    def started(server: uvicorn.Server) -> None:
        def stop() -> None:
            parent_ended.set()
            server.should_exit = True

        if stop_with_parent:
            watch_parent(stop)

    try:
        (_serve_v3io if service == "v3io" else _serve_dis)(started, **options)
    except (StartError, StoreError, KeysError) as error:
        raise Failed(str(error)) from error
    if remove_with_parent and parent_ended.is_set():
        shutil.rmtree(options["data"], ignore_errors=True)


def _serve_dis(started: Callable[[uvicorn.Server], None], **options: Any) -> None:
    from beam_dis.local.http.server import serve as serve_until_stopped

    settings = _settings(**options)

    def ready(endpoint: str) -> None:
        lines = announcement(endpoint, settings.data_dir, settings.project, settings.keys, settings.console_token)
        print("\n".join(lines), flush=True)

    serve_until_stopped(settings, ready=ready, started=started)


def _serve_v3io(started: Callable[[uvicorn.Server], None], *, access_key_file: Path | None, **options: Any) -> None:
    """Serve V3IO. An option that is of DIS alone is an error, because it would have no effect."""
    from beam_dis.local.keys import session_key_of_environment
    from beam_dis.local.v3io.server import serve as serve_until_stopped

    of_dis = {
        "--obs-folder": options["obs_folder"],
        "--obs-endpoint": options["obs_endpoint"],
        "--project": options["project"],
        "--limits real": options["limits"] == "real",
        "--access-key-file": access_key_file,
    }
    for name, value in of_dis.items():
        if value:
            raise Failed(f"{name} is an option of DIS, and --service v3io is given: leave out one of them")
    keys = session_key_of_environment(os.environ)
    settings = _settings(access_key_file=None, **{**options, "no_console": True}, keys=keys)

    def ready(endpoint: str) -> None:
        print("\n".join(v3io_announcement(endpoint, settings.data_dir, keys)), flush=True)

    serve_until_stopped(settings, ready=ready, started=started)


def _settings(
    *,
    data: Path,
    access_key_file: Path | None,
    limits: str,
    admin: bool,
    admin_token_file: Path | None,
    host: str,
    no_console: bool,
    keys: tuple[AccessKeys, ...] | None = None,
    **others: Any,
) -> Settings:
    """The settings of the server; keys come from files or the environment."""
    from beam_dis.local.http.request_source import is_loopback
    from beam_dis.local.http.server import Settings
    from beam_dis.local.keys import keys_of_environment, keys_of_file, read_admin_token, read_console_token

    if admin_token_file is not None and not admin:
        raise Failed("--admin-token-file is given without --admin: add --admin, or leave it out")
    if keys is None:
        keys = keys_of_file(access_key_file) if access_key_file else keys_of_environment(os.environ)
    return Settings(
        data_dir=data,
        host=host,
        keys=keys,
        real_limits=limits == "real",
        admin_token=read_admin_token(admin_token_file, os.environ) if admin else None,
        console_token=read_console_token(os.environ) if is_loopback(host) and not no_console else None,
        **others,
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
    from beam_dis.endpoints import LOCAL_PROJECT_ID

    here, there = _addresses(endpoint)
    project_id = project or next((caller.project for caller in keys if caller.project), LOCAL_PROJECT_ID)
    lines = [f"beam-dis: serving {here} (data in {data})", f"  --dis_endpoint={here} --dis_project_id={project_id}"]
    if there is not None:
        lines.append(
            f"  --dis_endpoint={there} --dis_project_id={project_id}  (from other machines, or by a name of this one)"
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


def v3io_announcement(endpoint: str, data: Path, keys: Sequence[AccessKeys] = ()) -> list[str]:
    """The lines that ``serve --service v3io`` prints when it is ready, for a pipeline and for official clients."""
    here, there = _addresses(endpoint)
    lines = [
        f"beam-dis: serving {here} (data in {data})",
        f'  connection=V3IOConnection(endpoint="{here}", container="local")',
        f"  official clients: V3IO_API={here}",
    ]
    if there is not None:
        lines.append(f"  from other machines, or by a name of this one: {there}")
    if keys:
        lines.append("  requests need the access key: set V3IO_ACCESS_KEY to it on the workers")
    return lines


def _addresses(endpoint: str) -> tuple[str, str | None]:
    """The URL for clients on this machine, and that for others if the server listens on the unspecified address."""
    url = urlsplit(endpoint)
    own = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(url.hostname or "")  # noqa: S104 - a comparison
    if own is None:
        return endpoint, None
    address = _address_of_this_machine(own)
    return _url(own, url.port), None if address is None else _url(address, url.port)


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
