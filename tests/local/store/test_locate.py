"""The first record at a time. Batches at t = 0 s, 10 s, 20 s of three records each::

number   0 1 2 | 3 4 5 | 6 7 8 |
time     0     | 10    | 20    |
"""

import pytest

from beam_dis.wire.error_codes import Refusal

T0 = 1_767_225_600_000


@pytest.fixture
def stream(opened):
    made = opened.stream()
    for _ in range(3):
        opened.put(made, b"a", b"b", b"c")
        opened.clock.advance(10)
    return made


@pytest.mark.parametrize(
    ("after_ms", "number"),
    [(-99_999, 0), (0, 0), (1, 3), (9_999, 3), (10_000, 3), (10_001, 6), (20_000, 6), (20_001, 9), (99_999, 9)],
)
def test_the_first_record_at_or_after_a_time_is_found(opened, stream, after_ms, number):
    assert opened.store.locate(stream, 0, T0 + after_ms) == number


def test_in_an_empty_partition_every_time_gives_the_next_number(opened):
    assert opened.store.locate(opened.stream(name="empty"), 0, 0) == 0


@pytest.fixture
def half_expired(opened, stream):
    opened.clock.advance(24 * 3600 - 30)
    opened.store.housekeep()
    return stream


def test_a_time_before_the_oldest_record_is_refused_if_records_have_expired(opened, half_expired):
    with pytest.raises(Refusal, match=f"timestamp is expired, timestamp should be larger than {T0 + 10_000}"):
        opened.store.locate(half_expired, 0, T0 + 9_999)


def test_the_time_in_the_message_of_that_refusal_is_accepted(opened, half_expired):
    assert opened.store.locate(half_expired, 0, T0 + 10_000) == 3


def test_after_all_records_have_expired_every_time_gives_the_next_number(opened, stream):
    opened.clock.advance(48 * 3600)
    opened.store.housekeep()
    assert opened.store.locate(stream, 0, T0) == 9
