"""Hashes agree with vectors of the official producer, and hash ranges leave no gaps."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.ranges import (
    MAX_HASH,
    Range,
    explicit_hash,
    hash_of,
    hash_ranges,
    parse_range,
    partition_id,
    partition_number,
)

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "partition_hash_vectors.json").read_text("utf-8"))["keys"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: repr(vector["key"]))
def test_a_key_has_the_official_producers_hash(vector):
    assert hash_of(vector["key"]) == vector["hash"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: repr(vector["key"]))
def test_a_key_belongs_to_the_official_producers_partition(vector):
    found = {
        count: next(i for i, r in enumerate(hash_ranges(int(count))) if r.start <= vector["hash"] <= r.end)
        for count in vector["sdk_index"]
    }
    assert found == vector["sdk_index"]


@given(st.integers(1, 1000))
def test_hash_ranges_cover_everything_once(count):
    """[0 .... a][a+1 .... b] ... [z+1 .... 2^63-1]."""
    ranges = hash_ranges(count)
    assert (len(ranges), ranges[0].start, ranges[-1].end) == (count, 0, MAX_HASH)
    assert all(after.start == before.end + 1 for before, after in pairwise(ranges))


def test_one_and_two_partitions_print_as_documented():
    assert [str(r) for r in hash_ranges(1)] == ["[0 : 9223372036854775807]"]
    assert [str(r) for r in hash_ranges(2)] == [
        "[0 : 4611686018427387902]",
        "[4611686018427387903 : 9223372036854775807]",
    ]


@given(st.builds(Range, st.integers(0, 2**63), st.integers(0, 2**63)))
def test_a_printed_range_is_read_back(numbers):
    assert parse_range(str(numbers)) == numbers


@pytest.mark.parametrize("text", [None, "", "[null : null]", "null", "[1 : ]", "1 : 2", "[-1 : 2]"])
def test_text_that_is_not_a_range_is_none(text):
    assert parse_range(text) is None


@given(st.integers(0, 10**10 - 1))
def test_a_partition_has_one_number_and_one_id(number):
    assert partition_number(partition_id(number)) == number
    assert partition_number(str(number)) == number


@pytest.mark.parametrize(
    "text", ["", "shardId-", "shard-1", "-1", " 1", "1 ", "1.0", "٣", "shardId-00000000000", "shardid-1"]
)
def test_text_that_is_not_a_partition_id_is_refused(text):
    with pytest.raises(Refusal) as refused:
        partition_number(text)
    assert refused.value.message == f"Invalid partition_id. [{text}]"


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), (str(MAX_HASH), MAX_HASH)])
def test_an_explicit_hash_is_a_decimal_number(text, number):
    assert explicit_hash(text) == number


@pytest.mark.parametrize("text", ["", "-1", "1.5", "abc", "٣", " 1", str(MAX_HASH + 1), "9" * 5000])
def test_an_explicit_hash_out_of_bounds_is_refused(text):
    with pytest.raises(Refusal, match=r"DIS\.4200: .*is not a decimal number of 0 to 9223372036854775807"):
        explicit_hash(text)
