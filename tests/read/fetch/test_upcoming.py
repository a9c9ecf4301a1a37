"""A process expects the ranges after the one that it reads: few at first, and more as they come."""

from __future__ import annotations

from background_pages import at

from beam_dis.read.fetch.upcoming import Following, UpcomingRanges


def ranges(count: int) -> UpcomingRanges:
    """Ranges of a hundred numbers, which begin at 0, 100, 200 …"""
    upcoming = UpcomingRanges()
    for number in range(count):
        upcoming.note(at(100 * number), 100 * number + 100)
    return upcoming


def starts(following: Following) -> list[int]:
    """Where the ranges begin that are expected now."""
    return [expected.position.sequence_number for expected in iter(following, None)]


def test_two_ranges_are_expected_until_one_of_them_comes() -> None:
    upcoming = ranges(20)
    assert starts(upcoming.begin(at(0))) == [100, 200]
    assert starts(upcoming.begin(at(100))) == [300, 400]


def test_at_most_eight_ranges_are_expected() -> None:
    upcoming = ranges(60)
    for number in range(20):
        expected = starts(upcoming.begin(at(100 * number)))
    assert expected == [2700]


def test_a_range_that_is_expected_is_proven_once_another_one_came() -> None:
    upcoming = ranges(20)
    proven = []
    for number in range(2):
        proven += [expected.proven for expected in iter(upcoming.begin(at(100 * number)), None)]
    assert proven == [False, False, True, True]


def test_the_only_process_expects_eight_ranges_at_once() -> None:
    upcoming = ranges(20)
    upcoming.is_only_process = True
    expected = list(iter(upcoming.begin(at(0)), None))
    assert (len(expected), {found.proven for found in expected}) == (8, {True})


def test_a_process_that_is_given_other_ranges_expects_two_and_no_more() -> None:
    upcoming = ranges(100)
    expected = [starts(upcoming.begin(at(100 * number))) for number in range(0, 100, 10)]
    assert expected == [[100, 200], *[[]] * 9]


def test_two_readers_expect_different_ranges() -> None:
    upcoming = ranges(20)
    first, second = upcoming.begin(at(0)), upcoming.begin(at(1000))
    assert [found and found.position.sequence_number for found in (first(), second())] == [100, 1100]


def test_ranges_that_are_read_already_are_not_expected() -> None:
    upcoming = ranges(4)
    upcoming.begin(at(100))
    assert starts(upcoming.begin(at(0))) == [200, 300]


def test_a_range_that_is_split_again_is_expected_once() -> None:
    upcoming = ranges(3)
    upcoming.note(at(100), 200)
    assert starts(upcoming.begin(at(0))) == [100, 200]
    assert starts(upcoming.begin(at(100))) == []


def test_after_a_range_that_was_never_split_here_any_may_follow() -> None:
    assert starts(ranges(2).begin(at(50))) == [0, 100]
