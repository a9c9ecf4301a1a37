"""``beam-dis faults``: injects faults into a local DIS, lists and clears them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from beam_dis.cli.admin_access import open_admin, token_option
from beam_dis.cli.arguments import pairs_of, typed
from beam_dis.cli.connecting import connection_options
from beam_dis.cli.output import examples, json_option, print_table

if TYPE_CHECKING:
    from beam_dis.connection import DISConnection
    from beam_dis.local.faults.values import Fault


@click.group()
def faults() -> None:
    """Inject faults into a local DIS, list and clear them."""


@faults.command(
    epilog=examples(
        "beam-dis faults add Throttled operation=put_records rate=0.1",
        "beam-dis faults add Latency seconds=0.5 jitter=0.2 stream=flights",
        "beam-dis faults add Failing status=503 count=10",
    )
)
@click.argument("kind")
@click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]…")
@token_option
@connection_options
def add(*, connection: DISConnection, token_file: Path | None, kind: str, fields: tuple[str, ...]) -> None:
    """Inject a fault, until it is cleared or the server restarts.

    operation, stream, partition, rate, nth and count say which calls it hits. faults kinds lists the kinds and their fields.
    """
    from beam_dis.local.faults.values import FaultNumber

    fault = _fault(kind, pairs_of(fields, "field"))
    number = open_admin(connection, token_file).fetch("POST", "/admin/faults", FaultNumber, fault).id
    click.echo(f"injected fault {number}: {fault}")


@faults.command("ls", epilog=examples("beam-dis faults ls"))
@token_option
@json_option
@connection_options
def list_faults(*, connection: DISConnection, token_file: Path | None, as_json: bool) -> None:
    """List the injected faults, with the number of calls that matched and of those that were hit."""
    import msgspec

    from beam_dis.local.faults.values import FaultListing

    found = open_admin(connection, token_file).fetch("GET", "/admin/faults", FaultListing).faults
    rows = [
        {
            "id": each.id,
            "fault": msgspec.to_builtins(each.fault) if as_json else str(each.fault),
            "calls": each.calls,
            "hits": each.hits,
        }
        for each in found
    ]
    print_table(rows, ("id", "fault", "calls", "hits"), as_json=as_json)


@faults.command("rm", epilog=examples("beam-dis faults rm 3", "beam-dis faults rm --all"))
@click.argument("numbers", nargs=-1, type=click.IntRange(0), metavar="[ID]…")
@click.option("--all", "every", is_flag=True, help="Clear all faults.")
@token_option
@connection_options
def remove(*, connection: DISConnection, token_file: Path | None, numbers: tuple[int, ...], every: bool) -> None:
    """Clear faults by their numbers, or all."""
    if bool(numbers) == every:
        raise click.UsageError("give the numbers of faults, or --all")
    admin = open_admin(connection, token_file)
    if every:
        admin.send("DELETE", "/admin/faults")
        click.echo("cleared all faults")
    for number in numbers:
        admin.send("DELETE", f"/admin/faults?id={number}")
        click.echo(f"cleared fault {number}")


@faults.command(epilog=examples("beam-dis faults kinds"))
@json_option
def kinds(*, as_json: bool) -> None:
    """List the kinds of faults with their fields; all have those that say which calls they hit."""
    from beam_dis.local.faults.values import FAULT_KINDS, SELECTORS

    rows = [
        {
            "kind": name,
            "fields": ", ".join(field for field in kind.__struct_fields__ if field not in SELECTORS),
            "what_happens": kind.summary(),
        }
        for name, kind in FAULT_KINDS.items()
    ]
    print_table(rows, ("kind", "fields", "what_happens"), as_json=as_json)


def _fault(kind: str, given: dict[str, str]) -> Fault:
    """A fault of a kind with fields as text. Raises click.UsageError."""
    import msgspec

    from beam_dis.errors import ConfigurationError
    from beam_dis.local.faults.values import FAULT_KINDS
    from beam_dis.names import did_you_mean

    kinds = {name.lower(): each for name, each in FAULT_KINDS.items()}
    found = kinds.get(kind.lower())
    if found is None:
        raise click.UsageError(
            f"no fault {kind!r}{did_you_mean(kind, FAULT_KINDS)}: it is one of {', '.join(FAULT_KINDS)}"
        )
    types = {field.name: field.type for field in msgspec.structs.fields(found)}
    fields: dict[str, Any] = {}
    for name, text in given.items():
        if name not in types:
            raise click.UsageError(
                f"{found.__name__} has no field {name!r}{did_you_mean(name, types)}: its fields are {', '.join(types)}"
            )
        try:
            fields[name] = typed(text, types[name])
        except msgspec.ValidationError as error:
            raise click.UsageError(f"{name}={text!r}: {error}") from error
    try:
        return found(**fields)
    except (ConfigurationError, TypeError) as error:
        raise click.UsageError(f"{found.__name__}: {error}") from error
