"""``beam-dis lag``: how far an app is behind in a stream."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from beam_dis.cli.connecting import complete_stream, connection_options, open_client, opened_service
from beam_dis.cli.output import examples, json_option, print_json, print_table

if TYPE_CHECKING:
    from beam_dis.connection import DISConnection

_COLUMNS = ("partition", "committed", "newest", "records", "seconds")


@click.command(epilog=examples("beam-dis lag reports flights", "beam-dis lag reports flights --json | jq .records"))
@click.argument("app")
@click.argument("stream", shell_complete=complete_stream)
@json_option
@connection_options
def lag(*, connection: DISConnection, app: str, stream: str, as_json: bool) -> None:
    """Show how far an app is behind in each partition of a stream.

    A partition without a checkpoint counts in full. Records that have expired unread don't count.
    """
    from beam_dis.cli.lags import lags_of
    from beam_dis.daemon_threads import DaemonThreads
    from beam_dis.names import canonical_partition_id, checked_stream

    with open_client(connection) as client, opened_service(connection) as service:
        listing = service.describe(checked_stream("STREAM", stream))
        states = client.iter_consumer_states(app, stream_name=listing.name)
        checkpoints = {canonical_partition_id(state.partition_id): state.sequence_number for state in states}
        lags = lags_of(service, listing, checkpoints, executor=DaemonThreads(8, "lag"))
    total = {
        "records": sum(each.records for each in lags),
        "seconds": max((each.seconds for each in lags), default=0.0),
    }
    if as_json:
        print_json({"app": app, "stream": listing.name, **total, "partitions": [asdict(each) for each in lags]})
        return
    rows = [{"partition": each.partition_id, **asdict(each)} for each in lags]
    print_table([*rows, {"partition": "all", **total}], _COLUMNS)
