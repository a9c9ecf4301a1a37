"""``beam-dis apps``: lists, describes and resets apps, the named consumers that own checkpoints."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from beam_dis.cli.arguments import confirm, yes_option
from beam_dis.cli.connecting import complete_stream, connection_options, open_client
from beam_dis.cli.exits import Failed
from beam_dis.cli.output import examples, json_option, print_json, print_table
from beam_dis.errors import DISError

if TYPE_CHECKING:
    from beam_dis.client import DISClient
    from beam_dis.client.apps import PartitionProgress
    from beam_dis.connection import DISConnection


@click.group()
def apps() -> None:
    """List, create, describe, reset and delete apps."""


@apps.command("ls", epilog=examples("beam-dis apps ls", "beam-dis apps ls --stream flights"))
@click.option("--stream", shell_complete=complete_stream, metavar="STREAM", help="Only apps with a checkpoint in it.")
@json_option
@connection_options
def list_apps(*, connection: DISConnection, stream: str | None, as_json: bool) -> None:
    """List the apps of the project, and the streams in which they have checkpoints."""
    with open_client(connection) as client:
        rows = [
            {
                "app": app.app_name,
                "streams": app.commit_checkpoint_stream_names
                if as_json
                else ", ".join(app.commit_checkpoint_stream_names),
            }
            for app in client.iter_apps(stream_name=stream)
        ]
    print_table(rows, ("app", "streams"), as_json=as_json)


@apps.command(epilog=examples("beam-dis apps create reports"))
@click.argument("app")
@connection_options
def create(*, connection: DISConnection, app: str) -> None:
    """Create an app."""
    with open_client(connection) as client:
        client.create_app(app)
    click.echo(f"created app {app}")


@apps.command("rm", epilog=examples("beam-dis apps rm reports"))
@click.argument("app")
@yes_option
@connection_options
def remove(*, connection: DISConnection, app: str, yes: bool) -> None:
    """Delete an app with its checkpoints.

    It asks first on a terminal; elsewhere it needs --yes.
    """
    confirm(f"delete app {app} with its checkpoints from {connection.endpoint}?", yes=yes)
    with open_client(connection) as client:
        client.delete_app(app)
    click.echo(f"deleted app {app}")


@apps.command(epilog=examples("beam-dis apps describe reports"))
@click.argument("app")
@json_option
@connection_options
def describe(*, connection: DISConnection, app: str, as_json: bool) -> None:
    """Show how far an app has read each partition of its streams.

    A checkpoint is the sequence number of the record that the app reads next.
    """
    with open_client(connection) as client:
        found = client.describe_app(app)
        rows = [
            {"stream": stream, **_row(state)}
            for stream in found.commit_checkpoint_stream_names
            for state in client.iter_consumer_states(app, stream_name=stream)
        ]
    if as_json:
        print_json({"app": found.app_name, "app_id": found.app_id, "created": found.create_time, "partitions": rows})
        return
    print_table(rows, ("stream", "partition", "checkpoint", "earliest", "next", "unread"))


@apps.command(
    epilog=examples(
        "beam-dis apps reset reports flights --to earliest",
        "beam-dis apps reset reports flights --to 2026-01-01T00:00Z --dry-run",
        "beam-dis apps reset reports flights --to 1500 --partition 0",
    )
)
@click.argument("app")
@click.argument("stream", shell_complete=complete_stream)
@click.option(
    "--to",
    "target",
    required=True,
    metavar="POSITION",
    help="earliest, latest, a time such as 2026-01-01T00:00Z or 10m ago, a sequence number, or none for no checkpoint.",
)
@click.option(
    "--partition",
    "partitions",
    multiple=True,
    metavar="ID",
    help="A partition, a number or an id; may be repeated (default: all).",
)
@click.option("--dry-run", is_flag=True, help="Change nothing: say what would be changed.")
@json_option
@connection_options
def reset(
    *,
    connection: DISConnection,
    app: str,
    stream: str,
    target: str,
    partitions: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Move the checkpoints of an app in a stream.

    A job that runs as this app goes on committing its own positions: stop it first. The service doesn't tell whether one runs.
    """
    from beam_dis.cli.checkpoint_targets import target_of
    from beam_dis.services import shared_service

    service = shared_service(connection)
    number_of = target_of(target, clock=lambda: service.describe(stream).time)
    locate = partial(service.locate, stream)
    with open_client(connection) as client:
        states = _chosen(list(client.iter_consumer_states(app, stream_name=stream)), partitions, stream)
        moves = [(state, number_of(state, locate)) for state in states]
        if not dry_run:
            click.echo(f"beam-dis: stop the jobs that read as {app}: they would commit their own positions", err=True)
            _move_all(client, app, stream, moves)
    rows = [{"partition": state.partition_id, "before": state.sequence_number, "after": to} for state, to in moves]
    print_table(rows, ("partition", "before", "after"), as_json=as_json)
    if dry_run:
        click.echo("beam-dis: --dry-run: nothing was changed", err=True)


def _row(state: PartitionProgress) -> dict[str, Any]:
    read = max(state.earliest_offset, state.sequence_number or 0)
    return {
        "partition": state.partition_id,
        "checkpoint": state.sequence_number,
        "earliest": state.earliest_offset,
        "next": state.latest_offset,
        "unread": max(0, state.latest_offset - read),
    }


def _chosen(states: list[PartitionProgress], partitions: tuple[str, ...], stream: str) -> list[PartitionProgress]:
    """The states of the partitions that are named; of all that can be read if none is."""
    from beam_dis.names import canonical_partition_id

    if not partitions:
        return [state for state in states if state.status != "EXPIRED"]
    by_id = {canonical_partition_id(state.partition_id): state for state in states}
    wanted = [canonical_partition_id(partition) for partition in partitions]
    missing = [partition for partition in wanted if partition not in by_id]
    if missing:
        raise Failed(f"stream {stream} has no partition {missing[0]}: it has {', '.join(by_id) or 'none'}")
    return [by_id[partition] for partition in dict.fromkeys(wanted)]


def _move_all(client: DISClient, app: str, stream: str, moves: list[tuple[PartitionProgress, int | None]]) -> None:
    """Commit the numbers, or delete the checkpoints of partitions without one. Raises Failed, which says how many were moved."""
    moved = 0
    try:
        for state, number in moves:
            at: Any = {"stream_name": stream, "partition_id": state.partition_id}
            if number is not None:
                client.commit_checkpoint(app, sequence_number=number, **at)
            elif state.sequence_number is not None:
                client.delete_checkpoint(app, **at)
            moved += 1
    except DISError as error:
        raise Failed(f"{error}; partitions whose checkpoints were moved: {moved} of {len(moves)}") from error
