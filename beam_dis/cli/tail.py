"""``beam-dis tail``: shows the records of a stream, and those that arrive. No app's checkpoint moves."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import click

from beam_dis.cli.connecting import complete_stream, connection_options
from beam_dis.cli.output import end_without_reader, examples, is_terminal, print_bytes, print_json_lines
from beam_dis.cli.reading import bounds_options, opened_reader, warn

if TYPE_CHECKING:
    from beam_dis.cli.conditions import Condition
    from beam_dis.connection import DISConnection
    from beam_dis.consumer import Arrival
    from beam_dis.stream_service import StreamListing

Show = Callable[["Arrival", Any], None]
"""Prints a record, with its decoded value or None if it isn't decoded."""


@click.command(
    epilog=examples(
        "beam-dis tail flights --endpoint http://127.0.0.1:7700",
        "beam-dis tail flights --from -10 --no-follow",
        "beam-dis tail flights --from 2013-01-01T00:00Z --to latest --json",
        "beam-dis tail flights --where 'dep_delay>=60' --format '%t %k %v'",
    )
)
@click.argument("stream", shell_complete=complete_stream)
@connection_options
@bounds_options
@click.option("-n", "--count", type=click.IntRange(min=1), metavar="N", help="End after N records.")
@click.option(
    "--follow/--no-follow",
    default=None,
    help="Wait for records that arrive, until Ctrl-C (default), or end at the newest one.",
)
@click.option("--key", "keys", multiple=True, metavar="KEY", help="Only records with this key; may be repeated.")
@click.option(
    "--where",
    "conditions",
    multiple=True,
    metavar="CONDITION",
    help="Only records with this field: FIELD=VALUE, or !=, <, <=, >, >=, ~ (contains); may be repeated.",
)
@click.option(
    "--decode/--raw",
    default=None,
    help="Show values decoded by the stream's schema, as JSON (default on a terminal), or as they are (default in a pipe).",
)
@click.option(
    "--format",
    "format_text",
    metavar="TEXT",
    help="%p partition, %P its id, %n number, %k key, %t time, %T the same in ms, %v value, %s stream"
    " (default: '%t %p %n %k %v' on a terminal, '%v' in a pipe).",
)
@click.option("--base64", "as_base64", is_flag=True, help="Show values in base64.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object per record.")
def tail(*, start: str | None, stop: str | None, follow: bool | None, **options: Any) -> None:
    """Show the records of a stream, and those that arrive.

    It begins with the records that arrive from now on, or with --no-follow or --to at the oldest one. What was there at the
    beginning comes in the order of arrival; later records come as they are read, each partition in its order. No app's checkpoint moves.
    """
    if follow and stop is not None:
        raise click.UsageError("--follow has no end: leave out --to, or --follow")
    following = stop is None if follow is None else follow
    _tail(start or ("latest" if following else "earliest"), stop, following=following, **options)


def _tail(
    start: str,
    stop: str | None,
    *,
    connection: DISConnection,
    stream: str,
    partitions: tuple[str, ...],
    following: bool,
    count: int | None,
    conditions: tuple[str, ...],
    keys: tuple[str, ...],
    **how: Any,
) -> None:
    from beam_dis.cli.conditions import condition_of

    wanted = [condition_of(condition) for condition in conditions]
    with opened_reader(connection, stream, start, stop, partitions) as reader:
        values = _Values(reader.listing, wanted, decode=how.pop("decode"), as_json=how["as_json"])
        show = _printer(stream, **how)
        found = values.matching(reader.follow(end_without_reader) if following else reader.arrivals(), frozenset(keys))
        for shown, (arrival, value) in enumerate(found, 1):
            show(arrival, value)
            if following:
                sys.stdout.flush()
            if shown == count:
                break
    sys.stdout.flush()
    values.report()


class _Values:
    """Decodes values, chooses records by them, and counts those that don't decode."""

    def __init__(self, listing: StreamListing, wanted: list[Condition], *, decode: bool | None, as_json: bool) -> None:
        from beam_dis.cli.stream_values import decoder_of, json_value
        from beam_dis.errors import ConfigurationError

        by_schema = decoder_of(listing)
        if decode and by_schema is None:
            raise ConfigurationError(f"--decode: stream {listing.name!r} has no schema for rows: leave out --decode")
        self._show = by_schema is not None and (decode or (decode is None and (as_json or is_terminal(sys.stdout))))
        self._decode = (by_schema or json_value) if wanted or self._show else None
        self._wanted = wanted
        self._failed = 0
        self._first = ""

    def matching(self, arrivals: Iterator[Arrival], keys: frozenset[str]) -> Iterator[tuple[Arrival, Any]]:
        """The records with one of the keys whose values fulfil the conditions, and the values to show."""
        for arrival in arrivals:
            if keys and (arrival.record.partition_key or "") not in keys:
                continue
            value = None if self._decode is None else self._decoded(arrival)
            if value is None and self._wanted:
                continue
            if all(condition.holds(value) for condition in self._wanted):
                yield arrival, value if self._show else None

    def report(self) -> None:
        """Say how many records didn't decode."""
        if self._failed:
            what = "left out" if self._wanted else "shown as they are"
            warn(f"{self._failed} records didn't decode and were {what}; the first one: {self._first}")

    def _decoded(self, arrival: Arrival) -> Any:
        from beam_dis.errors import DecodeError

        try:
            return self._decode(arrival.record.data) if self._decode else None
        except DecodeError as error:
            self._failed += 1
            self._first = self._first or f"partition {arrival.partition_id}, {arrival.record.sequence_number}: {error}"
            return None


def _printer(stream: str, *, format_text: str | None, as_base64: bool, as_json: bool) -> Show:
    from beam_dis.cli.record_lines import json_of, line_of
    from beam_dis.cli.record_text import IN_PIPE, ON_TERMINAL, format_of_text

    if as_json:
        return lambda arrival, value: print_json_lines(line_of(arrival.partition_id, arrival.record, value) + b"\n")
    terminal = is_terminal(sys.stdout)
    text = format_text or (ON_TERMINAL if terminal else IN_PIPE)
    form = format_of_text(text, stream, terminal=terminal, as_base64=as_base64)

    def show(arrival: Arrival, value: Any) -> None:
        print_bytes(form.line(arrival, arrival.record.data if value is None else json_of(value)) + b"\n")

    return show
