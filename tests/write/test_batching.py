import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.errors import ConfigurationError, EncodeError
from beam_dis.record import PutRecord
from beam_dis.stream_service import WriteLimits
from beam_dis.write.batching import Batcher, RequestOptions

LIMITS = WriteLimits(request_records=4, request_bytes=50, record_bytes=20)


def cut(records, *, limits=LIMITS, **settings_):
    """All batches of (stream, queue, size) triples, in the order they are cut; origins are their numbers."""
    batcher = Batcher(lambda _: limits, **settings_)
    batches = []
    for number, (stream, queue, size) in enumerate(records):
        batches += batcher.add(stream, queue, PutRecord(b"x" * size), number)
    return batches + batcher.close_all()


records = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.integers(1, 20)), max_size=60)


@given(records)
@settings(deadline=None)
def test_a_batch_never_exceeds_the_limits_of_a_request(triples):
    for batch in cut(triples):
        assert 0 < len(batch.records) <= LIMITS.request_records
        assert sum(len(record.data) for record in batch.records) == batch.bytes <= LIMITS.request_bytes


@given(records)
@settings(deadline=None)
def test_every_record_is_in_one_batch_of_its_stream_and_queue_in_order(triples):
    seen = {}
    for batch in cut(triples):
        seen.setdefault((batch.stream, batch.queue), []).extend(batch.origins)
    expected = {}
    for number, (stream, queue, _) in enumerate(triples):
        expected.setdefault((stream, queue), []).append(number)
    assert expected == seen


@given(records)
@settings(deadline=None)
def test_a_batch_is_cut_only_when_the_next_record_would_not_fit(triples):
    batches = cut([("a", 0, size) for _, _, size in triples])
    for batch, after in itertools.pairwise(batches):
        full = len(batch.records) == LIMITS.request_records
        assert full or batch.bytes + len(after.records[0].data) > LIMITS.request_bytes


@given(records, st.integers(1, 5), st.integers(1, 60))
@settings(deadline=None)
def test_options_make_requests_smaller_and_a_large_record_is_sent_alone(triples, most_records, most_bytes):
    options = RequestOptions(batch_records=most_records, batch_bytes=most_bytes)
    batches = cut(triples, options=options)
    assert sum(len(batch.records) for batch in batches) == len(triples)
    for batch in batches:
        assert 0 < len(batch.records) <= min(most_records, LIMITS.request_records)
        assert batch.bytes <= min(most_bytes, LIMITS.request_bytes) or len(batch.records) == 1


@pytest.mark.parametrize("name", ["in_flight", "batch_records", "batch_bytes"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "4", True, 10**9])
def test_a_wrong_request_option_is_refused(name, value):
    with pytest.raises(ConfigurationError, match=f"{name}=.*is not an int of 1 to"):
        RequestOptions(**{name: value})


@given(records, st.integers(20, 100))
@settings(deadline=None)
def test_open_batches_together_never_exceed_open_bytes(triples, most):
    batcher = Batcher(lambda _: LIMITS, open_bytes=most)
    open_bytes = 0
    for stream, queue, size in triples:
        full = batcher.add(stream, queue, PutRecord(b"x" * size), None)
        open_bytes += size - sum(batch.bytes for batch in full)
        assert open_bytes <= most
    assert sum(batch.bytes for batch in batcher.close_all()) == open_bytes


def test_closed_batches_no_longer_count_as_open():
    """100 bytes are written in batches of 20. Never more than 40 are open at a time, so every batch gets full."""
    batcher = Batcher(lambda _: WriteLimits(request_records=2, request_bytes=20, record_bytes=20), open_bytes=40)
    full = [batch for _ in range(10) for batch in batcher.add("a", 0, PutRecord(b"x" * 10), None)]
    assert [len(batch.records) for batch in full] == [2] * 5


def test_a_record_too_large_is_refused_with_its_size_and_the_limit():
    with pytest.raises(EncodeError, match="the record has 21 bytes; stream 'a' takes 20 at most"):
        cut([("a", 0, 21)])


def test_an_empty_record_is_refused():
    with pytest.raises(EncodeError, match="the record for stream 'a' is empty"):
        cut([("a", 0, 0)])


def test_a_refused_record_leaves_the_open_batch_as_it_was():
    batcher = Batcher(lambda _: LIMITS)
    batcher.add("a", 0, PutRecord(b"x"), 0)
    with pytest.raises(EncodeError):
        batcher.add("a", 0, PutRecord(b"x" * 21), 1)
    assert [batch.origins for batch in batcher.close_all()] == [[0]]
