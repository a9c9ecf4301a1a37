"""``beam-dis bench``: measures the rates and the times of puts and gets."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import click

from beam_dis.cli.arguments import Bytes, Seconds
from beam_dis.cli.connecting import connection_options, open_client
from beam_dis.cli.exits import Failed
from beam_dis.cli.output import examples, json_option, print_json, print_table

if TYPE_CHECKING:
    from beam_dis.connection import DISConnection

_COLUMNS = ("what", "requests", "records_per_s", "mb_per_s", "median_ms", "p99_ms", "failed")


@click.command(epilog=examples("beam-dis bench --seconds 10", "beam-dis bench --size 10k --connections 16 --json"))
@click.option("--seconds", type=Seconds(), default="10", metavar="N", help="How long to put, and to get (default: 10).")
@click.option("--size", type=Bytes(), default="1k", metavar="BYTES", help="The data of a record (default: 1k).")
@click.option(
    "--records",
    type=click.IntRange(1, 1000),
    default=500,
    metavar="N",
    help="The most records of a put (default: 500).",
)
@click.option(
    "--connections", type=click.IntRange(1, 256), default=4, metavar="N", help="Requests at a time (default: 4)."
)
@click.option("--partitions", type=click.IntRange(1), default=4, metavar="N", help="Of the stream (default: 4).")
@click.option("--yes", is_flag=True, help="Also use a DIS that isn't on this machine, which costs money.")
@json_option
@connection_options
def bench(
    *,
    connection: DISConnection,
    seconds: float,
    size: int,
    records: int,
    connections: int,
    partitions: int,
    yes: bool,
    as_json: bool,
) -> None:
    """Measure the rates and the times of puts and gets.

    It creates a stream of its own, and deletes it at the end. It refuses a DIS that isn't on this machine, unless with --yes.
    """
    from beam_dis.cli.bench_load import BenchLoad, measure
    from beam_dis.endpoints import is_loopback
    from beam_dis.wire.limits import MAX_RECORD_BYTES, MAX_REQUEST_BYTES

    if not yes and not is_loopback(connection.endpoint or ""):
        raise Failed(
            f"{connection.endpoint} isn't on this machine: its load would be real, and cost money; to go on, add --yes"
        )
    if not 1 <= size <= MAX_RECORD_BYTES:
        raise click.UsageError(f"--size {size}: a record has 1 to {MAX_RECORD_BYTES} bytes")
    stream = f"bench-{secrets.token_hex(4)}"
    load = BenchLoad(
        stream=stream,
        seconds=seconds,
        size=size,
        records=min(records, MAX_REQUEST_BYTES["COMMON"] // size),
        connections=connections,
        partitions=partitions,
    )
    with open_client(connection) as client:
        client.create_stream(stream, partition_count=partitions)
        try:
            measured = measure(client, load)
        finally:
            client.delete_stream(stream)
    if as_json:
        print_json([each.as_row() for each in measured])
        return
    click.echo(
        f"{load.records} records of {size} bytes in a put, {connections} requests at a time, {partitions} partitions"
    )
    print_table([each.as_row() for each in measured], _COLUMNS)
