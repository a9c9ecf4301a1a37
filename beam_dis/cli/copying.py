"""``beam-dis copy``: copies a stream from one DIS to another, with its order."""

from __future__ import annotations

import dataclasses
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from beam_dis.cli.connecting import complete_stream, connection_options, open_client
from beam_dis.cli.exits import DONE, INTERRUPTED
from beam_dis.cli.output import examples, json_option, print_json, progress_bar

if TYPE_CHECKING:
    from beam_dis.connection import DISConnection

_Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
_source_options: _Decorator = connection_options(argument="source")
_target_options: _Decorator = connection_options(prefix="to-", argument="target")

_NEW = "http://127.0.0.1:7701"


@click.command(
    epilog=examples(
        f"beam-dis copy orders --endpoint http://127.0.0.1:7700 --to-endpoint {_NEW}",
        f"beam-dis copy orders orders-test --region eu-de --to-endpoint {_NEW} --follow",
    )
)
@click.argument("stream", shell_complete=complete_stream)
@click.argument("target_stream", required=False)
@click.option("--follow", is_flag=True, help="Go on with what arrives later, until Ctrl-C.")
@click.option(
    "--app",
    default="beam-dis-copy",
    show_default=True,
    metavar="NAME",
    help="App of the target that keeps how far the copy is.",
)
@json_option
@_source_options
@_target_options
def copy(
    stream: str,
    target_stream: str | None,
    follow: bool,
    app: str,
    as_json: bool,
    source: DISConnection,
    target: DISConnection,
) -> int:
    """Copy a stream from one DIS to another, with its order.

    STREAM becomes TARGET_STREAM, by default a stream of the same name. The options --endpoint, --region, --project and --profile name the DIS to copy from, those with --to- the one to copy to. The
    target is created like the source. Each partition keeps its order. The same command again, also after a crash, goes on where it was.
    """
    from beam_dis.copying import copy_stream

    with (
        open_client(source) as old,
        open_client(target) as new,
        progress_bar("Copying records") as on_progress,
        _stopped_by_ctrl_c() as stopped,
    ):
        copied = copy_stream(
            old,
            new,
            stream,
            target_stream=target_stream,
            app=app,
            follow=follow,
            stop=stopped.is_set,
            on_progress=on_progress,
        )
    if as_json:
        print_json(dataclasses.asdict(copied))
    else:
        click.echo(f"beam-dis: copied {copied.records} records of {copied.stream} into {copied.target_stream}")
    if copied.expired:
        click.echo(f"beam-dis: {copied.expired} records had expired before they were copied", err=True)
    if copied.repeated:
        click.echo(
            f"beam-dis: {copied.repeated} records are there twice, because of refused records or lost answers", err=True
        )
    return INTERRUPTED if stopped.is_set() and not follow else DONE


@contextmanager
def _stopped_by_ctrl_c() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C during the block sets; the second one interrupts at once."""
    stopped = threading.Event()

    def stop(_number: int, _frame: object) -> None:
        stopped.set()
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)
