"""A partition is copied in order and, unless a request fails in part, once; also by copies that are killed."""

from __future__ import annotations

from random import Random

import pytest
from copied_partition import LOST_AFTER, LOST_BEFORE, STORED_LATE, CopyRig, Killed, Put, numbered

from beam_dis.copying.target import CopyPosition
from beam_dis.errors import PartitionExpiredError, ServerError, ThrottledError, TransportError, WriteError


@pytest.fixture
def rig() -> CopyRig:
    return CopyRig()


def test_records_keep_order_keys_and_bytes(rig):
    rig.source.add(*numbered(3), b"\xff\x00", keys=["a", None, "ä", "a"])
    rig.copy()
    assert [(r.partition_key, r.data) for r in rig.target.partition.records] == [
        ("a", b"0"),
        (None, b"1"),
        ("ä", b"2"),
        ("a", b"\xff\x00"),
    ]


def test_one_position_is_enough_for_a_copy_without_failures(rig):
    rig.source.add(*numbered(30))
    rig.copy()
    rig.source.add(*numbered(10))
    again = rig.copy()
    assert (len(rig.target.datas), rig.target.commits, again.counts.records) == (40, [CopyPosition(0, 0)], 10)


def test_a_copy_stops_at_a_time_and_goes_on_from_there(rig):
    rig.source.add(*numbered(20))
    copy = rig.start()
    copy.copy(20, 1012)
    assert rig.target.datas == numbered(12)
    copy.copy(20, None)
    assert rig.target.datas == numbered(20)


def test_records_after_the_end_are_for_the_next_round(rig):
    rig.source.add(*numbered(20))
    rig.start().copy(10, None)
    assert rig.target.datas == numbered(10)


@pytest.mark.parametrize("end", [LOST_BEFORE, LOST_AFTER])
def test_a_lost_answer_costs_no_record_and_no_copy(rig, end):
    rig.source.add(*numbered(20))
    rig.target.puts = [Put(), end, Put(), end]
    copy = rig.copy()
    assert (rig.target.datas, copy.counts.records, copy.counts.repeated) == (numbered(20), 20, 0)
    assert sum(rig.moved) == 20


def test_refused_records_are_sent_again_in_order(rig):
    rig.source.add(*numbered(7))
    rig.target.puts = [Put(refused=dict.fromkeys(range(3, 7), "DIS.4303"))]
    assert rig.copy().counts.repeated == 0
    assert (rig.target.datas, rig.target.sent[1]) == (numbered(7), numbered(7)[3:])


def test_records_after_a_refused_one_are_copied_once_more(rig):
    rig.source.add(*numbered(6))
    rig.target.puts = [Put(refused={2: "DIS.4303"})]
    copy = rig.copy()
    assert rig.target.datas == [b"0", b"1", b"3", b"4", b"5", b"2", b"3", b"4", b"5"]
    assert (copy.counts.records, copy.counts.repeated) == (6, 3)
    assert rig.target.commits == [CopyPosition(0, 0), CopyPosition(2, 5)]


def test_a_copy_that_was_killed_after_a_partial_refusal_finds_the_refused_record(rig):
    rig.source.add(*numbered(6))
    rig.target.puts = [Put(refused={2: "DIS.4303"}, error=Killed())]
    with pytest.raises(Killed):
        rig.copy()
    rig.copy()
    assert rig.target.datas == [b"0", b"1", b"3", b"4", b"5", b"2", b"3", b"4", b"5"]


def test_a_request_that_is_stored_late_is_found_out(rig):
    rig.source.add(*numbered(5))
    rig.target.puts = [STORED_LATE]
    copy = rig.copy()
    assert rig.target.datas == numbered(5) * 2
    assert (copy.counts.records, copy.counts.repeated) == (5, 5)


def test_expired_records_are_counted_and_left_out(rig):
    rig.source.add(*numbered(20))
    copy = rig.start()
    copy.copy(7, None)
    rig.source.earliest = 12
    copy.copy(20, None)
    assert rig.target.datas == [*numbered(7), *numbered(20)[12:]]
    assert (copy.counts.expired, rig.target.commits[-1], rig.copy().counts.records) == (5, CopyPosition(12, 7), 0)


def test_a_partition_that_expires_completely_is_done(rig):
    rig.source.add(*numbered(20))
    copy = rig.start()

    def read(_number):
        raise PartitionExpiredError("gone")

    rig.source.read = read
    copy.copy(20, None)
    assert (copy.next, copy.counts.expired, rig.target.datas) == (20, 20, [])


def test_a_copy_whose_source_has_expired_meanwhile_goes_on(rig):
    rig.source.add(*numbered(20))
    rig.start().copy(10, None)
    rig.source.earliest = 15
    assert rig.copy().counts.expired == 5
    assert rig.target.datas == [*numbered(10), *numbered(20)[15:]]


def test_records_of_others_end_the_copy_before_anything_is_put(rig):
    rig.source.add(*numbered(5))
    rig.target.partition.add(b"x")
    with pytest.raises(WriteError, match=r"stream 't', .*000 has records that aren't of this copy, from number 0 on"):
        rig.copy()
    assert rig.target.sent == []


def test_records_that_others_put_between_two_copies_end_the_second(rig):
    rig.source.add(*numbered(5))
    rig.copy()
    rig.target.partition.add(b"x")
    rig.source.add(*numbered(5))
    with pytest.raises(WriteError, match=r"records 0 to 5 are not those of the source; copy into another stream"):
        rig.copy()


def test_a_record_that_is_refused_for_good_ends_the_copy_with_its_reason(rig):
    rig.source.add(*numbered(3))
    rig.target.puts = [Put(refused={1: "DIS.4200", 2: "DIS.4200"})]
    with pytest.raises(WriteError, match=r"record 1 of the source was refused: DIS\.4200 no$"):
        rig.copy()
    assert rig.target.datas == [b"0"]


def test_a_target_that_takes_nothing_ends_the_copy_after_two_minutes(rig):
    rig.source.add(b"a")
    rig.target.puts = [Put(refused={0: "DIS.4303"})] * 10_000
    with pytest.raises(WriteError, match=r"nothing was copied for 120 s: record 0 .* DIS\.4303 no; run the copy again"):
        rig.copy()
    assert 120 <= sum(rig.slept) < 200


def test_a_throttled_request_is_sent_again_later(rig):
    rig.source.add(*numbered(5))
    rig.target.puts = [Put(stored=False, error=ThrottledError("slow down", code="DIS.4303", status=400))]
    rig.copy()
    assert (rig.target.datas, sum(rig.slept) > 0) == (numbered(5), True)


def test_a_request_that_the_service_refused_is_raised(rig):
    rig.source.add(b"a")
    rig.target.puts = [Put(stored=False, error=ServerError("no", code="DIS.5000", status=500))]
    with pytest.raises(ServerError):
        rig.copy()


def random_end(random: Random) -> Put:
    kinds = [Put(), LOST_BEFORE, LOST_AFTER, Put(error=Killed()), Put(stored=False, error=Killed())]
    refused = {index: "DIS.4303" for index in range(7) if random.random() < 0.3}
    kinds += [
        STORED_LATE,
        Put(refused=refused),
        Put(refused=refused, error=Killed()),
        Put(refused=refused, error=TransportError("cut")),
    ]
    return random.choice(kinds)


@pytest.mark.parametrize("seed", range(60))
def test_the_last_copies_are_complete_and_in_order_whatever_fails(rig, seed):
    random = Random(seed)
    rig.source.add(*numbered(60))
    rig.target.puts = [random_end(random) for _ in range(40)]
    for _ in range(50):
        try:
            rig.copy()
            break
        except Killed:
            continue
    last = {data: index for index, data in enumerate(rig.target.datas)}
    assert sorted(last, key=last.get) == numbered(60)


@pytest.mark.parametrize("seed", range(30))
def test_without_partial_refusals_each_record_is_copied_once_whatever_fails(rig, seed):
    random = Random(seed)
    rig.source.add(*numbered(60))
    kinds = [Put(), LOST_BEFORE, LOST_AFTER, Put(error=Killed()), Put(stored=False, error=Killed())]
    rig.target.puts = [random.choice(kinds) for _ in range(30)]
    for _ in range(31):
        try:
            rig.copy()
            break
        except Killed:
            continue
    assert rig.target.datas == numbered(60)
