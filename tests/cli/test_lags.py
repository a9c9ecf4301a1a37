"""Lags count what an app hasn't read and can still read."""

from __future__ import annotations

import pytest
from fake_service import FakeService
from immediate_executor import ImmediateExecutor

from beam_dis.cli.lags import lags_of
from beam_dis.errors import OutOfRangeError, service_error
from beam_dis.record import PutRecord

PARTITION = "shardId-0000000000"


def lag(service, committed):
    (found,) = lags_of(
        service,
        service.describe("flights"),
        {PARTITION: committed} if committed is not None else {},
        executor=ImmediateExecutor(),
    )
    return found.records, found.seconds


def test_the_records_after_the_checkpoint_count_and_the_age_of_the_first():
    service = FakeService()  # record n arrived at 1000 + n // 3 ms
    service.now_ms = 4_030
    assert lag(service, 90) == (10, 3.0)


def test_a_partition_without_a_checkpoint_counts_in_full():
    assert lag(FakeService(earliest=40), None)[0] == 60


def test_records_that_expired_unread_do_not_count():
    assert lag(FakeService(earliest=40), 10)[0] == 60


@pytest.mark.parametrize("committed", [100, 250])
def test_an_app_that_has_read_everything_is_not_behind(committed):
    assert lag(FakeService(), committed) == (0, 0.0)


def test_a_partition_that_has_no_records_has_no_newest():
    service = FakeService.empty(streams=["flights"])
    (found,) = lags_of(service, service.describe("flights"), {}, executor=ImmediateExecutor())
    assert (found.newest, found.records) == (None, 0)


def test_records_that_expire_while_the_age_is_found_are_skipped():
    service = FakeService()
    listing = service.describe("flights")
    service.earliest = 60
    (found,) = lags_of(service, listing, {PARTITION: 30}, executor=ImmediateExecutor())
    assert found.seconds == pytest.approx((5000 - 1020) / 1000)


def test_a_partition_that_expires_while_the_age_is_found_is_not_behind_in_time():
    service = FakeService()
    listing = service.describe("flights")
    service.expired = True
    (found,) = lags_of(service, listing, {}, executor=ImmediateExecutor())
    assert found.seconds == 0


def test_the_age_of_a_new_record_is_never_negative():
    service = FakeService.empty(streams=["flights"])
    service.now_ms = 9_000
    service.write("flights", [PutRecord(b"x")])
    service.now_ms = 8_500
    assert lag(service, None) == (1, 0.0)


def test_a_refusal_that_says_nothing_is_raised():
    service = FakeService()

    def refusing(position, max_bytes):
        raise service_error("out of range", code="DIS.4224", status=400)

    service.read = refusing
    with pytest.raises(OutOfRangeError):
        lag(service, None)
