"""The connection of a command: the options that name a DIS, and the client that a command opens."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from beam_dis.cli.exits import Failed

if TYPE_CHECKING:
    from beam_dis.client import DISClient
    from beam_dis.connection import DISConnection
    from beam_dis.stream_service import StreamService

F = TypeVar("F", bound=Callable[..., Any])


def connection_options(
    command: F | None = None, *, prefix: str = "", argument: str = "connection", later: bool = False
) -> Any:
    """Decorate a command that talks to a DIS: it gets the options of a connection, and the DISConnection as an argument.

    Args:
        command: the function that is decorated.
        prefix: begins the names of the options, such as ``"to-"`` for ``--to-endpoint``.
        argument: the name of the argument that the function takes.
        later: give a function that returns the connection, for a command that doesn't always need one.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        names = [f"{prefix}{name}".replace("-", "_") for name in ("endpoint", "region", "project", "profile")]

        @functools.wraps(function)
        def with_connection(**options: Any) -> Any:
            endpoint, region, project, profile = (options.pop(name) for name in names)
            connection = functools.partial(connection_of, endpoint, region, project, profile, prefix=prefix)
            options[argument] = connection if later else connection()
            return function(**options)

        for option in reversed(_options(prefix)):
            with_connection = option(with_connection)
        return with_connection

    return decorate if command is None else decorate(command)


def connection_of(
    endpoint: str | None, region: str | None, project: str | None, profile_name: str | None, *, prefix: str = ""
) -> DISConnection:
    """The connection that the options name, resolved by the rules of a pipeline.

    A profile's keys take precedence over the environment, because it was named.

    Raises:
        Failed: no DIS is named.
        ConfigurationError: a value has a wrong form.
        CredentialsError: the profile's keys can't be used.
    """
    from beam_dis.connection import DISConnection, NoProjectError
    from beam_dis.credentials import credentials_of_profile, environment, profile

    credentials = None
    if profile_name is not None:
        credentials = credentials_of_profile(profile_name)
        section = profile(name=profile_name)
        region = region or section.get("region")
        project = project or section.get("project_id")
    if not (endpoint or region or environment().get("HUAWEICLOUD_SDK_REGION")):
        raise Failed(
            f"no DIS to connect to: give --{prefix}endpoint http://127.0.0.1:7700 for a local DIS, or --{prefix}region or"
            " HUAWEICLOUD_SDK_REGION for the cloud"
        )
    try:
        return DISConnection(endpoint=endpoint, region=region, project_id=project, credentials=credentials).resolved()
    except NoProjectError as error:
        raise Failed(f"no project id: give --{prefix}project, or set HUAWEICLOUD_SDK_PROJECT_ID") from error


def open_client(connection: DISConnection) -> DISClient:
    """A client that the command closes, by a ``with`` block."""
    from beam_dis.client import DISClient

    return DISClient(connection)


@contextmanager
def opened_service(connection: DISConnection) -> Iterator[StreamService]:
    """The service of a connection, for commands that read and write records; it is closed at the end of the block."""
    from beam_dis.services import open_service

    service = open_service(connection)
    try:
        yield service
    finally:
        service.close()


def complete_stream(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Shells complete a stream's name with those of the DIS that the options name; give this as ``shell_complete``."""
    named = [ctx.params.get(name) for name in ("endpoint", "region", "project", "profile")]
    try:
        with open_client(connection_of(*named)) as client:
            streams = client.list_streams().stream_names
    except Exception:  # noqa: BLE001 - a shell has no place for an error
        return []
    return [stream for stream in streams if stream.startswith(incomplete)]


def _options(prefix: str) -> list[Callable[..., Any]]:
    which = {"": "DIS", "to-": "target"}.get(prefix, prefix.rstrip("-"))
    return [
        click.option(f"--{prefix}endpoint", metavar="URL", help=f"URL of the {which}, such as http://127.0.0.1:7700."),
        click.option(
            f"--{prefix}region", metavar="NAME", help="Its region, such as eu-de (default: HUAWEICLOUD_SDK_REGION)."
        ),
        click.option(
            f"--{prefix}project",
            metavar="ID",
            help="Id of the project (default: HUAWEICLOUD_SDK_PROJECT_ID; local for a local DIS).",
        ),
        click.option(
            f"--{prefix}profile",
            metavar="NAME",
            help="Section of ~/.huaweicloud/credentials with ak, sk, and perhaps project_id and region (default: the"
            " environment, else [basic]).",
        ),
    ]
