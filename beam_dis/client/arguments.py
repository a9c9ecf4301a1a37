"""Checks the arguments of the client's operations before anything is sent.

A wrong type or form raises ConfigurationError, which names operation, argument and value. Whether a stream exists, or how many
partitions it may have, is left to the service.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from beam_dis.errors import ConfigurationError
from beam_dis.names import canonical_partition_id, checked_app, checked_sequence_number, checked_stream


class Arguments:
    """The checks for one operation. Values are given by name; None is accepted, except by ``required``."""

    def __init__(self, operation: str) -> None:
        self._operation = operation

    def required(self, **values: Any) -> None:
        """Refuse None."""
        for name, value in values.items():
            if value is None:
                self._refuse(name, value, "is missing")

    def streams(self, **values: Any) -> None:
        """Check names or ids of streams."""
        for name, value in values.items():
            if value is not None:
                checked_stream(f"{self._operation}: {name}", value)

    def apps(self, **values: Any) -> None:
        """Check names of apps."""
        for name, value in values.items():
            if value is not None:
                checked_app(f"{self._operation}: {name}", value)

    def partition(self, name: str, value: Any) -> str:
        """Return the id of a partition, for its number or its id."""
        try:
            return canonical_partition_id(value)
        except ConfigurationError as error:
            raise ConfigurationError(f"{self._operation}: {name}: {error}") from error

    def sequence_number(self, name: str, value: Any) -> str:
        """Return a sequence number as text."""
        return str(checked_sequence_number(f"{self._operation}: {name}", value))

    def numbers(self, **values: Any) -> None:
        """Check ints of 1 or more."""
        for name, value in values.items():
            if value is not None and (not _is_int(value) or value < 1):
                self._refuse(name, value, "is not an int of 1 or more")

    def milliseconds(self, **values: Any) -> None:
        """Check times in milliseconds since 1970."""
        for name, value in values.items():
            if value is not None and (not _is_int(value) or value < 0):
                self._refuse(name, value, "is not an int of milliseconds since 1970: give int(time.timestamp() * 1000)")

    def texts(self, **values: Any) -> None:
        """Check texts, which may be empty."""
        for name, value in values.items():
            if value is not None and not isinstance(value, str):
                self._refuse(name, value, "is not text")

    def lists(self, **values: Any) -> None:
        """Check lists of texts."""
        for name, value in values.items():
            texts = isinstance(value, Sequence) and not isinstance(value, str | bytes)
            if not texts or not all(isinstance(part, str) for part in value):
                self._refuse(name, value, "is not a list of texts")

    def maps(self, **values: Any) -> None:
        """Check maps of text to text."""
        for name, value in values.items():
            if value is not None and not (
                isinstance(value, Mapping) and all(isinstance(part, str) for pair in value.items() for part in pair)
            ):
                self._refuse(name, value, "is not a map of text to text")

    def flags(self, **values: Any) -> None:
        """Check booleans."""
        for name, value in values.items():
            if value is not None and not isinstance(value, bool):
                self._refuse(name, value, "is neither True nor False")

    def _refuse(self, name: str, value: Any, reason: str) -> None:
        raise ConfigurationError(f"{self._operation}: {name}={value!r} {reason}")


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
