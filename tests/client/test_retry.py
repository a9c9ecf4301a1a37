"""The rules of ``beam_dis.client.retry``: which failures are retried, after which pause, and until when."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.client.retry import Retry
from beam_dis.errors import DISError, ServiceError, TransportError, service_error

LOST = TransportError("cut", maybe_done=True)
DOWN = TransportError("refused", maybe_done=False)


def answered(code, status):
    return service_error("no", code=code, status=status)


FAILED, BUSY, GATEWAY = answered("DIS.5000", 500), answered("DIS.4303", 400), answered("", 502)
UNAVAILABLE, TOO_MANY, WRONG = answered("", 503), answered("", 429), answered("DIS.4200", 400)


class World:
    """Outcomes of attempts, in order, and a clock that pauses and attempts advance."""

    def __init__(self, *outcomes, attempt_seconds=0.0):
        self.outcomes = list(outcomes)
        self.now = 0.0
        self.left = []
        self.waits = []
        self.attempt_seconds = attempt_seconds

    def attempt(self, left):
        self.left.append(left)
        self.now += self.attempt_seconds
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def sleep(self, seconds):
        self.waits.append(seconds)
        self.now += seconds

    def run(self, *, retry_lost=False, retry_throttling=True, known_dis=False, deadline=60.0, random=lambda: 1.0):
        clock = lambda: self.now  # noqa: E731
        retry = Retry(
            deadline=deadline,
            retry_lost=retry_lost,
            retry_throttling=retry_throttling,
            known_dis=known_dis,
            clock=clock,
            sleep=self.sleep,
            random=random,
        )
        return retry.run(self.attempt)


@pytest.mark.parametrize(
    ("error", "known", "retry_lost", "again"),
    [
        (answered("", 400), True, True, True),
        (answered("", 400), True, False, False),
        (answered("", 400), False, True, False),
        (answered("", 413), True, True, False),
        (answered("", 404), True, True, False),
        (answered("DIS.4200", 400), True, True, False),
    ],
)
def test_only_an_unreadable_400_from_a_known_dis_is_retried(error, known, retry_lost, again):
    attempts = World(error, "done")
    if again:
        assert attempts.run(known_dis=known, retry_lost=retry_lost) == "done"
    else:
        with pytest.raises(ServiceError):
            attempts.run(known_dis=known, retry_lost=retry_lost)


@pytest.mark.parametrize(
    ("failure", "lost_again", "put_again"),
    [
        (DOWN, True, True),
        (LOST, True, False),
        (FAILED, True, True),
        (answered("DIS.4701", 400), True, True),
        (GATEWAY, True, False),
        (answered("", 500), True, False),
        (answered("", 504), True, False),
        (answered("APIG.0201", 504), True, False),
        (UNAVAILABLE, True, True),
        (BUSY, True, True),
        (TOO_MANY, True, True),
        (WRONG, False, False),
        (answered("DIS.4225", 400), False, False),
        (answered("DIS.4100", 441), False, False),
        (answered("", 404), False, False),
    ],
)
@pytest.mark.parametrize("retry_lost", [True, False])
def test_which_failures_are_retried(failure, lost_again, put_again, retry_lost):
    world = World(failure, "done")
    if lost_again if retry_lost else put_again:
        assert world.run(retry_lost=retry_lost) == "done"
    else:
        with pytest.raises(type(failure)):
            world.run(retry_lost=retry_lost)
        assert world.outcomes == ["done"]


@pytest.mark.parametrize("failure", [BUSY, TOO_MANY])
def test_throttling_is_raised_at_once_without_retry_throttling(failure):
    with pytest.raises(ServiceError):
        World(failure, "done").run(retry_throttling=False)


def test_pauses_double_up_to_a_ceiling():
    world = World(*[DOWN] * 9, "done")
    world.run()
    assert world.waits == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_pauses_after_throttling_are_ten_times_as_long():
    world = World(BUSY, BUSY, "done")
    world.run()
    assert world.waits == [0.5, 1.0]


def test_each_attempt_gets_the_time_left_until_the_deadline():
    world = World(DOWN, DOWN, "done", attempt_seconds=2.0)
    world.run(deadline=10.0)
    assert world.left == pytest.approx([10.0, 7.95, 5.85])


def test_no_pause_ends_after_the_deadline():
    world = World(*[DOWN] * 99)
    with pytest.raises(TransportError, match=r"^refused \(7 attempts in 3.2 s\)$"):
        world.run(deadline=5.0)
    assert world.now < 5.0


NOT_A_DIS = TransportError("it isn't a DIS", maybe_done=False, not_a_dis=True)
TIMED_OUT = TransportError("timed out", maybe_done=True)
THROTTLED = service_error("too much", code="DIS.4303", status=400, service_message="Exceeded traffic control limit.")


@pytest.mark.parametrize(
    ("failures", "message"),
    [
        (
            [THROTTLED, DOWN, BUSY, THROTTLED, TIMED_OUT],
            "timed out (5 attempts in 0.0 s, 3 of them refused, the last with DIS.4303 Exceeded traffic control limit)",
        ),
        ([TOO_MANY, TIMED_OUT], "timed out (2 attempts in 0.0 s, 1 of them refused, the last with HTTP 429)"),
        ([DOWN, THROTTLED, WRONG], "no (3 attempts in 0.0 s, 2 of them refused)"),
        ([THROTTLED, WRONG], "no (2 attempts in 0.0 s)"),
        ([DOWN, DOWN, TIMED_OUT], "timed out (3 attempts in 0.0 s)"),
        ([WRONG], "no"),
        ([NOT_A_DIS, TIMED_OUT], "it isn't a DIS (2 attempts in 0.0 s)"),
        (
            [NOT_A_DIS, THROTTLED, TIMED_OUT],
            "it isn't a DIS (3 attempts in 0.0 s, 1 of them refused, the last with DIS.4303 Exceeded traffic control limit)",
        ),
    ],
)
def test_the_final_error_says_how_often_the_service_refused_and_with_what(failures, message):
    with pytest.raises(type(failures[-1])) as error:
        World(*failures).run(random=lambda: 0.0)
    assert str(error.value) == message


def test_the_final_error_of_a_refusal_keeps_its_attributes():
    asked = service_error("no", code="DIS.4200", status=400, service_message="no")
    asked.retry_after = 2.0
    with pytest.raises(ServiceError) as error:
        World(DOWN, asked).run()
    assert (error.value.code, error.value.status, error.value.retry_after) == ("DIS.4200", 400, 2.0)
    assert str(asked) == "no"


def test_an_error_is_maybe_done_if_any_attempt_may_have_succeeded():
    world = World(LOST, *[DOWN] * 99)
    with pytest.raises(TransportError) as error:
        world.run(retry_lost=True, deadline=1.0)
    assert error.value.maybe_done is True


def outcome_of(call):
    try:
        return call()
    except DISError as error:
        return error


OUTCOMES = st.sampled_from([DOWN, LOST, FAILED, BUSY, GATEWAY, UNAVAILABLE, WRONG])


@settings(deadline=None)
@given(
    faults=st.lists(OUTCOMES, max_size=30),
    retry_lost=st.booleans(),
    deadline=st.floats(0.1, 100),
    jitter=st.randoms(use_true_random=False),
    attempt_seconds=st.floats(0, 3),
)
def test_every_finite_schedule_of_failures_gives_the_result_or_the_right_error(
    faults, retry_lost, deadline, jitter, attempt_seconds
):
    """Without ``retry_lost`` no attempt follows a lost answer; the error is one of the schedule; the deadline is kept."""
    world = World(*faults, "done", attempt_seconds=attempt_seconds)
    outcome = outcome_of(lambda: world.run(retry_lost=retry_lost, deadline=deadline, random=jitter.random))
    met = faults[: len(world.left)]
    if outcome != "done":
        assert type(outcome) is type(met[-1])
        assert getattr(outcome, "maybe_done", None) in (None, bool({LOST, GATEWAY} & set(met)))
    if not retry_lost:
        assert not {LOST, GATEWAY} & set(faults[: len(world.left) - 1])
    assert world.now <= deadline + attempt_seconds


def test_a_pause_is_at_least_as_long_as_the_answer_asks():
    error = answered("", 503)
    error.retry_after = 5.0
    world = World(error, "done")
    retry = Retry(
        deadline=60,
        retry_lost=True,
        retry_throttling=True,
        clock=lambda: world.now,
        sleep=world.sleep,
        random=lambda: 0.5,
    )
    assert retry.run(world.attempt) == "done"
    assert world.waits == [5.0]
