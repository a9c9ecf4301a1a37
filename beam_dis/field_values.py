"""The value of a field of an element, whatever kind of element it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

from beam_dis.errors import EncodeError
from beam_dis.names import did_you_mean
from beam_dis.plain_values import shown


@dataclass(frozen=True, slots=True)
class FieldValue:
    """The value of a field of an element: an attribute (NamedTuple, row, dataclass) or a key of a dict."""

    name: str

    def __call__(self, element: Any) -> Any:
        """The value of the field. Raises EncodeError if the element has no such field."""
        try:
            return element[self.name] if isinstance(element, (dict, Mapping)) else getattr(element, self.name)
        except (AttributeError, KeyError):
            names = _fields_of(element)
            has = (
                f"; it has {shown(names)}{did_you_mean(self.name, names)}: name one of them"
                if names
                else ": name another"
            )
            raise EncodeError(
                f"an element of type {type(element).__name__} has no field {self.name!r}{has}, or give a function of the element"
            ) from None


def _fields_of(element: Any) -> list[str]:
    """The names of an element's fields, as far as they are known."""
    if isinstance(element, (dict, Mapping)):
        return [name for name in element if isinstance(name, str)]
    if hasattr(element, "_fields"):
        return list(element._fields)
    if is_dataclass(element):
        return [field.name for field in fields(element)]
    return [name for name in getattr(element, "__dict__", {}) if not name.startswith("_")]
