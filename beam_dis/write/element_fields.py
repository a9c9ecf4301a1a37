"""The fields that a PCollection's elements are known to have, when the pipeline is built.

Law: reads type hints alone; None where nothing is known, and the fields are looked up on each element.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from typing import Any

from apache_beam.typehints.row_type import RowTypeConstraint


def fields_of(element_type: Any) -> Collection[str] | None:
    """The names of the fields of a Beam row, a NamedTuple or a dataclass; None for any other type."""
    if isinstance(element_type, RowTypeConstraint):
        return [name for name, _ in element_type._fields]
    if not isinstance(element_type, type):
        return None
    if dataclasses.is_dataclass(element_type):
        return [field.name for field in dataclasses.fields(element_type)]
    return getattr(element_type, "_fields", None)
