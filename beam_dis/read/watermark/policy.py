"""How far a partition's time has come, by the records and pages that were read.

Rules:

1. A watermark never moves back.
2. After records it is the newest timestamp less the lag, and never ahead of the service's clock.
3. An empty page moves it to the clock when the page was requested, less a margin and the lag; never to the present.
"""

from __future__ import annotations

from dataclasses import dataclass

MARGIN_MS = 100
"""An empty page may miss a record that was being stored when the page was requested."""


@dataclass(frozen=True, slots=True)
class WatermarkPolicy:
    """Times are in ms since 1970; ``lag_ms`` is how much older a record may be than one before it."""

    lag_ms: int = 0

    def after_records(self, current: int, newest: int, as_of: int) -> int:
        """The watermark after records up to ``newest`` were output."""
        return max(current, min(newest - self.lag_ms, as_of))

    def after_nothing(self, current: int, as_of: int) -> int:
        """The watermark after an empty page."""
        return max(current, as_of - MARGIN_MS - self.lag_ms)
