"""Which failures pass, for how long each is waited out, and how an outage is logged."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

import pytest

from beam_dis.errors import (
    ConfigurationError,
    CredentialsError,
    ServiceError,
    StreamRecreatedError,
    TransportError,
    service_error,
)
from beam_dis.outages import WAIT_LIMITS, Failure, FailureSeries, OutageLog, Watcher, failure_of, wait_limit
from beam_dis.wire.error_codes import ERROR_CODES

FOREVER = float("inf")


class Clock:
    """Seconds that a test advances."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def refusal(code: str, status: int = 400) -> ServiceError:
    """The error of an answer."""
    return service_error(f"refused: {code or status}", code=code, status=status)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TransportError("cut"), Failure.NO_ANSWER),
        (TransportError("HTML", not_a_dis=True), Failure.NOT_A_DIS),
        (refusal("", 502), Failure.NO_ANSWER),
        (refusal("APIG.0201", 504), Failure.NO_ANSWER),
        (refusal("", 404), Failure.NOT_A_DIS),
        (refusal("", 407), Failure.NOT_A_DIS),
        (refusal("DIS.5000", 500), Failure.FAILING),
        (refusal("DIS.5999", 500), Failure.FAILING),
        (refusal("DIS.4200", 503), Failure.FAILING),
        (refusal("DIS.4225"), Failure.FAILING),
        (refusal("DIS.4303"), Failure.THROTTLED),
        (refusal("", 429), Failure.THROTTLED),
        (refusal("DIS.4205"), Failure.NOT_RUNNING),
        (refusal("DIS.4301"), Failure.REFUSED),
        (refusal("DIS.4302"), Failure.REFUSED),
        (refusal("DIS.4319"), Failure.REFUSED),
        (refusal("DIS.4112", 441), Failure.REFUSED),
        (refusal("", 403), Failure.NOT_A_DIS),
        (refusal("", 410), Failure.NOT_A_DIS),
        (refusal("APIG.0301", 401), Failure.REFUSED),
        (refusal("", 441), Failure.REFUSED),
        (CredentialsError("expired"), Failure.REFUSED),
        (StreamRecreatedError("another id"), Failure.RECREATED),
        (refusal("DIS.4200"), Failure.FINAL),
        (refusal("DIS.4224"), Failure.REFUSED),
        (ConfigurationError("wrong"), Failure.FINAL),
        (ValueError("a bug"), Failure.FINAL),
    ],
    ids=repr,
)
def test_every_error_is_a_kind_of_failure(error: Exception, kind: Failure) -> None:
    assert failure_of(error) is kind


@pytest.mark.parametrize("row", ERROR_CODES.values(), ids=lambda row: row.code)
def test_a_code_that_the_client_repeats_is_waited_out(row: Any) -> None:
    """The client and the pipelines agree about which codes pass."""
    failure = failure_of(service_error(row.text, code=row.code, status=row.status))
    assert row.remedy.value == "give up" or wait_limit(failure, endless=True, worked=True) == FOREVER


def test_every_kind_has_its_limits() -> None:
    assert set(WAIT_LIMITS) == set(Failure)


@pytest.mark.parametrize(
    ("failure", "endless", "worked", "seconds"),
    [
        (Failure.NO_ANSWER, True, False, 30),
        (Failure.NO_ANSWER, True, True, FOREVER),
        (Failure.NO_ANSWER, False, False, 30),
        (Failure.NO_ANSWER, False, True, 120),
        (Failure.NOT_A_DIS, True, False, 0),
        (Failure.NOT_RUNNING, True, False, FOREVER),
        (Failure.NOT_RUNNING, False, False, 120),
        (Failure.THROTTLED, False, False, 120),
        (Failure.REFUSED, True, False, 0),
        (Failure.REFUSED, True, True, 60),
        (Failure.FINAL, True, True, 0),
    ],
)
def test_the_wait_depends_on_the_use_and_on_whether_it_worked_before(
    failure: Failure, endless: bool, worked: bool, seconds: float
) -> None:
    assert wait_limit(failure, endless=endless, worked=worked) == seconds


def seconds_until_raised(series: FailureSeries, clock: Clock, errors: Any, *, worked: bool, most: float) -> float:
    """How long a series waits for failures that follow one another."""
    began = clock.now
    while clock.now - began < most:
        pause = series.pause_after(errors(), worked=worked)
        if pause is None:
            return clock.now - began
        clock.now += pause + 0.01
    return FOREVER


@pytest.mark.parametrize(
    ("code", "endless", "worked", "seconds"),
    [
        ("DIS.4301", True, True, 60),
        ("DIS.4301", True, False, 0),
        ("DIS.4205", False, True, 120),
        ("DIS.4205", True, False, FOREVER),
        ("DIS.4200", True, True, 0),
    ],
)
def test_a_series_ends_when_the_time_of_its_row_is_over(code: str, endless: bool, worked: bool, seconds: float) -> None:
    clock = Clock()
    series = FailureSeries(endless=endless, clock=clock)
    waited = seconds_until_raised(series, clock, lambda: refusal(code), worked=worked, most=10_000)
    assert waited == pytest.approx(seconds, abs=1)


def test_a_success_begins_a_new_series() -> None:
    clock = Clock()
    series = FailureSeries(endless=True, clock=clock)
    for _ in range(10):
        assert series.pause_after(refusal("DIS.4301"), worked=True) is not None
        clock.now += 50
        series.note_success()


def test_an_outage_before_a_refusal_does_not_shorten_its_wait() -> None:
    clock = Clock()
    series = FailureSeries(endless=True, clock=clock)
    for _ in range(100):
        assert series.pause_after(TransportError("cut"), worked=True) is not None
        clock.now += 30
    waited = seconds_until_raised(series, clock, lambda: refusal("DIS.4302"), worked=True, most=1000)
    assert waited == pytest.approx(60, abs=1)


def test_failures_of_changing_kinds_end_a_bounded_use() -> None:
    clock = Clock()
    series = FailureSeries(endless=False, clock=clock)
    kinds = [refusal("DIS.4301"), TransportError("cut"), refusal("DIS.4303")] * 10_000
    waited = seconds_until_raised(series, clock, kinds.pop, worked=True, most=1000)
    assert waited == pytest.approx(120, abs=1)


def test_the_final_error_of_a_series_counts_refusals_and_names_the_last() -> None:
    clock = Clock()
    series = FailureSeries(endless=False, clock=clock)
    throttled = service_error("no", code="DIS.4303", status=400, service_message="Exceeded traffic control limit.")
    for _ in range(3):
        assert series.pause_after(throttled, worked=True) is not None
        clock.now += 30
    assert str(throttled) == "no"
    assert series.pause_after(TransportError("timed out"), worked=True) is not None
    clock.now += 40
    final = TransportError("timed out")
    assert series.pause_after(final, worked=True) is None
    assert str(final) == (
        "timed out (5 requests in 130.0 s, 3 of them refused, the last with DIS.4303 Exceeded traffic control limit)"
    )


def test_the_only_failure_of_a_series_keeps_its_message() -> None:
    final = refusal("DIS.4200")
    message = str(final)
    assert FailureSeries(endless=False, clock=Clock()).pause_after(final, worked=True) is None
    assert str(final) == message


def test_pauses_grow_and_stay_short_after_throttling() -> None:
    clock = Clock()
    series = FailureSeries(endless=True, clock=clock, random=lambda: 1.0)
    for code, longest in (("DIS.4303", 4), ("DIS.5000", 30)):
        pauses = [series.pause_after(refusal(code), worked=True) for _ in range(8)]
        assert (pauses[0], pauses[-1]) == (1, longest)


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Any:
    """The lines of the log so far, at WARNING."""
    caplog.set_level(logging.WARNING, logger="beam_dis.outages")
    return lambda: [record.getMessage() for record in caplog.records]


def test_an_outage_is_logged_at_growing_intervals_and_when_it_is_over(lines: Any) -> None:
    clock = Clock()
    log = OutageLog("http://dis", clock=clock)
    at = []
    for _ in range(2000):
        before = len(lines())
        log.note_failure(TransportError("refused"))
        at += [round(clock.now - 1000)] * (len(lines()) - before)
        clock.now += 1
    assert at == [4, 8, 16, 32, 64, 128, 256, 512, 812, 1112, 1412, 1712]
    assert lines()[0] == "http://dis has not worked for 4 s, and is tried again: refused"
    log.note_success()
    log.note_success()
    assert lines()[-1] == "http://dis works again after 2000.0 s"
    assert len(lines()) == len(at) + 1


def test_a_failure_that_passes_within_four_seconds_is_not_logged(lines: Any) -> None:
    clock = Clock()
    log = OutageLog("http://dis", clock=clock)
    for _ in range(10):
        log.note_failure(TransportError("cut"))
        clock.now += 3
        log.note_success()
    assert lines() == []


def test_a_request_without_any_answer_is_logged(lines: Any) -> None:
    clock = Clock()
    log = OutageLog("http://dis", clock=clock)
    with log.watched():
        clock.now += 3.9
        log.log_if_due()
        assert lines() == []
        clock.now += 0.2
        log.log_if_due()
    assert lines() == ["http://dis has not worked for 4 s, and is tried again: no answer"]


def test_a_slow_request_is_no_outage_while_others_are_answered(lines: Any) -> None:
    clock = Clock()
    log = OutageLog("http://dis", clock=clock)
    with log.watched():
        for _ in range(100):
            clock.now += 1
            log.note_success()
            log.log_if_due()
    assert lines() == []


def test_parts_that_fail_are_one_outage_until_the_last_works_again(lines: Any) -> None:
    clock = Clock()
    log = OutageLog("stream 'flights'", clock=clock)
    for _ in range(10):
        for part in ("0", "1"):
            log.note_failure(refusal("DIS.4205"), part)
        log.note_success("2")
        clock.now += 1
    log.note_success("0")
    assert len(lines()) == 2
    log.note_success("1")
    assert lines()[-1] == "stream 'flights' works again after 10.0 s"


def test_a_part_that_is_not_heard_of_any_more_does_not_count(lines: Any) -> None:
    clock = Clock()
    log = OutageLog("stream 'flights'", clock=clock)
    log.note_failure(refusal("DIS.4205"), "moved to another worker")
    clock.now += 1000
    log.note_failure(refusal("DIS.4205"), "0")
    assert lines() == []


def test_the_watcher_logs_a_request_under_way_and_ends_when_there_is_none(lines: Any) -> None:
    """Ticks are steps of the test: the watcher sleeps until the test lets it go on."""
    clock, tick, ticked = Clock(), threading.Semaphore(0), threading.Semaphore(0)

    def sleep(_seconds: float) -> None:
        ticked.release()
        tick.acquire()

    watcher = Watcher(sleep=sleep)
    log = OutageLog("http://dis", clock=clock, watcher=watcher)
    with log.watched():
        clock.now += 5
        ticked.acquire()
        tick.release()
        ticked.acquire()
        assert len(lines()) == 1
    for _ in range(100):
        tick.release()
    deadline = time.monotonic() + 30
    while watcher.running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not watcher.running
