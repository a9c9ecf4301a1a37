"""Reading any range of numbers returns exactly the records in it, whatever the numbers, the times and the service's ways."""

import itertools
from functools import partial

import pytest
from fake_v3io import FakeShard, FakeV3IO
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from beam_dis.credentials import Token
from beam_dis.errors import OutOfRangeError
from beam_dis.stream_service import ReadPosition
from beam_dis.v3io import shards
from beam_dis.v3io.client import V3IOClient
from beam_dis.v3io.connection import V3IOConnection
from beam_dis.v3io.service import V3IOService

CONNECTION = V3IOConnection(endpoint="https://v3io.example", container="c", credentials=Token(value="key"))
PARTITION = "shardId-0000000000"


@pytest.fixture(autouse=True, scope="module")
def short_scans():
    """Let so few records be searched by time too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "_SCANNED_RECORDS", 3)
        yield


def service_of(v3io):
    time = v3io.time
    client = V3IOClient(CONNECTION, transport=v3io, clock=time.now, monotonic=time.now, sleep=time.sleep)
    return V3IOService(CONNECTION, client=client)


def at(number):
    return ReadPosition("a/b", "c/a/b", PARTITION, number)


@st.composite
def filled(draw):
    """A V3IO whose shard has random gaps between its numbers and between its arrivals."""
    v3io = FakeV3IO()
    v3io.accepts_next = draw(st.booleans())
    shard = v3io.streams["a/b"][0] = FakeShard()
    number, arrival = draw(st.integers(1, 20)), draw(st.integers(10**12, 10**18))
    for gap, pause, size in draw(
        st.lists(
            st.tuples(st.integers(1, 50), st.sampled_from((-(10**7), 0, 1, 999, 10**6, 10**10)), st.integers(0, 40)),
            max_size=60,
        )
    ):
        shard.add(number, bytes(size), arrival=arrival)
        number, arrival = number + gap, arrival + pause
    v3io.largest_page = draw(st.sampled_from((1, 100, 10_000_000)))
    return v3io


def read_range(service, low, high, max_bytes):
    """The records of ``[low, high)``, page by page as a reader claims them."""
    found, position = [], at(low)
    while position.sequence_number < high:
        page = service.read(position, max_bytes).records
        if not page:
            break
        found += [record.sequence_number for record in page if record.sequence_number < high]
        position = position.after(page)
    return found


@settings(deadline=None, max_examples=60)
@given(v3io=filled(), data=st.data())
def test_pieces_of_a_range_have_all_its_records_once(v3io, data):
    service, reader = service_of(v3io), service_of(v3io)
    (partition,) = service.describe("a/b").partitions
    assume(partition.earliest < partition.next)
    assert partition.earliest == v3io.shard.records[0][0]
    assert partition.next == v3io.shard.records[-1][0] + 1
    inside = st.integers(partition.earliest, partition.next)
    edges = sorted({partition.earliest, partition.next, *data.draw(st.lists(inside, max_size=6))})
    pieces = list(itertools.pairwise(edges))
    found = []
    for low, high in data.draw(st.permutations(pieces)):
        which = data.draw(st.sampled_from((service, reader)))
        found += read_range(which, low, high, data.draw(st.sampled_from((1, 50, 10_000))))
        v3io.generation += data.draw(st.sampled_from((0, 0, 1)))
    assert sorted(found) == [record[0] for record in v3io.shard.records]


@settings(deadline=None, max_examples=60)
@given(v3io=filled(), data=st.data())
def test_after_expiry_a_position_has_all_later_records_or_is_out_of_range(v3io, data):
    records = [record[0] for record in v3io.shard.records]
    assume(records)
    service = service_of(v3io)
    low = data.draw(st.integers(1, records[-1] + 1))
    if data.draw(st.booleans()):
        service.describe("a/b")
    v3io.shard.expired = data.draw(st.integers(0, len(records)))
    left = records[v3io.shard.expired :]
    read = partial(read_range, service, low, 10**9, data.draw(st.sampled_from((1, 50, 10_000))))
    if left and low < left[0]:
        with pytest.raises(OutOfRangeError) as raised:
            read()
        assert (raised.value.earliest, raised.value.next) == (left[0], records[-1] + 1)
    else:
        assert read() == [number for number in left if number >= low]
