"""``with_error_handler``, for all transforms that have dead letters.

Rules:
1. A threshold means what it means for Beam's ParDo: the share of an input window that may fail.
2. Steps are added for a threshold only, so that pipelines without one keep their graph.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import apache_beam as beam
from apache_beam import pvalue
from apache_beam.transforms.error_handling import ErrorHandler

from beam_dis.errors import ConfigurationError, DISError

if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self


class TakesErrorHandler:
    """A transform that can pass its dead letters to an error handler; it sets ``_dead_letters`` to that argument."""

    _dead_letters: bool
    _error_handler: ErrorHandler | None = None
    _threshold: float = 1.0
    _threshold_windowing: Any = None

    def with_error_handler(
        self, error_handler: ErrorHandler | None, *, threshold: float = 1.0, threshold_windowing: Any = None
    ) -> Self:
        """Pass dead letters to a Beam error handler.

        The transform then returns the same as without dead letters.

        Args:
            error_handler: takes the dead letters. None takes an earlier handler away.
            threshold: fail the pipeline if more than this share of the elements of a window become dead letters, 0 to 1, once
                the window is complete. 1 for no limit.
            threshold_windowing: the windows in which elements are counted for the threshold, as for WindowInto. None for the
                elements' own.

        Raises:
            ConfigurationError: the transform was made with ``dead_letters=True``, or the threshold isn't from 0 to 1.
        """
        if error_handler is not None and self._dead_letters:
            raise ConfigurationError("dead_letters=True and with_error_handler: both take the dead letters; use one")
        if not isinstance(threshold, (int, float)) or isinstance(threshold, bool) or not 0 <= threshold <= 1:
            raise ConfigurationError(f"threshold={threshold!r} is not a share of the elements, from 0 to 1")
        self._error_handler = error_handler
        self._threshold = threshold
        self._threshold_windowing = threshold_windowing
        return self

    def _wants_dead_letters(self) -> bool:
        """Whether the transform sets failures apart, for the user or for an error handler."""
        return self._dead_letters or self._error_handler is not None

    def _pass_on_dead_letters(
        self, dead_letters: pvalue.PCollection[Any], elements: tuple[pvalue.PCollection[Any], ...]
    ) -> pvalue.PCollection[Any] | None:
        """Give dead letters to the error handler if there is one, else to the user if they asked for them.

        The threshold is a share of all ``elements``.
        """
        if self._error_handler is not None:
            self._error_handler.add_error_pcollection(dead_letters)
            if self._threshold < 1:
                _check_threshold(dead_letters, elements, self._threshold, self._threshold_windowing)
        return dead_letters if self._dead_letters else None


def _check_threshold(
    dead_letters: pvalue.PCollection[Any],
    elements: tuple[pvalue.PCollection[Any], ...],
    threshold: float,
    windowing: Any,
) -> None:
    """Fail if more than a share of the elements of a window became dead letters."""
    counts = [dead_letters | "CountDeadLetters" >> beam.Map(lambda _: (1, 0))]
    counts += [pcoll | f"CountElements{place}" >> beam.Map(lambda _: (0, 1)) for place, pcoll in enumerate(elements)]
    all_counts = counts | "AllCounts" >> beam.Flatten()
    if windowing is not None:
        all_counts |= "ThresholdWindows" >> beam.WindowInto(windowing)
    _ = (
        all_counts
        | "Totals" >> beam.CombineGlobally(beam.combiners.TupleCombineFn(sum, sum)).without_defaults()
        | "CheckThreshold" >> beam.Map(partial(_fail_above, threshold))
    )


def _fail_above(threshold: float, counts: tuple[int, int], window: Any = beam.DoFn.WindowParam) -> None:
    failed, total = counts
    if failed > total * threshold:
        raise DISError(
            f"{failed} of {total} elements of {window} became dead letters, which is more than threshold={threshold}: their"
            " errors say why; mend the cause, or raise the threshold"
        )
