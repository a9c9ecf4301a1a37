"""A body is read whole or refused."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_dis.local.http.request_body import Disconnected, declared_length, read_body
from beam_dis.wire.error_codes import Refusal


def read(chunks: list[bytes], limit: int = 10, *, cut: bool = False) -> bytes:
    messages = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks]
    messages += [{"type": "http.disconnect"} if cut else {"type": "http.request"}]

    async def receive():
        return messages.pop(0)

    return asyncio.run(read_body(receive, limit))


@given(st.lists(st.binary(max_size=3), max_size=3))
def test_a_body_is_its_chunks_in_order(chunks):
    assert read(chunks) == b"".join(chunks)


@given(st.lists(st.binary(max_size=3), max_size=3))
def test_a_body_that_breaks_off_is_not_answered(chunks):
    with pytest.raises(Disconnected):
        read(chunks, cut=True)


@given(st.lists(st.binary(min_size=4, max_size=9), min_size=3, max_size=5))
def test_a_body_over_the_limit_is_read_to_its_end_and_refused_with_413(chunks):
    with pytest.raises(Refusal, match=f"has {sum(map(len, chunks))} bytes, more than 10") as refused:
        read(chunks)
    assert refused.value.status == 413


@pytest.mark.parametrize(
    ("headers", "length"),
    [([], 0), ([(b"content-length", b"7")], 7), ([(b"transfer-encoding", b"chunked")], None)],
)
def test_the_length_of_a_body_is_known_unless_it_is_sent_in_chunks(headers, length):
    assert declared_length({"headers": headers}) == length
