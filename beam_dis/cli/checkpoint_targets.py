"""Where ``beam-dis apps reset`` moves a checkpoint: text as users type it, and its sequence number in a partition."""

from __future__ import annotations

from collections.abc import Callable

import click

from beam_dis.cli.arguments import Seconds
from beam_dis.cli.exits import Failed
from beam_dis.client.apps import PartitionProgress
from beam_dis.instants import iso_time, micros_of
from beam_dis.names import canonical_partition_id

_DIGITS = 19
"""Of the longest sequence number."""

Locate = Callable[[str, int], int]
"""A partition's id and milliseconds since 1970 → the number of the first record that arrived at or after that time."""

Target = Callable[[PartitionProgress, Locate], "int | None"]
"""The sequence number of a target in a partition; None for no checkpoint."""


def target_of(text: str, *, clock: Callable[[], float]) -> Target:
    """The target that a text names.

    Args:
        text: ``earliest``, ``latest``, ``none``, a sequence number, an ISO time, or a duration such as ``10m`` ago.
        clock: the service's clock, in milliseconds since 1970; it is asked for a duration only.

    Raises:
        click.UsageError: it is something else.
    """
    word = text.strip().lower()
    if word in _NAMED:
        return _NAMED[word]
    if word.isdecimal():
        if len(word) > _DIGITS:
            raise click.UsageError(
                f"--to: no sequence number has more than {_DIGITS} digits, and this one has {len(word)}"
            )
        return lambda state, _locate: _checked(state, int(word))
    milliseconds = _milliseconds(text, clock)
    return lambda state, locate: locate(canonical_partition_id(state.partition_id), milliseconds)


_NAMED: dict[str, Target] = {
    "earliest": lambda state, _locate: state.earliest_offset,
    "latest": lambda state, _locate: state.latest_offset,
    "none": lambda _state, _locate: None,
}


def _checked(state: PartitionProgress, number: int) -> int:
    if not state.earliest_offset <= number <= state.latest_offset:
        raise Failed(
            f"partition {state.partition_id} has no record {number}: give {state.earliest_offset} to"
            f" {state.latest_offset}, or name other partitions with --partition; nothing was changed"
        )
    return number


def _milliseconds(text: str, clock: Callable[[], float]) -> int:
    try:
        seconds = Seconds().convert(text, None, None)
    except click.BadParameter:
        pass
    else:
        return int(max(0.0, clock() - seconds * 1000))
    if iso_time(text) is None:
        raise click.UsageError(
            f"--to {text!r} is none of earliest, latest, none, a sequence number, a time such as 2026-01-01T00:00Z, and a"
            " duration such as 10m"
        )
    try:
        return micros_of(text) // 1000
    except ValueError as error:
        raise click.UsageError(f"--to {error}") from error
