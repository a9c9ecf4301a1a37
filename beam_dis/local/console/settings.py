"""Where the console is, and how much a page shows at most."""

from __future__ import annotations

ROOT = "/console"

PAGE_ROWS = 50
"""The streams, partitions or checkpoints on one page."""
