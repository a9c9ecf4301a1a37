import dataclasses
import pickle
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.errors import ConfigurationError, EncodeError
from beam_dis.record import PutRecord
from beam_dis.wire.limits import STREAM_NAME
from beam_dis.write.routing import Field, record_of, require_fields, stream_rule


class Flight(NamedTuple):
    carrier: str
    number: int


@dataclasses.dataclass
class Plane:
    carrier: str


def data(_element):
    return b"x"


@pytest.mark.parametrize("element", [Flight("AA", 1), Plane("AA"), {"carrier": "AA"}])
def test_a_string_names_a_field_of_named_tuples_dataclasses_and_dicts(element):
    assert record_of(data, partition_key="carrier")(element) == PutRecord(b"x", partition_key="AA")


@pytest.mark.parametrize("element", [Flight("AA", 1), {"carrier": "AA"}])
def test_a_field_that_is_missing_is_named_with_the_element_s_type(element):
    with pytest.raises(EncodeError, match=rf"type {type(element).__name__} has no field 'tail'"):
        record_of(data, partition_key="tail")(element)


def test_all_rules_that_are_given_are_written():
    routed = record_of(data, partition_key="carrier", explicit_hash_key="number", partition_id=lambda _: 3)
    assert routed(Flight("AA", 7)) == PutRecord(b"x", "AA", "7", "shardId-0000000003")


def test_a_rule_that_gives_none_leaves_the_choice_to_the_next():
    routed = record_of(data, partition_key="carrier", explicit_hash_key=lambda _: None, partition_id=lambda _: None)
    assert routed(Flight("AA", 7)) == PutRecord(b"x", "AA", None, None)


@given(st.integers(0, 2**63 - 1))
@settings(deadline=None)
def test_an_explicit_hash_key_is_a_number_or_its_decimal_text(number):
    routed = record_of(data, explicit_hash_key=lambda element: element)
    assert [routed(number).explicit_hash_key, routed(str(number)).explicit_hash_key] == [str(number)] * 2


@pytest.mark.parametrize("key", [-1, 2**63, "0x1", "", " 1", 1.5, b"1", [1]])
def test_a_bad_explicit_hash_key_is_refused_unsent(key):
    with pytest.raises(EncodeError, match=r"explicit_hash_key gave .* which is not a number of 0 to"):
        record_of(data, explicit_hash_key=lambda _: key)(None)


@pytest.mark.parametrize("partition", [3, "3", "shardId-0000000003"])
def test_a_partition_id_is_a_number_or_the_service_s_word(partition):
    assert record_of(data, partition_id=lambda _: partition)(None).partition_id == "shardId-0000000003"


@pytest.mark.parametrize("partition", [-1, "p3", "", 1.5, [3], b"3"])
def test_a_bad_partition_id_is_refused_unsent(partition):
    with pytest.raises(EncodeError, match="partition_id gave a wrong value"):
        record_of(data, partition_id=lambda _: partition)(None)


@pytest.mark.parametrize("key", [7, b"AA", ["AA"]])
def test_a_partition_key_is_text(key):
    with pytest.raises(EncodeError, match=r"partition_key gave .*, which is not a str"):
        record_of(data, partition_key=lambda _: key)(None)


def test_a_partition_key_that_utf_8_cannot_hold_is_the_elements_fault_and_not_the_requests():
    with pytest.raises(EncodeError, match=r"partition_key gave '\\ud800', which UTF-8 can't hold"):
        record_of(data, partition_key=lambda _: "\ud800")(None)


@pytest.mark.parametrize("argument", ["partition_key", "explicit_hash_key", "partition_id"])
def test_whatever_a_user_s_function_raises_is_an_encode_error_that_names_its_argument(argument):
    with pytest.raises(EncodeError, match=f"{argument} raised ZeroDivisionError: division by zero"):
        record_of(data, **{argument: lambda element: 1 / element})(0)


def test_a_stream_function_that_raises_is_named_too():
    with pytest.raises(EncodeError, match="stream raised ZeroDivisionError: division by zero"):
        stream_rule(lambda element: 1 / element)(0)


@pytest.mark.parametrize("argument", ["partition_key", "explicit_hash_key", "partition_id"])
@pytest.mark.parametrize("given_", [3, "", ["carrier"]])
def test_a_rule_that_is_neither_field_nor_function_is_refused_at_construction(argument, given_):
    with pytest.raises(ConfigurationError, match=rf"{argument}=.* neither a field's name nor a function"):
        record_of(data, **{argument: given_})


def test_a_field_no_element_has_is_refused_with_those_there_are():
    with pytest.raises(ConfigurationError, match=r"partition_key='tail': .*they have carrier, number"):
        require_fields(Flight._fields, partition_key="tail")


@pytest.mark.parametrize("stream", ["", "a b", "x" * 65, None, 3, "süd"])
def test_a_stream_that_is_no_name_is_refused_at_construction(stream):
    with pytest.raises(ConfigurationError, match="is not a stream's name"):
        stream_rule(stream)


@pytest.mark.parametrize("stream", ["", "a b", None, 3])
def test_a_stream_function_that_gives_no_name_is_refused_on_the_element(stream):
    with pytest.raises(EncodeError, match="which is not a stream's name"):
        stream_rule(lambda _: stream)("element")


@given(st.from_regex(STREAM_NAME, fullmatch=True))
@settings(deadline=None)
def test_a_stream_is_its_name_or_what_a_function_gives(name):
    assert [stream_rule(name), stream_rule(lambda element: element)(name)] == [name, name]


def test_rules_travel():
    routed = record_of(data_of_field, partition_key="carrier", partition_id="number")
    assert pickle.loads(pickle.dumps(routed))(Flight("AA", 1)) == routed(Flight("AA", 1))


data_of_field = Field("carrier")
