"""Functions that change some values inside a nested value, made from a schema once.

Law: what needs no change costs nothing: the function of a type is None where nothing in it changes. Values of another
type than the schema says pass untouched, for whoever checks them to name. Misfits come out with their path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from beam_dis.formats.misfit import Misfit, shown
from beam_dis.formats.schema import ArrayOf, Enumeration, MapOf, Nullable, Record, Type

Change = Callable[[Any], Any]


def change_of(
    type_: Type,
    scalar: Callable[[str], Change | None],
    record: Callable[[Record, Change | None], Change | None] | None = None,
) -> Change | None:
    """What turns a value of ``type_`` into another.

    ``scalar`` gives the change of a scalar type by its name. ``record`` gives that of a record, from the change of its
    fields, which takes a dict and makes a new one; without it that is the change.
    """
    if isinstance(type_, Enumeration):
        return None
    if isinstance(type_, Record):
        fields = _fields(type_, scalar, record)
        return fields if record is None else record(type_, fields)
    if not isinstance(type_, (Nullable, ArrayOf, MapOf)):
        change = scalar(type_.name)
        return None if change is None else _named(change)
    inner = change_of(type_.of, scalar, record)
    return None if inner is None else _AROUND[type(type_)](inner)


def _fields(record: Record, scalar: Callable[[str], Change | None], wrap: Any) -> Change | None:
    changes = [(field.name, change_of(field.type, scalar, wrap)) for field in record.fields]
    pending = [(name, change) for name, change in changes if change is not None]
    return _in_fields(pending) if pending else None


def _in_fields(pending: list[tuple[str, Change]]) -> Change:
    def change_fields(value: Any) -> Any:
        if not isinstance(value, (dict, Mapping)):
            return value
        changed = dict(value)
        for name, change in pending:
            try:
                if name in changed:
                    changed[name] = change(changed[name])
            except Misfit as misfit:  # noqa: PERF203 - free where nothing is raised, but on 3.10
                raise misfit.under(f".{name}") from misfit
        return changed

    return change_fields


def _named(change: Change) -> Change:
    def change_scalar(value: Any) -> Any:
        try:
            return change(value)
        except (ValueError, OverflowError) as error:
            raise Misfit(f"{shown(value)} is out of range: {error}") from error

    return change_scalar


def _unless_none(change: Change) -> Change:
    return lambda value: None if value is None else change(value)


def _in_items(change: Change) -> Change:
    def change_items(value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            return value
        changed = []
        for index, item in enumerate(value):
            try:
                changed.append(change(item))
            except Misfit as misfit:  # noqa: PERF203 - free where nothing is raised, but on 3.10
                raise misfit.under(f"[{index}]") from misfit
        return changed

    return change_items


def _in_values(change: Change) -> Change:
    def change_values(value: Any) -> Any:
        if not isinstance(value, (dict, Mapping)):
            return value
        changed = {}
        for key, item in value.items():
            try:
                changed[key] = change(item)
            except Misfit as misfit:  # noqa: PERF203 - free where nothing is raised, but on 3.10
                raise misfit.under(f"[{key!r}]") from misfit
        return changed

    return change_values


_AROUND: dict[type, Callable[[Change], Change]] = {Nullable: _unless_none, ArrayOf: _in_items, MapOf: _in_values}
