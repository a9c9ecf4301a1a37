"""The adapter opens, keeps and renews cursors; its callers only name positions."""

import contextlib
from base64 import b64encode
from urllib.parse import parse_qs, urlsplit

import pytest

from beam_dis.client.cursors import Cursors
from beam_dis.client.targets import Targets
from beam_dis.errors import (
    AnswerTooLargeError,
    CursorRefusedError,
    DISError,
    OutOfRangeError,
    StreamNotFoundError,
    ThrottledError,
)
from beam_dis.stream_service import PAGE_MEMORY_BYTES, ReadPosition

MIB = 1024 * 1024
START = ReadPosition("flights", "id", "shardId-0000000000", 0)


class OnePartition:
    """Answers requests like a DIS with one stream of one partition, which has the numbers ``[earliest, next)``."""

    def __init__(self, ok, refused):
        self.ok, self.refused = ok, refused
        self.earliest, self.next, self.page_records = 0, 100, 10
        self.stream_id, self.generation, self.refusal = "id", 0, 4225
        self.opened, self.reads, self.described, self.max_bytes = [], [], 0, []
        self.throttled = False
        self.data, self.key = lambda _: b"x", None

    def __call__(self, request):
        answer = self.answer(request)
        if len(answer.body) > request.max_answer:
            raise AnswerTooLargeError("more bytes than the request allows")
        return answer

    def answer(self, request):
        url = urlsplit(request.target)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if "/streams/" in url.path:
            self.described += 1
            return self.ok({"stream_name": "flights", "stream_id": self.stream_id})
        if url.path.endswith("/cursors"):
            return self.cursor(int(query["starting-sequence-number"]))
        return self.page(query)

    def cursor(self, number):
        self.opened.append(number)
        if not self.earliest <= number <= self.next:
            return self.refused(4224, "Sequence_number out of range.")
        return self.ok({"partition_cursor": f"{self.generation}-{number}"})

    def page(self, query):
        generation, start = map(int, query["partition-cursor"].split("-"))
        if self.throttled:
            return self.refused(4303)
        if generation != self.generation:
            return self.refused(self.refusal)
        self.reads.append(start)
        self.max_bytes.append(int(query["max_fetch_bytes"]))
        records, left, stop = [], self.max_bytes[-1], start
        for number in range(start, min(start + self.page_records, self.next)):
            left -= len(self.data(number))
            if left < 0:
                break
            data, key = b64encode(self.data(number)).decode(), self.key
            records.append({"sequence_number": str(number), "data": data, "timestamp": number, "partition_key": key})
            stop = number + 1
        return self.ok({"records": records, "next_partition_cursor": f"{generation}-{stop}"})

    def forget_cursors(self):
        self.generation += 1


@pytest.fixture
def dis(ok, refused):
    return OnePartition(ok, refused)


@pytest.fixture
def cursors(connect, dis):
    rig = connect(dis)
    made = Cursors(rig.api, Targets(rig.client), clock=rig.time.now)
    made.time = rig.time
    return made


def read(cursors, position):
    return cursors.read(position, 2 * MIB).records


def test_pages_follow_each_other_on_one_cursor(cursors, dis):
    position = START
    for _ in range(3):
        position = position.after(read(cursors, position))
    assert (dis.opened, dis.reads, position.sequence_number) == ([0], [0, 10, 20], 30)


def test_a_cursor_is_renewed_after_270_seconds(cursors, dis):
    position = START.after(read(cursors, START))
    cursors.time.sleep(269.9)
    position = position.after(read(cursors, position))
    cursors.time.sleep(270)
    read(cursors, position)
    assert dis.opened == [0, 20]


def test_a_refused_cursor_is_renewed_at_the_same_number(cursors, dis):
    position = START.after(read(cursors, START))
    dis.forget_cursors()
    page = cursors.read(position, 2 * MIB)
    assert [r.sequence_number for r in page.records][:2] == [10, 11]
    assert (dis.opened, page.reopened) == ([0, 10], 1)


def test_a_page_says_if_its_position_was_not_reopened(cursors):
    assert cursors.read(START, 2 * MIB).reopened == 0


def test_a_new_cursor_that_is_refused_is_an_error(cursors, dis):
    dis.cursor = lambda _: dis.ok({"partition_cursor": "99-0"})
    with pytest.raises(CursorRefusedError):
        read(cursors, START)


def test_an_expired_position_is_an_error(cursors, dis):
    dis.earliest = 5
    with pytest.raises(OutOfRangeError):
        read(cursors, START)


def test_an_empty_page_keeps_its_position(cursors, dis):
    dis.next = 0
    assert START.after(read(cursors, START)) == START
    dis.next = 3
    assert len(read(cursors, START)) == 3
    assert dis.opened == [0]


def test_a_recreated_stream_is_noticed_before_its_first_record_is_read(cursors, dis):
    """A job may resume from its state after the stream was recreated, with numbers that are valid in the new stream."""
    with pytest.raises(StreamNotFoundError, match="its id was 'the old one' and is now 'id'"):
        read(cursors, START._replace(stream_id="the old one"))
    assert dis.reads == []


@pytest.mark.parametrize("refusal", [4225, 4301])
def test_a_recreated_stream_is_never_read_instead_of_the_old_one(cursors, dis, refusal):
    position = START.after(read(cursors, START))
    dis.forget_cursors()
    dis.refusal, dis.stream_id = refusal, "another id"
    with contextlib.suppress(DISError):
        read(cursors, position)  # as in the background, where errors are dropped
    with pytest.raises(
        StreamNotFoundError, match="recreated while it was read: its id was 'id' and is now 'another id'"
    ):
        read(cursors, position)


def test_a_stream_recreated_during_a_long_pause_is_noticed(cursors, dis):
    """A cursor that is too old isn't tried, so nothing refuses it."""
    position = START.after(read(cursors, START))
    dis.stream_id = "another id"
    cursors.time.sleep(3600)
    with pytest.raises(StreamNotFoundError, match="recreated while it was read"):
        read(cursors, position)


def test_the_stream_is_checked_once_while_its_cursors_are_valid(cursors, dis):
    position = START.after(read(cursors, START))
    dis.forget_cursors()
    read(cursors, position)
    checks = dis.described
    assert len(read(cursors, START)) == 10
    assert dis.described == checks


def test_throttling_uses_up_no_cursor(cursors, dis):
    position = START.after(read(cursors, START))
    dis.throttled = True
    with pytest.raises(ThrottledError):
        read(cursors, position)
    dis.throttled = False
    read(cursors, position)
    assert dis.opened == [0]


def all_pages(cursors, position, count):
    """The pages from a position on, until ``count`` records are read."""
    pages = []
    while sum(len(page) for page in pages) < count:
        pages.append(read(cursors, position))
        position = position.after(pages[-1])
    assert [record.sequence_number for page in pages for record in page] == list(range(count))
    return pages


def memory(page):
    return sum(240 + len(record.data) + len(record.partition_key or "") for record in page)


def test_the_largest_record_is_read_whatever_was_requested(cursors, dis):
    """The service leaves out a record that is larger than the requested size; the reader would wait forever."""
    dis.data = lambda number: b"x" * (MIB if number == 5 else 1)
    dis.next = 10
    assert [len(page) for page in all_pages(cursors, START, 10)] == [5, 1, 4]
    assert len(cursors.read(START, 1).records) == 1


def test_an_empty_page_was_requested_with_room_for_the_largest_record(cursors, dis):
    """The next request at that position has it at once, so that polling takes one request."""
    dis.next = 0
    for _ in range(3):
        assert read(cursors, START) == []
    assert dis.max_bytes[1:] == [MIB] * 3


@pytest.mark.parametrize("key", [None, "k" * 500], ids=["no key", "long key"])
def test_pages_of_small_records_are_bounded_by_their_memory(key, cursors, dis):
    dis.page_records, dis.next, dis.key = 10**6, 100_000, key
    pages = all_pages(cursors, START, 100_000)
    assert max(map(memory, pages)) <= 1.7 * PAGE_MEMORY_BYTES
    assert len(pages) <= 2 + 2 * sum(map(memory, pages)) / PAGE_MEMORY_BYTES


def test_pages_of_200_bytes_are_as_large_as_requested(cursors, dis):
    dis.page_records, dis.next, dis.data = 10**6, 40_000, lambda _: b"x" * 200
    first, second, *pages, _ = all_pages(cursors, START, 40_000)
    assert len(first) * 200 <= 24 * 1024
    assert len(second) == 16 * 24 * 1024 // 200
    assert {len(page) for page in pages} == {2 * MIB // 200}


def test_small_records_after_large_ones_are_refused_and_requested_again(cursors, dis):
    """Judging by the size of the records before, their answer is too large."""
    dis.page_records, dis.next = 10**6, 150_000
    dis.data = lambda number: b"x" * (1000 if number < 3000 else 1)
    pages = all_pages(cursors, START, 150_000)
    assert max(map(memory, pages)) <= 4 * PAGE_MEMORY_BYTES
    assert len(dis.max_bytes) <= 30


def test_a_large_record_before_many_small_ones_is_read(cursors, dis):
    dis.page_records, dis.next = 10**6, 120_000
    dis.data = lambda number: b"x" * (900_000 if number == 10 else 1)
    pages = all_pages(cursors, START, 120_000)
    assert max(map(memory, pages)) <= 4 * PAGE_MEMORY_BYTES


def test_a_record_whose_key_is_larger_than_a_page_is_read(cursors, dis):
    dis.next, dis.key = 2, "k" * 9 * MIB
    assert [len(page) for page in all_pages(cursors, START, 2)] == [1, 1]


def test_a_request_names_its_stream_and_partition_in_errors(connect, ok, refused):
    rig = connect([ok({"stream_id": "id"}), ok({"partition_cursor": "c"}), refused(4319)])
    with pytest.raises(DISError, match="stream 'flights', partition shardId-0000000000"):
        rig.service.read(START, MIB)
    assert rig.time.slept == []


def test_a_new_cursor_requests_what_the_streams_last_page_suggests(cursors, dis):
    """Otherwise each range that is read would begin with several small pages."""
    dis.page_records, dis.next, dis.data = 10**6, 40_000, lambda _: b"x" * 200
    all_pages(cursors, START, 40_000)
    assert len(read(cursors, START)) == 2 * MIB // 200


def test_a_new_cursor_after_a_request_for_few_bytes_requests_a_page(cursors, dis):
    dis.page_records, dis.next, dis.data = 10**6, 40_000, lambda _: b"x" * 200
    all_pages(cursors, START, 40_000)
    cursors.read(START, 1000)
    assert len(read(cursors, START._replace(sequence_number=20_000))) == 2 * MIB // 200
