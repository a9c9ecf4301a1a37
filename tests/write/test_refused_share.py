from random import Random

import pytest

from beam_dis.write.refused_share import RefusedShare, SentRecords

REFUSED = SentRecords(sent=100, refused=10, passed=True)


def fall(share, records, times=5, rate=1.0):
    """Lower the rate for each answer of such a request; returns the last rate."""
    for _ in range(times):
        assert not share.expects(rate, records)
        share.lowered(rate, 0.7 * rate)
        rate *= 0.7
        if share.share:
            break
    return rate


def learned(refused=REFUSED):
    share = RefusedShare()
    return share, fall(share, refused)


def test_a_share_that_stays_the_same_though_the_rate_is_lowered_is_found():
    share, rate = learned()
    assert (share.share, rate < 0.5) == (pytest.approx(0.1), True)


def test_refusals_that_become_fewer_with_the_rate_are_those_of_a_limit():
    share, rate = RefusedShare(), 1.0
    for refused in (40, 19, 9, 4, 1):
        share.expects(rate, SentRecords(100, refused, passed=True))
        share.lowered(rate, 0.7 * rate)
        rate *= 0.7
    assert share.share == 0.0


def test_refusals_at_a_rate_that_has_regrown_are_those_of_a_limit():
    share = RefusedShare()
    for _ in range(20):
        assert not share.expects(1.0, REFUSED)
        share.lowered(1.0, 0.7)
    assert share.share == 0.0


def test_no_share_is_found_if_nothing_is_accepted_after_a_refused_record():
    share, _ = learned(SentRecords(100, 10, passed=False))
    assert share.share == 0.0


def test_no_share_above_a_half_is_found():
    share, _ = learned(SentRecords(100, 60, passed=True))
    assert share.share == 0.0


def test_refusals_of_a_known_share_are_expected_and_more_of_them_are_not():
    share, rate = learned()
    random = Random(0).random
    likely = [SentRecords(50, sum(random() < 0.1 for _ in range(50)), passed=True) for _ in range(2000)]
    assert all(share.expects(rate, records) for records in likely)
    assert not all(share.expects(rate, SentRecords(50, 20, passed=True)) for _ in range(10))


def test_an_answer_without_refusals_is_always_expected():
    share = RefusedShare()
    assert not share.expects(1.0, REFUSED)
    assert share.expects(1.0, SentRecords(1, 0))


def test_a_share_is_forgotten_when_nothing_is_refused_any_more():
    share, rate = learned()
    for _ in range(10):
        share.expects(rate, SentRecords(100, 0))
    assert share.share == 0.0


def test_a_share_is_corrected_downwards_by_what_is_refused_at_a_lowered_rate():
    share, rate = learned(SentRecords(100, 20, passed=True))
    for _ in range(5):
        share.expects(0.9 * rate, SentRecords(100, 12, passed=True))
    share.expects(2 * rate, SentRecords(1, 0))
    assert 0.12 < share.share < 0.2
