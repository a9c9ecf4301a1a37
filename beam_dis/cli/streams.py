"""``beam-dis streams``: lists, creates, describes, scales, changes and deletes streams."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import click

from beam_dis.cli.arguments import CountRange, Hours, confirm, pairs_of, yes_option
from beam_dis.cli.connecting import complete_stream, connection_options, open_client
from beam_dis.cli.output import examples, json_option, print_fields, print_json, print_table
from beam_dis.cli.stream_tags import tags

if TYPE_CHECKING:
    from beam_dis.client import DISClient
    from beam_dis.connection import DISConnection
    from beam_dis.wire.streams import StreamInfo

_LISTED = 100
_COLUMNS = ("name", "partitions", "type", "data", "hours", "status")

stream_argument = click.argument("stream", shell_complete=complete_stream)
"""Decorates a command of one stream; its function takes ``stream``."""

_schema = click.option(
    "--schema", type=click.File("rb"), metavar="FILE", help="Avro schema of its rows; - is standard input."
)
_data_type = click.option(
    "--data-type", type=click.Choice(("BLOB", "JSON", "CSV"), case_sensitive=False), help="What its records are."
)
_retention = click.option(
    "--retention", type=Hours(), metavar="HOURS", help="How long it keeps records, such as 72 or 3d: 24 to 168 hours."
)
_auto_scale = click.option(
    "--auto-scale", type=CountRange(), metavar="LOW:HIGH", help="Let the service scale it between two numbers."
)


@click.group()
def streams() -> None:
    """List, create, describe, scale, change and delete streams."""


streams.add_command(tags)


@streams.command("ls", epilog=examples("beam-dis streams ls --endpoint http://127.0.0.1:7700"))
@json_option
@connection_options
def list_streams(*, connection: DISConnection, as_json: bool) -> None:
    """List the streams of the project."""
    import msgspec

    with open_client(connection) as client:
        found = list(_infos(client))
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    rows = [
        {
            "name": info.stream_name,
            "partitions": info.partition_count,
            "type": info.stream_type,
            "data": info.data_type,
            "hours": info.retention_period,
            "status": info.status,
        }
        for info in found
    ]
    print_table(rows, _COLUMNS)


@streams.command(
    epilog=examples(
        "beam-dis streams create flights --partitions 4",
        "beam-dis streams create flights --data-type JSON --schema flights.avsc --retention 3d --tag team=ops",
    )
)
@stream_argument
@click.option("--partitions", type=click.IntRange(1), default=1, metavar="N", help="How many partitions (default: 1).")
@click.option(
    "--type",
    "stream_type",
    type=click.Choice(("COMMON", "ADVANCED"), case_sensitive=False),
    help="COMMON: 1 MB per second and partition (default); ADVANCED: 5 MB.",
)
@_data_type
@_schema
@click.option("--delimiter", metavar="TEXT", help="Between the columns of CSV (default: a comma).")
@click.option("--compression", type=click.Choice(("gzip", "snappy", "zip")), help="How its records are compressed.")
@_retention
@_auto_scale
@click.option("--tag", "tag_texts", multiple=True, metavar="KEY=VALUE", help="A tag; may be repeated.")
@connection_options
def create(
    *,
    connection: DISConnection,
    stream: str,
    partitions: int,
    stream_type: str | None,
    data_type: str | None,
    schema: IO[bytes] | None,
    delimiter: str | None,
    compression: str | None,
    retention: int | None,
    auto_scale: tuple[int, int] | None,
    tag_texts: tuple[str, ...],
) -> None:
    """Create a stream."""
    with open_client(connection) as client:
        client.create_stream(
            stream,
            partition_count=partitions,
            stream_type=stream_type,
            data_type=data_type,
            data_duration=retention,
            data_schema=None if schema is None else _text(schema),
            csv_delimiter=delimiter,
            compression_format=compression,
            tags=pairs_of(tag_texts, "tag") or None,
            **_scaling(auto_scale),
        )
    click.echo(f"created stream {stream}")


@streams.command(epilog=examples("beam-dis streams describe flights", "beam-dis streams describe flights --json"))
@stream_argument
@json_option
@connection_options
def describe(*, connection: DISConnection, stream: str, as_json: bool) -> None:
    """Show a stream and its partitions, with their hash ranges and sequence numbers."""
    import msgspec

    from beam_dis.instants import iso_text

    with open_client(connection) as client:
        found = client.describe_whole_stream(stream)
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    fields = msgspec.to_builtins(found)
    rows = [
        {
            "partition": partition.partition_id,
            "status": partition.status,
            "hash range": partition.hash_range,
            "earliest": partition.earliest,
            "next": partition.next,
            "records": None if partition.next is None else partition.next - (partition.earliest or 0),
        }
        for partition in found.partitions
    ]
    fields["tags"] = {tag.key: tag.value for tag in found.tags}
    hidden = {"partitions", "has_more_partitions"}
    for name in ("create_time", "last_modified_time"):
        fields[name] = iso_text(fields[name]) if isinstance(fields[name], int) else fields[name]
    print_fields({name: value for name, value in fields.items() if name not in hidden and value not in (None, [], {})})
    click.echo()
    print_table(rows, ("partition", "status", "hash range", "earliest", "next", "records"))


@streams.command(epilog=examples("beam-dis streams scale flights 8"))
@stream_argument
@click.argument("partitions", type=click.IntRange(1))
@connection_options
def scale(*, connection: DISConnection, stream: str, partitions: int) -> None:
    """Change the number of partitions that take records.

    A partition that is scaled away can be read until its retention has passed. The service scales a stream once per hour.
    """
    with open_client(connection) as client:
        before = client.describe_stream(stream).writable_partition_count
        client.update_partition_count(stream, target_partition_count=partitions)
    click.echo(f"scaled stream {stream}: {before} → {partitions} partitions")


@streams.command(epilog=examples("beam-dis streams update flights --retention 7d"))
@stream_argument
@_data_type
@_schema
@_retention
@_auto_scale
@click.option("--no-auto-scale", is_flag=True, help="Don't let the service scale it.")
@connection_options
def update(
    *,
    connection: DISConnection,
    stream: str,
    data_type: str | None,
    schema: IO[bytes] | None,
    retention: int | None,
    auto_scale: tuple[int, int] | None,
    no_auto_scale: bool,
) -> None:
    """Change a stream's retention, data type, schema or scaling."""
    if auto_scale and no_auto_scale:
        raise click.UsageError("--auto-scale and --no-auto-scale are given: leave out one of them")
    changes = {
        "data_type": data_type,
        "data_schema": None if schema is None else _text(schema),
        "data_duration": retention,
        **({"auto_scale_enabled": False} if no_auto_scale else _scaling(auto_scale)),
    }
    given: dict[str, Any] = {name: value for name, value in changes.items() if value is not None}
    if not given:
        raise click.UsageError("nothing to change: give --retention, --data-type, --schema or --auto-scale")
    with open_client(connection) as client:
        client.update_stream(stream, **given)
    click.echo(f"changed stream {stream}: {', '.join(given)}")


@streams.command("rm", epilog=examples("beam-dis streams rm flights", "beam-dis streams rm flights orders --yes"))
@click.argument("names", nargs=-1, required=True, shell_complete=complete_stream, metavar="STREAM…")
@yes_option
@connection_options
def remove(*, connection: DISConnection, names: tuple[str, ...], yes: bool) -> None:
    """Delete streams with their records and checkpoints.

    It asks first on a terminal; elsewhere it needs --yes.
    """
    confirm(f"delete {', '.join(names)} with all records from {connection.endpoint}?", yes=yes)
    with open_client(connection) as client:
        for name in names:
            client.delete_stream(name)
            click.echo(f"deleted stream {name}")


def _text(schema: IO[bytes]) -> str:
    try:
        return schema.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"--schema: {schema.name} is not UTF-8: {error.reason} at byte {error.start}") from error


def _infos(client: DISClient) -> Iterator[StreamInfo]:
    start = None
    while True:
        page = client.list_streams(limit=_LISTED, start_stream_name=start)
        yield from page.stream_info_list
        if not page.has_more_streams or not page.stream_names:
            return
        start = page.stream_names[-1]


def _scaling(counts: tuple[int, int] | None) -> dict[str, Any]:
    if counts is None:
        return {}
    return {
        "auto_scale_enabled": True,
        "auto_scale_min_partition_count": counts[0],
        "auto_scale_max_partition_count": counts[1],
    }
