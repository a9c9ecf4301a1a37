"""Sequence numbers, locations and client information are given back as they were made."""

from __future__ import annotations

import itertools
from base64 import b64decode

from hypothesis import given
from hypothesis import strategies as st

from beam_dis.local.v3io.client_info import MOST_BYTES, pack, unpack
from beam_dis.local.v3io.positions import (
    decode_location,
    encode_location,
    number_after,
    number_of,
    sequence_number,
)

NUMBERS = st.integers(0, 2**60)
SHARDS = st.integers(0, 10_000)


@given(NUMBERS)
def test_a_sequence_number_gives_its_number_back(number):
    sequence = sequence_number(number)
    assert (number_of(sequence), number_after(sequence + 1)) == (number, number + 1)
    assert 1 <= sequence_number(number + 1) - sequence <= 7


def test_sequence_numbers_begin_with_one_and_have_gaps_of_all_sizes():
    numbers = [sequence_number(number) for number in range(10_000)]
    assert numbers[0] == 1
    assert {b - a for a, b in itertools.pairwise(numbers)} == {1, 2, 3, 4, 5, 6, 7}


@given(st.integers(-10, 2**40))
def test_a_number_between_two_records_is_of_neither(sequence):
    number = number_of(sequence)
    assert number is None or sequence_number(number) == sequence


@given(st.text(), SHARDS, NUMBERS)
def test_a_location_gives_its_number_back_to_its_shard_alone(stream_id, shard, number):
    location = encode_location(stream_id, shard, number)
    assert len(b64decode(location)) == 16
    assert decode_location(stream_id, shard, location) == number
    assert decode_location(stream_id, shard + 1, location) is None
    assert decode_location(stream_id + "x", shard, location) is None


@given(SHARDS, NUMBERS, st.integers(0, 23), st.sampled_from("AQgw+/=x!\u00e9"))
def test_a_changed_location_is_none(shard, number, index, character):
    location = encode_location("id", shard, number)
    changed = location[:index] + character + location[index + 1 :]
    assert changed == location or decode_location("id", shard, changed) is None


@given(st.binary(), st.none() | st.binary(max_size=16))
def test_client_information_and_data_are_given_back(data, info):
    packed = pack(data, info)
    assert unpack(packed) == (data, info)
    assert len(packed) <= len(data) + MOST_BYTES
