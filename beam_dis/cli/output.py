"""What commands print: JSON for programs, tables for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO, TypeVar

import click

from beam_dis.texts import escaped

F = TypeVar("F", bound=Callable[..., Any])

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
        text = "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
    try:
        click.echo(text)
    except UnicodeEncodeError:  # half of a surrogate pair
        click.echo(json.dumps(value, default=str, indent=2 if pretty else None))


def print_bytes(data: bytes, *, flush: bool = False) -> None:
    """Print bytes as they are: the data of records, which are in any encoding or in none."""
    sys.stdout.buffer.write(data)
    if flush:
        sys.stdout.buffer.flush()


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool = False) -> None:
    """Print rows as a table with these columns, or as one JSON array of whole rows.

    On a terminal the table fits the window and has colours. Elsewhere columns are aligned with spaces and nothing is cut.
    None is shown as ``-``, and control characters are shown as escapes.
    """
    if as_json:
        print_json(list(rows))
        return
    cells = [[_shown(row.get(column)) for column in columns] for row in rows]
    if is_terminal(sys.stdout):
        _print_rich(cells, columns)
    else:
        _print_aligned([list(columns), *cells])


def print_fields(fields: Mapping[str, Any], *, as_json: bool = False) -> None:
    """Print the fields of one thing, a line each, or one JSON object."""
    if as_json:
        print_json(fields)
        return
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        click.echo(f"{name:<{width}}  {_shown(value)}")


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


def _print_rich(cells: list[list[str]], columns: Sequence[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for line in cells:
        table.add_row(*map(Text, line))
    Console().print(table)
