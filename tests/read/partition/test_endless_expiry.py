"""The endless step: expired records and partitions, and partitions that are restored."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from beam_dis.errors import OutOfRangeError, TransportError
from beam_dis.read.watermark.policy import MARGIN_MS


def numbers(call: Any) -> list[int]:
    """The sequence numbers that a call output."""
    return [record.sequence_number for record, _ in call.elements]


def test_if_the_listing_fails_when_records_expired_the_poll_is_repeated(
    two_partitions: Any, polling: Any, now: Any
) -> None:
    service = two_partitions(earliest=40)
    polls = polling(service, on_expired="earliest")
    with pytest.MonkeyPatch.context() as trouble:
        trouble.setattr(service, "describe", lambda _: _raised(TransportError("cut")))
        assert polls.call().elements == []
    now.seconds += 60
    assert numbers(polls.call()) == list(range(40, 100))


def test_expired_records_raise_by_default(two_partitions: Any, polling: Any) -> None:
    with pytest.raises(OutOfRangeError, match="no longer holds record 0, the earliest is 40"):
        polling(two_partitions(earliest=40)).call()


@pytest.mark.parametrize(("policy", "first"), [("earliest", 40), ("latest", 100)])
def test_expired_records_are_skipped_by_policy(two_partitions: Any, polling: Any, policy: str, first: int) -> None:
    polls = polling(two_partitions(earliest=40), on_expired=policy)
    assert numbers(polls.call()) == list(range(first, 100))


def test_an_expired_partition_is_polled_slowly_and_read_when_restored(
    two_partitions: Any, polling: Any, now: Any
) -> None:
    """It is also read if it is restored between two polls or two listings."""
    service = two_partitions(next_number=5)
    polls = polling(service)
    polls.call()
    service.expired, service.earliest, service.now_ms, now.seconds = True, 5, 90_000, now.seconds + 1
    asked, read = [], service.read
    service.read = lambda *at: asked.append(now.seconds) or read(*at)
    for _ in range(20):
        expired = polls.call()
        assert (expired.elements, expired.watermark) == ([], service.now_ms - MARGIN_MS)
        now.seconds, service.now_ms = now.seconds + 1, service.now_ms + 1000
    assert [later - earlier for earlier, later in itertools.pairwise(asked)] == [10]
    service.expired, service.next, now.seconds = False, 8, now.seconds + 10
    assert numbers(polls.call()) == [5, 6, 7]


def test_a_partition_that_expired_unread_raises_or_is_skipped(two_partitions: Any, polling: Any, now: Any) -> None:
    """The service lists no numbers for an expired partition, so its end is known from an earlier listing."""
    service = two_partitions(next_number=5)
    failing = polling(service)
    failing.shared.describe("flights")
    service.expired = True
    with pytest.raises(Exception, match="no longer holds record 0"):
        failing.call()
    service.expired = False
    polls = polling(service, on_expired="latest")
    polls.shared.describe("flights")
    service.expired = True
    assert (polls.call().elements, polls.residual[1].start) == ([], 5)
    service.expired, service.next, now.seconds = False, 7, now.seconds + 10
    assert numbers(polls.call()) == [5, 6]


def test_a_partition_that_expired_with_an_unknown_end_is_logged_once(
    two_partitions: Any, polling: Any, now: Any, caplog: Any
) -> None:
    """A new process can't know whether the process before it had read all records."""
    service = two_partitions(next_number=5)
    service.expired = True
    polls = polling(service)
    for _ in range(3):
        polls.call()
        now.seconds += 10
    assert caplog.text.count("nothing shows whether it held more records") == 1


def _raised(error: Exception) -> Any:
    raise error
