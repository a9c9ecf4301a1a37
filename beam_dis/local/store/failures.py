"""What the store raises when it can't do its work.

Law: one line each, naming the path and what to do. What a client asked for wrongly is a Refusal of the wire instead.
"""

from __future__ import annotations


class StoreError(Exception):
    """The store can't be opened, or what it holds is damaged."""


class StoreUnavailable(StoreError):  # noqa: N818 - says what the caller answers: unavailable, try again
    """A change was not made and nothing has changed: the disk is full or failing, or the store is closed."""
