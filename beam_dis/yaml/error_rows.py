"""The key ``error_handling``: dead letters as an output of rows, as Beam's own transforms have it.

Rules:

1. A row has Beam's fields first: ``element``, what failed; ``msg``, the reason; ``stack``, which is empty, since the reason names
   what is wrong. StripErrorMetadata gives the elements alone.
2. Then it has the fields of a DeadLetter that say where the record is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Optional

import apache_beam as beam
from apache_beam import pvalue
from apache_beam.typehints.row_type import RowTypeConstraint

from beam_dis.dead_letter import DeadLetter
from beam_dis.errors import ConfigurationError
from beam_dis.yaml.config import check_keys

_OPTIONAL: Any = Optional

_PLACE = [
    ("code", str),
    ("stream", _OPTIONAL[str]),
    ("partition_id", _OPTIONAL[str]),
    ("sequence_number", _OPTIONAL[int]),
    ("partition_key", _OPTIONAL[str]),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorOutput:
    """The value of the key: the name of the output, and the share of the elements that may be in it."""

    name: str
    threshold: float = 1.0

    @classmethod
    def of(cls, given: Any, outputs: tuple[str, ...]) -> ErrorOutput | None:
        """The value of the key, None if it isn't there; ``outputs`` are the names of the transform's other outputs.

        Raises:
            ConfigurationError: it is something else, or the name is taken.
        """
        if given is None:
            return None
        check_keys("error_handling", given, ("output", "threshold"))
        name = given.get("output")
        if not isinstance(name, str) or not name:
            raise ConfigurationError(
                f"error_handling: output={name!r} is not the name of an output: give one, such as errors"
            )
        if name in outputs:
            raise ConfigurationError(f"error_handling: {name!r} is another output: give another name, such as errors")
        return cls(name=name, threshold=given.get("threshold", 1.0))


class DeadLetterOutput:
    """Takes the dead letters of a transform, as an error handler does."""

    dead_letters: pvalue.PCollection[Any]

    def add_error_pcollection(self, dead_letters: pvalue.PCollection[Any]) -> None:
        """Keep the dead letters for the output."""
        self.dead_letters = dead_letters

    def rows(self, element_type: Any, field: str) -> pvalue.PCollection[Any]:
        """The rows of the output; ``field`` of a dead letter is the element, whose type is ``element_type``."""
        row_type = RowTypeConstraint.from_fields([("element", element_type), ("msg", str), ("stack", str), *_PLACE])
        rows: pvalue.PCollection[Any] = self.dead_letters | "Errors" >> beam.Map(
            partial(_row, field)
        ).with_output_types(row_type)
        return rows


def _row(field: str, letter: DeadLetter) -> Any:
    place = {name: getattr(letter, name) for name, _ in _PLACE}
    return beam.Row(element=getattr(letter, field), msg=letter.error, stack="", **place)
