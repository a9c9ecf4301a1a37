"""The page of faults and the clock: what a test can command, by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import inspect
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from beam_dis.errors import ConfigurationError
from beam_dis.local.clock import advance
from beam_dis.local.console.parts import ConsoleError, Parts
from beam_dis.local.console.queries import Fields, query_of
from beam_dis.local.console.rendering import page
from beam_dis.local.console.settings import ROOT
from beam_dis.local.faults.existing import check_exists
from beam_dis.local.faults.values import FAULT_KINDS, SELECTORS, Fault
from beam_dis.wire.routes import ROUTES

_LABELS = {
    "operation": "Operation",
    "stream": "Stream",
    "partition": "Partition",
    "rate": "Share of the calls",
    "nth": "Only this call, counted from 1",
    "count": "Calls at most",
    "seed": "Seed of the draws",
    "status": "HTTP status",
    "body": "With a body",
    "when": "Before or after the work",
    "code": "Code",
    "stored": "Stored all the same",
    "after": "Fraction of the answer",
    "seconds": "Seconds",
    "jitter": "Seconds more or less",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultField:
    """One field of the form of a fault; with ``choices`` it is one of them."""

    name: str
    label: str
    value: str
    required: bool
    choices: tuple[str, ...] = ()


def faults_and_clock(parts: Parts, request: Request) -> Response:
    """The faults that are injected, the form for a new one, and the clock."""
    fields = query_of(request)
    kind = fields.choice("kind", FAULT_KINDS, "Throttled")
    injected = [(one, type(one.fault).__name__, _described(one.fault)) for one in parts.rules.injected()]
    return page(
        "faults.html",
        here="faults",
        injected=injected,
        kinds=sorted(FAULT_KINDS),
        kind=kind,
        text=FAULT_KINDS[kind].summary(),
        fields=_fields(FAULT_KINDS[kind]),
        now_ms=parts.now_ms,
        notice=parts.notices.take(fields.text("notice") or None),
    )


async def inject(parts: Parts, _request: Request, fields: Fields) -> Response:
    """Inject the fault of the form; 400 with the reason if there can be no such fault."""
    kind = FAULT_KINDS[fields.choice("kind", FAULT_KINDS, "")]
    given = {name: fields.text(name) for name in kind.__struct_fields__ if fields.text(name)}
    try:
        fault: Any = msgspec.convert(given, kind, strict=False)
        check_exists(parts.store, fault)
    except (msgspec.ValidationError, ConfigurationError) as error:
        raise ConsoleError(400, f"There can be no such fault: {error}") from error
    number = parts.rules.add(fault)
    return _back(parts, f"Fault {number} is injected: {kind.__name__}.", f"&kind={kind.__name__}")


async def clear(parts: Parts, _request: Request, fields: Fields) -> Response:
    """Clear one fault, or all."""
    number = fields.whole("number", 0) if fields.text("number") else None
    if not parts.rules.clear(number):
        raise ConsoleError(404, f"There is no fault {number}.")
    return _back(parts, "All faults are cleared." if number is None else f"Fault {number} is cleared.")


async def move_clock(parts: Parts, _request: Request, fields: Fields) -> Response:
    """Move the clock forward."""
    seconds = fields.decimal("seconds") + 60 * fields.decimal("minutes") + 3600 * fields.decimal("hours")
    try:
        await advance(parts.store, parts.clock, seconds, parts.context.dumps.flush_due)
    except ValueError as error:
        raise ConsoleError(400, f"{error}.") from error
    return _back(parts, "The clock is moved forward, and what was due has happened.")


def _fields(kind: type[Fault]) -> list[FaultField]:
    """The fields of a kind of fault, its own first."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)  # noqa: S101 - every kind is a struct
    own = [field for field in info.fields if field.name not in SELECTORS]
    by_name = {field.name: field for field in info.fields}
    return [_field(field) for field in [*own, *(by_name[name] for name in SELECTORS)]]


def _field(field: inspect.Field) -> FaultField:
    choices: tuple[str, ...] = ()
    if isinstance(field.type, inspect.LiteralType):
        choices = tuple(map(str, field.type.values))
    elif isinstance(field.type, inspect.BoolType):
        choices = ("true", "false")
    elif field.name == "operation":
        choices = ("", *sorted(ROUTES))
    default = "" if field.default in (None, msgspec.NODEFAULT) else str(field.default)
    value = default.lower() if isinstance(field.type, inspect.BoolType) else default
    return FaultField(name=field.name, label=_LABELS[field.name], value=value, required=field.required, choices=choices)


def _described(fault: Fault) -> str:
    """The fields of a fault that aren't its defaults."""
    given = msgspec.to_builtins(fault)
    return ", ".join(f"{name} {value}" for name, value in given.items() if name != "type") or "any call"


def _back(parts: Parts, text: str, more: str = "") -> Response:
    return RedirectResponse(f"{ROOT}/faults?notice={parts.notices.add(text)}{more}", 303)
