"""The requests of ``beam-dis api``: which fields are names in the path, and which are the query or the body.

Rules:
1. A name in the path is a parameter, or a field of the object. It stays in a body that has a field of that name.
2. The fields of a query are checked, since a misspelt one would be ignored. A body is sent as it is given.
3. A parameter is text, and has the type of its field; lists and objects are JSON.
"""

from __future__ import annotations

import re
from typing import Any

import click
import msgspec

from beam_dis.cli.arguments import typed
from beam_dis.names import did_you_mean
from beam_dis.wire.messages import Query
from beam_dis.wire.routes import ROUTES, Route

_IN_PATH = re.compile(r"{(\w+)}")


def route_of(operation: str) -> Route:
    """The route of an operation. Raises click.UsageError if there is none of that name."""
    route = ROUTES.get(operation)
    if route is None:
        raise click.UsageError(f"no operation {operation!r}{did_you_mean(operation, ROUTES)}: see beam-dis api --list")
    return route


def names_of(route: Route) -> list[str]:
    """The names in the path of a route, besides the project."""
    return [name for name in _IN_PATH.findall(route.path) if name != "project_id"]


def fields_of(route: Route) -> dict[str, Any]:
    """The types of the fields of a route's query or body, by their names on the wire."""
    kind = route.request
    return {} if kind is None else {field.encode_name: field.type for field in msgspec.structs.fields(kind)}


def request_of(route: Route, given: dict[str, Any], params: dict[str, str]) -> tuple[dict[str, str], Any]:
    """The names in the path of a request, and its query or body; None if it has neither.

    Raises:
        click.UsageError: a field is missing, unknown or of a wrong type.
    """
    known = fields_of(route)
    fields = {_wire_name(name, known): value for name, value in given.items()}
    names = {}
    for name in names_of(route):
        value = params.pop(name, None) or fields.get(name)
        if name not in known:
            fields.pop(name, None)
        if not isinstance(value, str | int) or value == "":
            raise click.UsageError(f"{route.operation} needs {name}: give --param {name}=…")
        names[name] = str(value)
    for name, text in params.items():
        field = _wire_name(name, known)
        _check_known(route, field, known)
        try:
            fields[field] = typed(text, known[field])
        except msgspec.ValidationError as error:
            raise click.UsageError(f"{name}={text!r}: {error}") from error
    return names, _message(route, fields, known)


def _message(route: Route, fields: dict[str, Any], known: dict[str, Any]) -> Any:
    if route.request is None or issubclass(route.request, Query):
        for name in fields:
            _check_known(route, name, known)
    if route.request is None:
        return None
    if issubclass(route.request, Query):
        try:
            return msgspec.convert(
                {name: _query_text(value) for name, value in fields.items()}, route.request, strict=False
            )
        except msgspec.ValidationError as error:
            raise click.UsageError(f"{route.operation}: {error}") from error
    return fields if route.action is None else {"action": route.action, **fields}


def _query_text(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool | int | float) else value


def _wire_name(name: str, known: dict[str, Any]) -> str:
    """Some fields have hyphens on the wire, such as ``partition-id``: underscores are taken too."""
    return name if name in known or name.replace("_", "-") not in known else name.replace("_", "-")


def _check_known(route: Route, name: str, known: dict[str, Any]) -> None:
    if name in known:
        return
    taken = ", ".join(dict.fromkeys([*names_of(route), *known])) or "none"
    raise click.UsageError(
        f"{route.operation} has no field {name!r}{did_you_mean(name, known)}: its fields are {taken}"
    )
