"""Display data: the arguments of a transform that a runner shows to the operators of a pipeline.

Rules:
1. Nothing secret: of a connection only where it leads, such as endpoint and project id; of an object only the name of its class, never its
   ``repr``.
2. Plain Python, no Beam.
"""

from __future__ import annotations

from typing import Any

from beam_dis.connection import Connection


def display_items(connection: Connection | None, **arguments: Any) -> dict[str, str | int | float | bool]:
    """The display data of a transform.

    Args:
        connection: gives its ``place``.
        **arguments: text, numbers and booleans are shown as they are; a function or a class by its name, any other
            object by the name of its class. None is left out.
    """
    if connection is not None:
        arguments |= connection.place
    return {name: _shown(value) for name, value in arguments.items() if value is not None}


def _shown(value: Any) -> str | int | float | bool:
    if isinstance(value, (str, int, float)):
        return value
    return str(getattr(value, "__name__", type(value).__name__))
