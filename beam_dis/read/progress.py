"""How far a restriction is, in units of its own.

Law: what a tracker says stands. Beam's worker puts the bytes of output in place of the work completed, whatever the units of
what remains, and while a bundle's first output is still in the steps behind, they are not a number: a runner that splits in
that moment, as Prism does where a step takes long, fails the job.
"""

from __future__ import annotations

from typing import final

from apache_beam.io.iobase import RestrictionProgress


@final
class OwnProgress(RestrictionProgress):
    """Work ``completed`` and ``remaining``, in the same units."""

    def __init__(self, *, completed: float, remaining: float) -> None:
        super().__init__(completed=completed, remaining=remaining)  # type: ignore[no-untyped-call]

    def with_completed(self, completed: float) -> OwnProgress:
        """The same: output bytes say nothing of this work."""
        return self
