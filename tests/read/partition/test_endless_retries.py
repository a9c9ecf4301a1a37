"""The endless step: polls that fail are repeated after a pause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from beam_dis.errors import TRANSIENT, DISError, StreamNotRunningError, ThrottledError, TransportError


def numbers(call: Any) -> list[int]:
    """The sequence numbers that a call output."""
    return [record.sequence_number for record, _ in call.elements]


def test_throttled_and_failed_polls_are_repeated_after_growing_pauses(
    two_partitions: Any, polling: Any, now: Any
) -> None:
    service, errors = (
        two_partitions(next_number=5),
        [TransportError("cut"), ThrottledError("slow", code="DIS.4303")] * 4,
    )
    read = service.read

    def failing(*at: Any) -> Any:
        if errors:
            raise errors.pop()
        return read(*at)

    service.read, polls, seen = failing, polling(service), []
    for _ in range(2000):
        seen += numbers(polls.call())
        now.seconds += 0.05
    assert (seen, errors) == (list(range(5)), [])


@pytest.mark.parametrize(("error", "longest"), [(ThrottledError("slow"), 4.0), (TransportError("cut"), 30.0)])
def test_pauses_grow_to_four_seconds_if_throttled_and_thirty_otherwise(
    error: Exception, longest: float, two_partitions: Any, polling: Any, now: Any
) -> None:
    service = two_partitions(next_number=5)
    service.read, polls, pauses = _raising(error), polling(service), []
    for _ in range(60):
        pauses.append(polls.call().delay)
        now.seconds += pauses[-1]
    assert longest * 0.6 < max(pauses) <= longest


def _raising(error: Exception) -> Callable[..., Any]:
    def read(*_args: Any, **_options: Any) -> Any:
        raise error

    return read


@pytest.mark.parametrize("kind", TRANSIENT)
def test_a_transient_refusal_is_retried_until_it_ends(
    kind: type[DISError], two_partitions: Any, polling: Any, now: Any
) -> None:
    """A pipeline doesn't fail while servers disagree for a time."""
    service = two_partitions(next_number=5)
    read, refusals = service.read, [kind("refused")] * 6
    service.read = lambda *at: _raised(refusals.pop()) if refusals else read(*at)
    polls, seen = polling(service), []
    for _ in range(2000):
        seen += numbers(polls.call())
        now.seconds += 0.05
    assert (seen, refusals) == (list(range(5)), [])


def test_a_stream_that_is_not_running_is_polled_again(two_partitions: Any, polling: Any, now: Any) -> None:
    service = two_partitions(next_number=5)
    polls, read = polling(service), service.read

    def frozen(*_: Any) -> Any:
        raise StreamNotRunningError("is frozen", code="DIS.4205", status=400)

    service.read = frozen
    assert polls.call().elements == []
    service.read, now.seconds = read, now.seconds + 60
    assert numbers(polls.call()) == [0, 1, 2, 3, 4]


def _raised(error: Exception) -> Any:
    raise error
