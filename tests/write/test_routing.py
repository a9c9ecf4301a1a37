import dataclasses
import enum
import pickle
from datetime import datetime, timezone
from types import MappingProxyType
from typing import NamedTuple

import apache_beam as beam
import pytest
from apache_beam.utils.timestamp import Timestamp
from hypothesis import given, settings
from hypothesis import strategies as st
from parameter_ids import parameter_id

from beam_dis.errors import ConfigurationError, EncodeError
from beam_dis.field_values import FieldValue
from beam_dis.record import PutRecord
from beam_dis.wire.limits import STREAM_NAME
from beam_dis.write.routing import element_encoder, require_fields, stream_or_function


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
    assert element_encoder(data, partition_key="carrier")(element) == PutRecord(b"x", partition_key="AA")


@pytest.mark.parametrize(
    "element",
    [Flight("AA", 1), {"carrier": "AA"}, MappingProxyType({"carrier": "AA"}), Plane("AA"), beam.Row(carrier="AA")],
)
def test_a_missing_field_is_named_with_the_type_and_the_fields_of_the_element(element):
    with pytest.raises(
        EncodeError,
        match=rf"type {type(element).__name__} has no field 'carier'; it has \['carrier'.*\] \(did you mean 'carrier'\?\)",
    ):
        element_encoder(data, partition_key="carier")(element)


@pytest.mark.parametrize("element", [b"x", 5, None, {}])
def test_an_element_without_fields_needs_a_function(element):
    with pytest.raises(EncodeError, match="has no field 'carrier': name another, or give a function of the element"):
        element_encoder(data, partition_key="carrier")(element)


def test_all_routing_values_are_written_together():
    routed = element_encoder(data, partition_key="carrier", explicit_hash_key="number", partition_id=lambda _: 3)
    assert routed(Flight("AA", 7)) == PutRecord(b"x", "AA", "7", "shardId-0000000003")


def test_a_function_that_returns_none_leaves_its_value_out():
    routed = element_encoder(
        data, partition_key="carrier", explicit_hash_key=lambda _: None, partition_id=lambda _: None
    )
    assert routed(Flight("AA", 7)) == PutRecord(b"x", "AA", None, None)


@given(st.integers(0, 2**63 - 1))
@settings(deadline=None)
def test_an_explicit_hash_key_is_a_number_or_its_decimal_text(number):
    routed = element_encoder(data, explicit_hash_key=lambda element: element)
    assert [routed(number).explicit_hash_key, routed(str(number)).explicit_hash_key] == [str(number)] * 2


@pytest.mark.parametrize(
    "key", [-1, 2**63, "0x1", "", " 1", 1.5, 1.0, b"1", [1], True, float("nan"), 10**5000], ids=parameter_id
)
def test_a_wrong_explicit_hash_key_is_refused_before_it_is_sent(key):
    with pytest.raises(EncodeError, match=r"wrong result of explicit_hash_key: .* is not an int of 0 to"):
        element_encoder(data, explicit_hash_key=lambda _: key)(None)


@pytest.mark.parametrize("partition", [3, "3", "shardId-0000000003"])
def test_a_partition_id_may_be_a_number_its_text_or_the_id(partition):
    assert element_encoder(data, partition_id=lambda _: partition)(None).partition_id == "shardId-0000000003"


@pytest.mark.parametrize("partition", [-1, "p3", "", 1.5, 1.0, [3], b"3", True])
def test_a_wrong_partition_id_is_refused_before_it_is_sent(partition):
    encoder = element_encoder(data, partition_id=lambda element: element)
    assert encoder(1).partition_id == "shardId-0000000001"
    with pytest.raises(EncodeError, match="wrong result of partition_id"):
        encoder(partition)


@pytest.mark.parametrize("key", [7, b"AA", ["AA"]])
def test_a_partition_key_is_a_str(key):
    with pytest.raises(EncodeError, match=r"wrong result of partition_key: .* is not text"):
        element_encoder(data, partition_key=lambda _: key)(None)


def test_a_partition_key_that_is_not_utf_8_is_refused_before_it_is_sent():
    """Otherwise one element would make the whole request fail."""
    with pytest.raises(EncodeError, match=r"partition_key='\\ud800' can't be encoded as UTF-8"):
        element_encoder(data, partition_key=lambda _: "\ud800")(None)


def test_an_empty_partition_key_is_refused_by_name():
    """The service takes it for no key, and would spread the records over all partitions."""
    with pytest.raises(
        EncodeError, match="wrong result of partition_key: partition_key='' is empty: give text, or None"
    ):
        element_encoder(data, partition_key=lambda _: "")(None)


def test_an_enum_member_with_text_is_a_key_of_that_text():
    class Carrier(str, enum.Enum):
        AA = "American"

    record = element_encoder(data, partition_key=lambda _: Carrier.AA)(None)
    assert (record.partition_key, type(record.partition_key)) == ("American", str)


@pytest.mark.parametrize("argument", ["partition_key", "explicit_hash_key", "partition_id", "timestamp", "client_info"])
def test_an_error_of_a_users_function_is_an_encode_error_naming_its_argument(argument):
    with pytest.raises(EncodeError, match=f"{argument} raised ZeroDivisionError: division by zero"):
        element_encoder(data, **{argument: lambda element: 1 / element})(0)


def test_an_error_of_a_stream_function_is_an_encode_error_too():
    with pytest.raises(EncodeError, match="stream raised ZeroDivisionError: division by zero"):
        stream_or_function(lambda element: 1 / element)(0)


@pytest.mark.parametrize("argument", ["partition_key", "explicit_hash_key", "partition_id", "timestamp", "client_info"])
@pytest.mark.parametrize("given_", [3, "", ["carrier"]])
def test_an_argument_that_is_neither_field_nor_function_is_refused(argument, given_):
    with pytest.raises(ConfigurationError, match=rf"{argument}=.* neither the name of a field nor a function"):
        element_encoder(data, **{argument: given_})


def test_an_unknown_field_is_refused_and_the_message_lists_the_fields():
    with pytest.raises(ConfigurationError, match=r"partition_key='tail': .*they have carrier, number"):
        require_fields(Flight._fields, partition_key="tail")
    with pytest.raises(ConfigurationError, match=r"no such field \(did you mean 'number'\?\); they have"):
        require_fields(Flight._fields, partition_key="Number")


@pytest.mark.parametrize("stream", ["", "a b", "x" * 65, None, 3, "süd"])
def test_a_stream_with_a_wrong_name_is_refused(stream):
    with pytest.raises(ConfigurationError, match="is not the name or the id of a stream"):
        stream_or_function(stream)


@pytest.mark.parametrize("stream", ["", "a b", None, 3])
def test_a_wrong_name_from_a_stream_function_is_refused_for_that_element(stream):
    with pytest.raises(EncodeError, match=r"wrong result of stream: .* is not the name or the id of a stream"):
        stream_or_function(lambda _: stream)("element")


@given(st.from_regex(STREAM_NAME, fullmatch=True))
@settings(deadline=None)
def test_a_stream_is_a_name_or_the_result_of_a_function(name):
    assert [stream_or_function(name), stream_or_function(lambda element: element)(name)] == [name, name]


def test_an_element_encoder_can_be_pickled():
    routed = element_encoder(data_of_field, partition_key="carrier", partition_id="number")
    assert pickle.loads(pickle.dumps(routed))(Flight("AA", 1)) == routed(Flight("AA", 1))


data_of_field = FieldValue("carrier")


@pytest.mark.parametrize(
    "time",
    [
        Timestamp(1357034400.25),
        datetime(2013, 1, 1, 10, 0, 0, 250_999, timezone.utc),
        1357034400.25,
        "2013-01-01T10:00:00.25Z",
    ],
)
def test_a_timestamp_is_sent_in_milliseconds(time):
    assert element_encoder(data, timestamp=lambda _: time)(None).timestamp == 1357034400250


@pytest.mark.parametrize("info", [b"", b"avro", bytearray(16), None])
def test_client_information_is_sent_as_bytes(info):
    assert element_encoder(data, client_info=lambda _: info)(None).client_info == (
        None if info is None else bytes(info)
    )


@pytest.mark.parametrize(
    ("info", "reason"),
    [("avro", "'avro' is not bytes"), (bytes(17), "17 bytes are more than 16"), (7, "7 is not bytes")],
)
def test_wrong_client_information_is_refused_before_it_is_sent(info, reason):
    with pytest.raises(EncodeError, match=f"wrong result of client_info: {reason}"):
        element_encoder(data, client_info=lambda _: info)(None)


def test_no_timestamp_is_sent_without_one():
    assert element_encoder(data)(None).timestamp is None
    assert element_encoder(data, timestamp=lambda _: None)(None).timestamp is None


@pytest.mark.parametrize("time", [-1, datetime(2013, 1, 1), True, float("nan"), "yesterday", 10**12])  # noqa: DTZ001 - no zone
def test_a_wrong_timestamp_is_refused_before_it_is_sent(time):
    with pytest.raises(EncodeError, match="wrong result of timestamp"):
        element_encoder(data, timestamp=lambda _: time)(None)
