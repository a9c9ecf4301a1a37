"""Names and numbers that users give: which are accepted, and what the errors say."""

from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beam_dis.errors import ConfigurationError
from beam_dis.names import (
    canonical_partition_id,
    checked_app,
    checked_partition_key,
    checked_sequence_number,
    checked_stream,
    is_stream_name,
)
from beam_dis.plain_values import shown

NOT_TEXT = [None, 5, True, b"s", ["s"], object]


@pytest.mark.parametrize("name", ["s", "S-1_x", "0", "x" * 64])
def test_a_streams_name_has_up_to_64_letters_digits_underscores_and_hyphens(name):
    assert is_stream_name(name)
    assert checked_stream("stream", name) == name


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "a.b", "a/b", "ä", "a\n", *NOT_TEXT])
def test_another_value_is_not_a_streams_name(name):
    assert not is_stream_name(name)
    with pytest.raises(
        ConfigurationError, match=r"^stream=.* is not the name or the id of a stream \(1 to 64 of"
    ) as error:
        checked_stream("stream", name)
    assert shown(name) in str(error.value)


class Name(Enum):
    ORDERS = "orders"


def test_an_enum_member_with_text_is_the_name_that_it_contains():
    assert checked_stream("stream", Name.ORDERS) == checked_app("app", Name.ORDERS) == "orders"


@pytest.mark.parametrize(("key", "advice"), [(5, "give text"), (b"k", "decode it")])
def test_a_key_that_is_not_text_is_refused_with_what_to_give(key, advice):
    with pytest.raises(ConfigurationError, match=f"partition_key=.* is not text: {advice}"):
        checked_partition_key("partition_key", key)


def test_the_message_says_what_else_the_argument_takes():
    with pytest.raises(ConfigurationError, match=r"stream=5 \(int\) is not .*, nor a function of the element$"):
        checked_stream("stream", 5, otherwise=", nor a function of the element")


@pytest.mark.parametrize("name", ["a", "A-1_x", "x" * 200])
def test_an_apps_name_has_up_to_200_characters(name):
    assert checked_app("app", name) == name


@pytest.mark.parametrize("name", ["", "x" * 201, "a b", "a.b", "ä", *NOT_TEXT])
def test_another_value_is_not_an_apps_name(name):
    with pytest.raises(ConfigurationError, match=r"^app=.* is not the name of an app \(1 to 200 of") as error:
        checked_app("app", name)
    assert shown(name) in str(error.value)


@given(st.integers(0, 10**10 - 1))
def test_a_partition_is_named_by_its_number_its_digits_or_its_id(number):
    partition_id = f"shardId-{number:010d}"
    assert {canonical_partition_id(value) for value in (number, str(number), partition_id)} == {partition_id}


@pytest.mark.parametrize("value", ["", "x", "shardId-", "shard-0", "1.0", -1, 1.0, 10**10, True, None, b"0", [0]])
def test_another_value_is_not_a_partition(value):
    with pytest.raises(
        ConfigurationError, match=r"^partition .* is neither a number nor a partition id such as"
    ) as error:
        canonical_partition_id(value)
    assert repr(value) in str(error.value)


@pytest.mark.parametrize("number", [0, 1, 2**63 - 1])
def test_a_sequence_number_is_an_int_of_63_bits(number):
    assert checked_sequence_number("n", number) == number


@pytest.mark.parametrize("number", [-1, 2**63, 1.0, "1", True, None])
def test_another_value_is_not_a_sequence_number(number):
    with pytest.raises(ConfigurationError, match=f"^n=.* is not an int of 0 to {2**63 - 1}$") as error:
        checked_sequence_number("n", number)
    assert repr(number) in str(error.value)
