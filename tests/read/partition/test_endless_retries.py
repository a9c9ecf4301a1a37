"""The endless step: polls that fail are repeated after a pause, as long as the failure may pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from beam_dis.errors import (
    DISError,
    StreamNotRunningError,
    StreamRecreatedError,
    ThrottledError,
    TransportError,
    service_error,
)


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


def answered(code: str, status: int = 400) -> Callable[[], DISError]:
    """Makes the error of a refusal."""

    def make() -> DISError:
        return service_error(f"refused: {code or status}", code=code, status=status)

    make.__name__ = code or str(status)
    return make


def cut() -> DISError:
    return TransportError("cut")


def recreated() -> DISError:
    return StreamRecreatedError("another id")


PASSING = [
    cut,
    *map(answered, ("DIS.4205", "DIS.4225", "DIS.4301", "DIS.4302", "DIS.4303", "DIS.4309", "DIS.4319", "DIS.4224")),
    answered("DIS.5000", 500),
    answered("DIS.4112", 441),
    answered("DIS.4116", 403),
    *(answered("", status) for status in (401, 403, 404, 407, 410, 429, 500, 503)),
]
"""Failures of a partition that was listed before."""


def seconds_until_raised(polls: Any, now: Any, most: float) -> float:
    """For how long polls that fail are repeated."""
    began = now.seconds
    try:
        while now.seconds - began < most:
            now.seconds += max(polls.call().delay, 0.01)
    except DISError:
        return float(now.seconds - began)
    return most


@pytest.mark.parametrize("error", [*PASSING, recreated], ids=lambda make: make.__name__)
def test_a_failure_of_a_few_seconds_is_retried_until_it_ends(
    error: Any, two_partitions: Any, polling: Any, now: Any
) -> None:
    """A pipeline doesn't fail while servers disagree for a time, and no record is lost."""
    service = two_partitions(next_number=5)
    began, read = now.seconds, service.read
    service.read = lambda *at: _raised(error()) if now.seconds < began + 8 else read(*at)
    polls, seen = polling(service), []
    for _ in range(60):
        call = polls.call()
        seen += numbers(call)
        now.seconds += call.delay
    assert seen == list(range(5))


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (cut, 3600),
        (answered("DIS.4303"), 3600),
        (answered("DIS.4205"), 3600),
        (answered("DIS.5000", 500), 3600),
        (answered("", 404), 3600),
        (answered("DIS.4301"), 60),
        (answered("DIS.4302"), 60),
        (answered("DIS.4319"), 60),
        (answered("DIS.4224"), 60),
        (answered("DIS.4112", 441), 60),
        (recreated, 10),
        (answered("DIS.4200"), 0),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_failure_that_lasts_is_raised_when_its_time_is_over(
    error: Any, seconds: float, two_partitions: Any, polling: Any, now: Any
) -> None:
    service = two_partitions(next_number=5)
    service.read = lambda *_: _raised(error())
    assert seconds_until_raised(polling(service), now, 3600) == pytest.approx(seconds, abs=1)


def test_a_refusal_that_its_listing_contradicts_is_named_when_it_is_raised(
    two_partitions: Any, polling: Any, now: Any
) -> None:
    service = two_partitions(next_number=5)
    service.read, polls = _raising(answered("DIS.4319")()), polling(service)
    polls.call()
    now.seconds += 60
    with pytest.raises(DISError, match="refuses record 0, although it holds 0 to 4"):
        polls.call()


def test_records_between_refusals_begin_a_new_series(two_partitions: Any, polling: Any, now: Any) -> None:
    """Each page comes after 40 s of refusals: together they last for longer than a minute."""
    service = two_partitions(next_number=0)
    read, polls, seen = service.read, polling(service), []
    for number in range(5):
        service.read = _raising(answered("DIS.4302")())
        assert seconds_until_raised(polls, now, 40) >= 40
        service.read, service.next = read, number + 1
        now.seconds += 60
        seen += numbers(polls.call())
        now.seconds += 60
    assert seen == list(range(5))


@pytest.mark.parametrize("error", [answered("DIS.4301"), answered("DIS.4302"), answered("DIS.4319"), recreated])
@pytest.mark.parametrize("app", [{}, {"app": "a"}], ids=["plain", "app"])
def test_a_missing_partition_ends_if_it_is_to_be_skipped(
    app: Any, error: Any, two_partitions: Any, polling: Any, now: Any, caplog: pytest.LogCaptureFixture
) -> None:
    service = two_partitions(next_number=5)
    polls = polling(service, on_missing="skip", **app)
    assert numbers(polls.call()) == list(range(5))
    service.read, now.seconds = _raising(error()), now.seconds + 60
    for _ in range(100):
        call = polls.call()
        if call.delay is None:
            break
        now.seconds += call.delay
    assert polls.residual is None
    assert "sequence_number=5) is skipped" in caplog.text


def test_only_what_is_missing_is_skipped(two_partitions: Any, polling: Any, now: Any) -> None:
    service = two_partitions(next_number=5)
    service.read = _raising(answered("DIS.4116", 403)())
    assert seconds_until_raised(polling(service, on_missing="skip"), now, 3600) == pytest.approx(60, abs=1)


def test_refusals_of_all_partitions_are_logged_as_one_outage(
    two_partitions: Any, polling: Any, registry_on: Any, now: Any, caplog: pytest.LogCaptureFixture
) -> None:
    service = two_partitions(next_number=5)
    registry, read = registry_on(service), service.read
    service.read = _raising(answered("DIS.4205")())
    polls = [polling(service, name=name, registry=registry) for name in ("shardId-0000000000", "shardId-0000000001")]
    for _ in range(60):
        for each in polls:
            each.call()
        now.seconds += 1
    service.read, now.seconds = read, now.seconds + 60
    for each in polls:
        each.call()
    lines = [r.getMessage() for r in caplog.records if r.name == "beam_dis.outages"]
    assert 2 <= len(lines) <= 6
    assert lines[0].startswith("stream 'flights' has not worked for")
    assert lines[-1].startswith("stream 'flights' works again after")


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
