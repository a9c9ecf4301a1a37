"""What commands print: JSON for programs, tables for people."""

from __future__ import annotations

import json
import select
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

import click

from beam_dis.texts import escaped

if TYPE_CHECKING:
    from rich.table import Table

Rows = Sequence[Mapping[str, Any]]

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
"""Decorates a command whose function takes ``as_json``."""


def examples(*lines: str) -> str:
    """The end of a command's help: examples, each on its own line."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def print_json(value: Any, *, pretty: bool = False) -> None:
    """Print a value as JSON on one line, or with ``pretty`` on several. Values that JSON lacks are printed as text.

    On a terminal, control characters are printed as JSON's escapes.
    """
    text = json.dumps(value, ensure_ascii=False, default=str, indent=2 if pretty else None)
    if is_terminal(sys.stdout):
        text = _printable_json(text)
    try:
        click.echo(text)
    except UnicodeEncodeError:  # half of a surrogate pair
        click.echo(json.dumps(value, default=str, indent=2 if pretty else None))


def print_bytes(data: bytes) -> None:
    """Print bytes as they are: the data of records, which are in any encoding or in none."""
    sys.stdout.buffer.write(data)


def print_json_lines(lines: bytes) -> None:
    """Print lines of JSON as they are; on a terminal with control characters as JSON's escapes."""
    print_bytes(_printable_json(lines.decode()).encode() if is_terminal(sys.stdout) else lines)


def print_table(rows: Rows, columns: Sequence[str], *, as_json: bool = False) -> None:
    """Print rows as a table with these columns, or as one JSON array of whole rows.

    On a terminal the table fits the window and has colours. Elsewhere columns are aligned with spaces and nothing is cut.
    None is shown as ``-``, and control characters are shown as escapes.
    """
    if as_json:
        print_json(list(rows))
        return
    if is_terminal(sys.stdout):
        from rich.console import Console

        Console().print(_rich_table(rows, columns))
    else:
        _print_aligned([list(columns), *_cells(rows, columns)])


@contextmanager
def live_table(columns: Sequence[str], *, as_json: bool = False) -> Iterator[Callable[[Rows], None]]:
    """A table that is shown again and again during the block, by the function that this gives.

    On a terminal it takes the place of the one before. Elsewhere the tables follow one another with an empty line between them. As JSON
    each is an array on a line.
    """
    if as_json or not is_terminal(sys.stdout):
        shown = 0

        def show(rows: Rows) -> None:
            nonlocal shown
            if shown and not as_json:
                click.echo()
            shown += 1
            print_table(rows, columns, as_json=as_json)
            sys.stdout.flush()

        yield show
        return
    from rich.live import Live

    with Live(auto_refresh=False) as live:
        yield lambda rows: live.update(_rich_table(rows, columns), refresh=True)


def print_fields(fields: Mapping[str, Any], *, as_json: bool = False) -> None:
    """Print the fields of one thing, a line each, or one JSON object."""
    if as_json:
        print_json(fields)
        return
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        click.echo(f"{name:<{width}}  {_shown(value)}")


@contextmanager
def progress_bar(label: str, *, in_bytes: bool = False) -> Iterator[Callable[[int, int], object] | None]:
    """Show a bar on standard error during the block, and give the function to call with what is done and what there is.

    It counts things, or bytes and their rate. It gives None if nobody looks at it.
    """
    if not is_terminal(sys.stderr):
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    counts = (DownloadColumn(), TransferSpeedColumn()) if in_bytes else (MofNCompleteColumn(),)
    columns = TextColumn("{task.description}", markup=False), BarColumn(), *counts, TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def end_without_reader() -> None:
    """Raise BrokenPipeError if the reader of standard output has ended, which otherwise only the next output would show."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)  # errors are reported always
    if any(events & select.POLLERR for _, events in poll.poll(0)):
        raise BrokenPipeError


def is_terminal(stream: TextIO) -> bool:
    """Whether a person looks at it."""
    return stream.isatty()


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return escaped(json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else str(value))


def _print_aligned(lines: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True)).rstrip())


def _printable_json(text: str) -> str:
    """JSON with the same meaning, without characters that change what a terminal shows."""
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def _cells(rows: Rows, columns: Sequence[str]) -> list[list[str]]:
    return [[_shown(row.get(column)) for column in columns] for row in rows]


def _rich_table(rows: Rows, columns: Sequence[str]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for line in _cells(rows, columns):
        table.add_row(*map(Text, line))
    return table
