"""Finds out how much of some records has been copied, by what is in the target. Pure functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

from beam_dis.client import PageRecord

_Content = tuple["str | None", bytes]


def copied_count(
    stored: Sequence[PageRecord], sent: Sequence[PageRecord], earlier: Sequence[PageRecord] = ()
) -> int | None:
    """How many of the first records of ``sent`` are in ``stored`` so that the last copies are in order.

    A record that was refused isn't stored, although later ones may be. A record that was sent twice may be stored twice. Of equal
    records the last copies count, one for each that was sent.

    Args:
        stored: what the target has.
        sent: what may have been sent, from the first record that belongs to the first one stored.
        earlier: what was sent before, and may have been stored late.

    Returns:
        The count; None if ``stored`` has a record that was never sent.
    """
    places: dict[_Content, list[int]] = defaultdict(list)
    for place, record in enumerate(stored):
        places[_content(record)].append(place)
    times: dict[_Content, list[int]] = defaultdict(list)
    for index, record in enumerate(sent):
        times[_content(record)].append(index)
    if not places.keys() <= times.keys() | set(map(_content, earlier)):
        return None
    copies = dict(
        pair
        for content, indexes in times.items()
        for pair in zip(indexes, places.get(content, [])[-len(indexes) :], strict=False)
    )
    in_order = [copies.get(index) for index in range(len(sent))]
    if not in_order or in_order[0] is None:
        return 0
    for index, (before, after) in enumerate(pairwise(in_order), 1):
        if after is None or before is None or after < before:
            return index
    return len(in_order)


def _content(record: PageRecord) -> _Content:
    return record.partition_key or None, record.data
