"""``with_error_handler``, for all transforms that have dead letters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apache_beam import pvalue
from apache_beam.transforms.error_handling import ErrorHandler

from beam_dis.errors import ConfigurationError

if TYPE_CHECKING:
    from typing import Any

    from typing_extensions import Self


class TakesErrorHandler:
    """A transform that can pass its dead letters to an error handler; it sets ``_dead_letters`` to that argument."""

    _dead_letters: bool
    _error_handler: ErrorHandler | None = None

    def with_error_handler(self, error_handler: ErrorHandler | None) -> Self:
        """Pass dead letters to a Beam error handler.

        The transform then returns the same as without dead letters.

        Args:
            error_handler: takes the dead letters. None takes an earlier handler away.

        Raises:
            ConfigurationError: the transform was made with ``dead_letters=True``.
        """
        if error_handler is not None and self._dead_letters:
            raise ConfigurationError("dead_letters=True and with_error_handler: both take the dead letters; use one")
        self._error_handler = error_handler
        return self

    def _wants_dead_letters(self) -> bool:
        """Whether the transform sets failures apart, for the user or for an error handler."""
        return self._dead_letters or self._error_handler is not None

    def _pass_on_dead_letters(self, dead_letters: pvalue.PCollection[Any]) -> pvalue.PCollection[Any] | None:
        """Give dead letters to the error handler if there is one, else to the user if they asked for them."""
        if self._error_handler is not None:
            self._error_handler.add_error_pcollection(dead_letters)
        return dead_letters if self._dead_letters else None
