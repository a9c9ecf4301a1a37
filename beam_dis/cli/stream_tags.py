"""``beam-dis streams tags``: lists, adds and removes the tags of a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from beam_dis.cli.arguments import pairs_of
from beam_dis.cli.connecting import complete_stream, connection_options, open_client
from beam_dis.cli.output import examples, json_option, print_fields

if TYPE_CHECKING:
    from beam_dis.client import DISClient
    from beam_dis.connection import DISConnection

_stream = click.argument("stream", shell_complete=complete_stream)


@click.group()
def tags() -> None:
    """List, add and remove the tags of a stream."""


@tags.command("ls", epilog=examples("beam-dis streams tags ls flights"))
@_stream
@json_option
@connection_options
def list_tags(*, connection: DISConnection, stream: str, as_json: bool) -> None:
    """List the tags of a stream."""
    with open_client(connection) as client:
        print_fields(client.list_stream_tags(_id(client, stream)), as_json=as_json)


@tags.command(epilog=examples("beam-dis streams tags add flights team=ops stage=test"))
@_stream
@click.argument("pairs", nargs=-1, required=True, metavar="KEY=VALUE…")
@connection_options
def add(*, connection: DISConnection, stream: str, pairs: tuple[str, ...]) -> None:
    """Add tags to a stream, all or none; a key that is there gets the new value."""
    given = pairs_of(pairs, "tag")
    with open_client(connection) as client:
        client.batch_create_tags(_id(client, stream), tags=given)
    click.echo(f"added to stream {stream}: {', '.join(given)}")


@tags.command("rm", epilog=examples("beam-dis streams tags rm flights stage"))
@_stream
@click.argument("keys", nargs=-1, required=True, metavar="KEY…")
@connection_options
def remove(*, connection: DISConnection, stream: str, keys: tuple[str, ...]) -> None:
    """Remove tags from a stream; one that isn't there counts as removed."""
    with open_client(connection) as client:
        client.batch_delete_tags(_id(client, stream), keys=list(keys))
    click.echo(f"removed from stream {stream}: {', '.join(keys)}")


def _id(client: DISClient, stream: str) -> str:
    """Requests for tags name a stream by its id."""
    return client.describe_stream(stream).stream_id
