"""``beam-dis top``: the rates, hot partitions and lags of streams, again and again."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from beam_dis.cli.arguments import Number
from beam_dis.cli.connecting import complete_stream, connection_options, open_client, opened_service
from beam_dis.cli.output import examples, json_option, live_table

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from beam_dis.connection import DISConnection
    from beam_dis.stream_service import StreamListing, StreamService

Rows = list[dict[str, Any]]

_STREAM_COLUMNS = ("stream", "partitions", "written_per_s", "busiest", "busiest_per_s", "hot", "held")
_PARTITION_COLUMNS = ("partition", "written_per_s", "percent_of_limit", "hot", "held")
_LAG_COLUMNS = ("lag", "lag_seconds")


@click.command(
    epilog=examples(
        "beam-dis top",
        "beam-dis top flights --app reports",
        "beam-dis top --once --json",
    )
)
@click.argument("streams", nargs=-1, shell_complete=complete_stream)
@click.option("--app", metavar="APP", help="Show how far this app is behind.")
@click.option(
    "--interval",
    type=Number(min=0.1, max=3600),
    default=2.0,
    metavar="SECONDS",
    help="The time between two tables, which rates are counted over (default: 2).",
)
@click.option("-n", "--count", type=click.IntRange(min=1), metavar="N", help="End after N tables.")
@click.option("--once", is_flag=True, help="The same as -n 1.")
@json_option
@connection_options
def top(
    *,
    connection: DISConnection,
    streams: tuple[str, ...],
    app: str | None,
    interval: float,
    count: int | None,
    once: bool,
    as_json: bool,
) -> None:
    """Show the rates, hot partitions and lags of streams, again and again.

    One STREAM is shown by partition, the busiest first; several, or all of them if none is named, with a row each. The first table
    comes after one interval. With --json each table is a line. Ctrl-C ends it.
    """
    from beam_dis.daemon_threads import DaemonThreads
    from beam_dis.names import checked_stream

    names = [checked_stream("STREAM", stream) for stream in streams]
    executor = DaemonThreads(8, "top")
    with open_client(connection) as client, opened_service(connection) as service:

        def checkpoints(stream: str) -> dict[str, int | None]:
            from beam_dis.names import canonical_partition_id

            states = client.iter_consumer_states(str(app), stream_name=stream)
            return {canonical_partition_id(state.partition_id): state.sequence_number for state in states}

        lag = None if app is None else partial(_lag, service, checkpoints, executor=executor)
        by_partition = len(streams) == 1
        columns = (_PARTITION_COLUMNS if by_partition else _STREAM_COLUMNS) + (_LAG_COLUMNS if app else ())
        listed = partial(_listings, service, lambda: names or client.iter_streams(), executor, skip_missing=not streams)
        tables = tables_of(listed, interval, lag=lag, by_partition=by_partition)
        with live_table(columns, as_json=as_json) as show:
            for rows in itertools.islice(tables, 1 if once else count):
                show(rows)


def tables_of(
    listings: Callable[[], dict[str, StreamListing]],
    interval: float,
    *,
    lag: Callable[[StreamListing], dict[str, dict[str, Any]]] | None,
    by_partition: bool,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> Iterator[Rows]:
    """The rows of each table, without an end.

    Args:
        listings: lists the streams, by name.
        interval: the seconds between two tables.
        lag: the lag in each partition of a stream, by id; None if no app is asked for.
        by_partition: a row for each partition, otherwise for each stream.
        clock: seconds that never go back.
        sleep: pauses.
    """
    from beam_dis.cli.traffic import stream_row, traffic_of

    before, since = listings(), clock()
    while True:
        sleep(max(0.0, since + interval - clock()))
        after, now = listings(), clock()
        rows: Rows = []
        for name, listing in after.items():
            lags = {} if lag is None else lag(listing)
            traffic = traffic_of(before.get(name, listing), listing, max(now - since, 0.001))
            if by_partition:
                rows += [{**asdict(each), **lags.get(each.partition, {})} for each in traffic]
            else:
                rows.append({**stream_row(listing.name, traffic), **_together(lags)})
        yield rows if by_partition else sorted(rows, key=lambda row: (-row["written_per_s"], row["stream"]))
        before, since = after, now


def _listings(
    service: StreamService, names: Callable[[], Iterable[str]], executor: Executor, *, skip_missing: bool
) -> dict[str, StreamListing]:
    """The listings of streams; with ``skip_missing``, without those that were deleted since their names were listed."""
    from beam_dis.errors import StreamNotFoundError

    def described(name: str) -> StreamListing | None:
        try:
            return service.describe(name)
        except StreamNotFoundError:
            if not skip_missing:
                raise
            return None

    wanted = list(names())
    found = zip(wanted, executor.map(described, wanted), strict=True)
    return {name: listing for name, listing in found if listing is not None}


def _lag(
    service: StreamService,
    checkpoints: Callable[[str], dict[str, int | None]],
    listing: StreamListing,
    *,
    executor: Executor,
) -> dict[str, dict[str, Any]]:
    from beam_dis.cli.lags import lags_of
    from beam_dis.errors import StreamNotFoundError

    try:
        lags = lags_of(service, listing, checkpoints(listing.name), executor=executor)
    except StreamNotFoundError:  # it was deleted since it was listed; the next listing says so if it was named
        return {}
    return {each.partition_id: {"lag": each.records, "lag_seconds": each.seconds} for each in lags}


def _together(lags: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if not lags:
        return {}
    return {
        "lag": sum(lag["lag"] for lag in lags.values()),
        "lag_seconds": max(lag["lag_seconds"] for lag in lags.values()),
    }
