"""One wrong clock in an answer isn't believed, and a clock that was set is believed within seconds."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_dis.read.watermark.service_clock import RISE, TOLERANCE_SECONDS, ServiceClock

NOON = 1_767_268_800
"""2026-01-01, 12:00 UTC."""
DAY = 86_400


class World:
    """A service and a machine; ``true`` is the time, ``machine`` how many seconds the machine's clock is fast."""

    def __init__(self, machine: float = 0.0) -> None:
        self.true = float(NOON)
        self.machine = machine
        self.clock = ServiceClock(
            "http://dis", clock=lambda: self.true - NOON + 77, wall=lambda: self.true + self.machine
        )

    def answer(self, skew: float = 0.0, *, took: float = 0.0) -> float:
        """By how many seconds the time of an answer that is ``skew`` seconds fast is ahead of the truth when it was requested."""
        requested = self.true
        self.true += took
        checked = self.clock.checked(int((requested + skew) * 1000), requested - NOON + 77)
        return checked / 1000 - requested

    def answer_with_date(self, *, took: float = 0.0) -> float:
        """The same for a right clock with whole seconds, read in the middle of the request."""
        requested = self.true
        date = int(requested + took / 2)
        self.true += took
        checked = self.clock.checked(int((date - took) * 1000), requested - NOON + 77)
        return checked / 1000 - requested


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    """The lines of the log so far."""
    caplog.set_level(logging.WARNING, logger="beam_dis.read.watermark.service_clock")
    return lambda: [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("skew", [DAY, -DAY, 3600, -3600, 90, 10])
def test_one_wrong_clock_is_not_believed_and_logged(skew: float, lines: Any) -> None:
    world = World()
    for _ in range(5):
        assert world.answer() == 0
        world.true += 1
    assert world.answer(skew) == pytest.approx(0, abs=0.01)
    world.true += 1
    assert world.answer() == 0
    assert len(lines()) == 1
    assert lines()[0].startswith("http://dis: its clock says 202")
    assert lines()[0].endswith(
        "by earlier answers it is 2026-01-01T12:00:05+00:00: the clock isn't believed until five answers agree"
    )


def test_servers_that_differ_a_little_are_believed_and_time_follows_the_slowest(lines: Any) -> None:
    world = World()
    for skew in (0, -0.99, 2, -2, 0, 3) * 20:
        assert -2 <= world.answer(skew) <= 0.5
        world.true += 1
    assert lines() == []


@given(
    machine=st.floats(-TOLERANCE_SECONDS, TOLERANCE_SECONDS),
    answers=st.lists(st.tuples(st.floats(0, 3), st.floats(0, 2)), min_size=1, max_size=40),
)
def test_time_is_never_ahead_of_a_clock_with_whole_seconds(machine: float, answers: list[tuple[float, float]]) -> None:
    """The clock is right, and its Date is up to a second old. Answers take up to two seconds."""
    world = World(machine)
    for pause, took in answers:
        world.true += pause
        assert world.answer_with_date(took=took) <= 0.002


def test_time_is_known_more_exactly_than_in_whole_seconds() -> None:
    """Polls once a second see the same fraction of each second, but several partitions and listings see several fractions."""
    world = World()
    for _ in range(3):
        for pause in (0.3, 0.25, 0.35, 0.1):
            world.true += pause
            world.answer_with_date(took=0.01)
    world.true += 0.95
    assert world.answer_with_date(took=0.01) == pytest.approx(0, abs=0.2)


def test_a_date_a_few_seconds_ahead_moves_time_by_a_second_at_most() -> None:
    world = World()
    for _ in range(5):
        world.answer_with_date()
        world.true += 0.77
    assert world.answer(TOLERANCE_SECONDS - 0.1) < 0.6
    world.true += 0.77
    assert world.answer_with_date() < 0.6


def test_a_clock_that_drifts_away_is_followed_at_a_tenth_of_the_speed_of_time() -> None:
    """Each answer is four seconds further ahead than the one before, which is within the tolerance."""
    world = World()
    world.answer()
    for second in range(1, 20):
        world.true += 1
        assert world.answer(4.0 * second) <= 1 + RISE * second + 0.01


def test_a_clock_that_was_set_by_a_few_seconds_is_followed_in_time(lines: Any) -> None:
    world = World()
    world.answer()
    for _ in range(40):
        world.true += 1
        seen = world.answer(3)
    assert seen == pytest.approx(3, abs=0.01)
    world.true += 1
    assert world.answer(0) <= 1.01
    assert lines() == []


@pytest.mark.parametrize("skew", [50, 6])
def test_a_first_answer_that_is_less_than_a_minute_ahead_is_not_believed(skew: float, lines: Any) -> None:
    world = World()
    assert world.answer(skew) <= 0.01
    world.true += 1
    assert world.answer() == pytest.approx(0, abs=0.01)
    assert "but by this machine it is 2026-01-01T12:00:00" in lines()[0]


@pytest.mark.parametrize("skew", [DAY, -DAY])
def test_a_clock_that_was_set_is_believed_within_seconds(skew: float, lines: Any) -> None:
    world = World()
    world.answer()
    seen = []
    for _ in range(8):
        world.true += 1
        seen.append(world.answer(skew))
    assert seen == pytest.approx([0, 0, 0, 0, skew, skew, skew, skew], abs=0.01)
    assert len(lines()) == 2
    assert "its clock is believed to be" in lines()[1]


def test_many_answers_at_one_moment_are_no_confirmation() -> None:
    world = World()
    world.answer()
    assert [world.answer(DAY) for _ in range(100)] == pytest.approx([0] * 100, abs=0.01)


def test_wrong_clocks_between_right_ones_are_never_believed(lines: Any) -> None:
    """One of two servers has a wrong clock."""
    world = World()
    world.answer()
    for number in range(100):
        world.true += 0.5
        assert world.answer(DAY if number % 2 else 0) == pytest.approx(0, abs=0.01)
    assert len(lines()) == 1


@pytest.mark.parametrize("skew", [DAY, -DAY])
def test_a_first_answer_that_is_wrong_is_corrected_by_the_second(skew: float) -> None:
    world = World()
    assert world.answer(skew) <= 0.01
    assert world.answer() == 0


@pytest.mark.parametrize("machine", [DAY, -DAY])
def test_without_earlier_answers_the_earlier_clock_is_taken_until_five_agree(machine: float) -> None:
    """The machine's clock is wrong, or the service's: nothing shows which."""
    world = World(machine)
    seen = []
    for _ in range(7):
        seen.append(world.answer())
        world.true += 1
    assert seen == pytest.approx([min(machine, 0)] * 4 + [0, 0, 0], abs=0.01)


def test_a_machine_that_was_suspended_believes_the_service_again() -> None:
    """Its monotonic clock stood still meanwhile."""
    world = World()
    world.answer()
    now = 77.0
    world.clock = ServiceClock("http://dis", clock=lambda: now, wall=lambda: world.true)
    world.clock.checked(int(world.true * 1000), now)
    world.true += 3600
    behind = []
    for _ in range(6):
        behind.append(world.true - world.clock.checked(int(world.true * 1000), now) / 1000)
        world.true, now = world.true + 1, now + 1
    assert behind == pytest.approx([3600] * 4 + [0, 0], abs=0.01)


def test_a_slow_answer_is_no_wrong_clock() -> None:
    """The clock belongs to the last repetition of the request, which took 40 s with all of them."""
    world = World()
    for _ in range(3):
        world.answer()
        requested = world.true
        world.true += 40
        as_of = int(world.true * 1000) - 100
        assert world.clock.checked(as_of, requested - NOON + 77) == as_of
        assert world.answer() == 0


@given(
    skews=st.lists(st.tuples(st.booleans(), st.floats(-10 * DAY, 10 * DAY)), max_size=60),
    pause=st.floats(0.01, 5),
)
def test_single_wrong_clocks_never_move_time_far_ahead(skews: list[tuple[bool, float]], pause: float) -> None:
    """At most three wrong answers follow one another."""
    world, wrong = World(), 0
    for is_wrong, skew in skews:
        wrong = wrong + 1 if is_wrong and wrong < 3 else 0
        assert world.answer(skew if wrong else 0.0) <= TOLERANCE_SECONDS + 1.01
        world.true += pause
