"""Source code of functions that is made from a schema once, as dataclasses and namedtuple do.

Rules:
1. A format writes one function for each record, array, map and union of a schema; scalars are written inline.
2. A type that is used again is not written again, so a schema of shared types costs what its text costs.
3. Every object that the source uses has a name of its own; nothing from a schema's text becomes source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import length_hint
from textwrap import indent
from typing import Any

from beam_dis.formats.mismatch import FAULTS, ValueMismatch, reason_of


class Source:
    """Functions as source, the objects that they use, and after ``compile`` the functions themselves."""

    def __init__(self) -> None:
        self._functions: list[str] = []
        self._objects: dict[str, Any] = {"ValueMismatch": ValueMismatch, "length_hint": length_hint}
        self.use(FAULTS=FAULTS, reason_of=reason_of)
        self._names: dict[int, str] = {}
        self._written: dict[tuple[int, ...], str] = {}
        self._kept: list[Any] = []

    @property
    def text(self) -> str:
        """All functions."""
        return "\n\n".join(self._functions)

    def use(self, **objects: Any) -> None:
        """Let the source use objects by these names."""
        self._objects.update(objects)

    def name_of(self, value: Any, hint: str) -> str:
        """The name of an object in the source."""
        if isinstance(value, (int, type(None))):
            return repr(value)
        name = self._names.get(id(value))
        if name is None:
            name = f"{hint}{len(self._names)}"
            self._kept.append(value)  # an id is only unique among living objects
            self._names[id(value)] = name
            self._objects[name] = value
        return name

    def add(self, text: str) -> None:
        """Add a function."""
        self._functions.append(text)

    def function_of(self, types: tuple[Any, ...], hint: str, write: Callable[[str], str]) -> str:
        """The name of the function of some types; ``write`` gets the name and returns the source, if it isn't there yet."""
        key = tuple(map(id, types))
        known = self._written.get(key)
        if known is not None:
            return known
        name = f"{hint}_{len(self._written)}"
        self._kept.append(types)
        self._written[key] = name
        self._functions.append(write(name))
        return name

    def get(self, name: str) -> Callable[..., Any]:
        """A compiled function."""
        return self._objects[name]  # type: ignore[no-any-return]

    def call(self, name: str, *values: Any) -> Any:
        """Call a function of the compiled source, for objects that the source uses."""
        return self._objects[name](*values)

    def compile(self, name: str) -> Callable[..., Any]:
        """Compile all functions; the one of a name."""
        exec(compile(self.text, "<functions of a schema>", "exec"), self._objects)  # noqa: S102 - see rule 3
        return self._objects[name]  # type: ignore[no-any-return]


def lines(*parts: str) -> str:
    """Lines of source; empty parts are left out."""
    return "\n".join(part for part in parts if part)


def function(signature: str, *body: str) -> str:
    """The source of a function."""
    return f"def {signature}:\n{indented(lines(*body))}"


def guarded(body: str, step: str) -> str:
    """Source whose faults get a step of the path to their value: ``step`` is an expression."""
    return lines(
        "try:",
        indented(body),
        "except ValueMismatch as error:",
        f"    error.inside({step})",
        "    raise",
        "except FAULTS as error:",
        f"    raise ValueMismatch(reason_of(error)).inside({step}) from error",
    )


def indented(body: str) -> str:
    """The body of a block."""
    return indent(body or "pass", "    ")


def tuple_of(names: Iterable[str]) -> str:
    """A tuple as source."""
    listed = list(names)
    return f"({', '.join(listed)}{',' if len(listed) == 1 else ''})"


def items_made(change: str) -> str:
    """Source that returns a list of what ``change``, source that sets v, makes of the items of the list ``value``.

    A fault gets the index as a step. Each item is made once, also if one is at fault: items may have items.
    """
    if not change.startswith("v = ") or "\n" in change:
        loop = lines("for v in value:", indented(lines(change, "items.append(v)")))
        return lines("items = []", guarded(loop, 'f"[{len(items)}]"'), "return items")
    made = f"return [{change.removeprefix('v = ')} for v in left]"
    return lines("left = iter(value)", guarded(made, 'f"[{len(value) - length_hint(left) - 1}]"'))


def steps_of(names: Iterable[str]) -> tuple[str, ...]:
    """The steps of the path into the fields of a record."""
    return tuple(f".{name}" for name in names)
