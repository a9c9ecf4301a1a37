import pytest
from fake_service import REJECTED, THROTTLED

from beam_dis.record import PutRecord
from beam_dis.stream_service import Written
from beam_dis.write.ordering import indexes_to_resend, queue_of

OK = Written("shardId-0000000000", 0)


@pytest.mark.parametrize(
    ("keys", "answers", "unordered", "ordered"),
    [
        #        . written   ! throttled   x refused for good
        ("aaaa", "....", [], []),
        ("aaaa", "!...", [0], [0, 1, 2, 3]),
        ("abab", "!...", [0], [0, 2]),
        ("abab", ".!..", [1], [1, 3]),
        ("aaaa", ".x..", [], []),
        ("aaaa", "!x..", [0], [0, 2, 3]),
        ("-a-a", "!...", [0], [0]),
        ("abab", "!!..", [0, 1], [0, 1, 2, 3]),
    ],
)
def test_records_sent_again_after_a_partial_failure(keys, answers, unordered, ordered):
    records = [PutRecord(b"x", None if key == "-" else key) for key in keys]
    meaning = {".": OK, "!": THROTTLED, "x": REJECTED}
    given = [meaning[answer] for answer in answers]
    assert [unordered, ordered] == [indexes_to_resend(records, given, ordered=flag) for flag in (False, True)]


def test_a_key_always_has_the_same_queue():
    assert len({queue_of("AA", 4) for _ in range(10)}) == 1


def test_queues_are_numbered_from_zero():
    assert {queue_of(str(number), 4) for number in range(200)} == {0, 1, 2, 3}
