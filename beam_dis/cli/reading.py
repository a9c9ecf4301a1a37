"""What commands that read records share: the options that say which records, and the reader of a stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from beam_dis.cli.connecting import opened_service

if TYPE_CHECKING:
    from beam_dis.connection import DISConnection
    from beam_dis.consumer import StreamReader

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--from",
        "start",
        metavar="WHERE",
        help="earliest, latest, a duration before now such as 10m or 1d12h, a time such as 2013-01-01T00:00Z, or -100 for the"
        " last 100 records of the stream.",
    ),
    click.option("--to", "stop", metavar="WHERE", help="Where to stop: latest, a duration before now, or a time."),
    click.option(
        "--partition",
        "partitions",
        multiple=True,
        metavar="ID",
        help="Read only this partition, a number or an id; may be repeated.",
    ),
)


def bounds_options(function: F) -> F:
    """Decorate a command that reads records: it gets ``start``, ``stop`` and ``partitions``."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@contextmanager
def opened_reader(
    connection: DISConnection, stream: str, start: str, stop: str | None, partitions: Sequence[str]
) -> Iterator[StreamReader]:
    """The reader of a stream between bounds, as the options give them."""
    from beam_dis.consumer import StreamReader, bounds_of
    from beam_dis.names import checked_stream

    bounds = bounds_of(start, stop, partitions)
    name = checked_stream("STREAM", stream)
    with opened_service(connection) as service:
        yield StreamReader(service, name, bounds, warn=warn)


def warn(message: str) -> None:
    """Print a warning as one line on standard error."""
    click.echo(f"beam-dis: {' '.join(message.split())}", err=True)
