"""``beam-dis api``: calls any operation of the API by its name, and prints the answer."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from beam_dis.cli.arguments import pairs_of
from beam_dis.cli.connecting import connection_options
from beam_dis.cli.exits import Failed
from beam_dis.cli.output import examples, is_terminal, print_bytes, print_json, print_table

if TYPE_CHECKING:
    from beam_dis.connection import DISConnection

_ANSWER_BYTES = 256 * 1024 * 1024


def complete_operation(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Shells complete the name of an operation."""
    from beam_dis.wire.routes import ROUTES

    return [operation for operation in ROUTES if operation.startswith(incomplete)]


def _list_operations(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    """``--list`` needs neither an operation nor a DIS."""
    if not wanted or ctx.resilient_parsing:
        return
    from beam_dis.cli.api_requests import fields_of, names_of
    from beam_dis.wire.routes import ROUTES

    rows = [
        {
            "operation": route.operation,
            "method": route.method,
            "path": route.path,
            "parameters": ", ".join(dict.fromkeys([*names_of(route), *fields_of(route)])),
        }
        for route in ROUTES.values()
    ]
    print_table(rows, ("operation", "method", "path", "parameters"), as_json=bool(ctx.params.get("as_json")))
    ctx.exit()


@click.command(
    epilog=examples(
        "beam-dis api --list",
        "beam-dis api describe_stream --param stream_name=flights",
        """beam-dis api put_records '{"stream_name": "flights", "records": [{"data": "YQ=="}]}'""",
        "beam-dis api create_dump_task --param stream_name=flights - < task.json",
    )
)
@click.argument("operation", shell_complete=complete_operation)
@click.argument("body", required=False, metavar="[JSON|-]")
@click.option(
    "--param",
    "params",
    multiple=True,
    metavar="NAME=VALUE",
    help="A name in the path, or a field of the query or the body; may be repeated.",
)
@click.option("--raw", is_flag=True, help="Print the bytes of the answer as they are.")
@click.option("--list", is_flag=True, expose_value=False, callback=_list_operations, help="List the operations.")
@click.option("--json", "as_json", is_flag=True, is_eager=True, help="Print JSON on one line.")  # before --list
@connection_options
def api(
    *, connection: DISConnection, operation: str, body: str | None, params: tuple[str, ...], raw: bool, as_json: bool
) -> None:
    """Call an operation of the API, and print the answer.

    The fields of the request are a JSON object, which may be on standard input. --param gives single fields. Refusals keep their code.
    """
    from beam_dis.cli.api_requests import request_of, route_of
    from beam_dis.client.api import API

    route = route_of(operation)
    names, message = request_of(route, _fields(body), pairs_of(params, "parameter"))
    in_path: dict[str, Any] = {**names}
    client = API(connection)
    try:
        answer = client.call(
            operation, lambda good: good.response.body, message=message, max_answer=_ANSWER_BYTES, **in_path
        )
    finally:
        client.close()
    if raw:
        print_bytes(answer)
    elif answer:
        _print(answer, pretty=not as_json and is_terminal(sys.stdout))


def _fields(body: str | None) -> dict[str, Any]:
    """The fields of a JSON object, which is given or is on standard input. Raises click.UsageError."""
    if body is None:
        return {}
    try:
        fields = json.loads(sys.stdin.buffer.read() if body == "-" else body)
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"the request is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise click.UsageError("the request is not a JSON object: give its fields in braces")
    return fields


def _print(answer: bytes, *, pretty: bool) -> None:
    try:
        print_json(json.loads(answer), pretty=pretty)
    except (ValueError, RecursionError) as error:
        raise Failed("the answer is not JSON: print it with --raw") from error
