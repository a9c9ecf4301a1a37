import json

import apache_beam as beam
import pytest
from apache_beam.internal import pickler

from beam_dis.coders import AvroCoder, CSVCoder, JSONCoder
from beam_dis.coders.resolve import decoder_for, encoder_for
from beam_dis.errors import ConfigurationError, DecodeError, EncodeError
from beam_dis.formats.compression import compression_of
from beam_dis.record import DISRecord
from beam_dis.stream_service import StreamListing, WriteLimits

SCHEMA = json.dumps(
    {"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}, {"name": "b", "type": "string"}]}
)
RECORD = DISRecord("flights", "shardId-0000000002", 17, "UA", b"1;x", 0)
PLACE = "stream 'flights', partition shardId-0000000002, sequence number 17: "


def stream(data_type, schema=SCHEMA):
    return StreamListing("flights", "id", data_type, schema, ";", (), WriteLimits(1, 1, 1), 0)


def undescribed():
    raise AssertionError("described without need")


def parsed(record) -> int:
    return int(record.data)


def unannotated(record):
    return len(record.data)


def test_record_and_bytes_are_the_record_and_its_data():
    for decode, element, type_ in (("record", RECORD, DISRecord), ("bytes", b"1;x", bytes)):
        function, hint = decoder_for(decode, undescribed)
        assert (function(RECORD), hint) == (element, type_)


@pytest.mark.parametrize(
    ("data_type", "coder"),
    [("BLOB", AvroCoder(SCHEMA)), ("JSON", JSONCoder(SCHEMA)), ("CSV", CSVCoder(SCHEMA, delimiter=";"))],
)
def test_rows_are_read_and_written_by_the_streams_description(data_type, coder):
    row = coder.row_type(1, "x")
    decode, hint = decoder_for("rows", lambda: stream(data_type))
    encode, _ = encoder_for("rows", lambda: stream(data_type))
    assert (decode(RECORD._replace(data=coder.encode(row))), hint) == (row, coder.to_type_hint())
    assert encode(row) == coder.encode(row)


@pytest.mark.parametrize("data_type", ["BLOB", "JSON", "CSV"])
@pytest.mark.parametrize("name", ["", "a\x00", 5])
def test_a_field_without_a_usable_name_is_refused_with_the_streams_name(data_type, name):
    schema = json.dumps({"type": "record", "name": "R", "fields": [{"name": name, "type": "int"}]})
    for resolve in (decoder_for, encoder_for):
        with pytest.raises(ConfigurationError, match=r"'rows' of stream 'flights': .*field"):
            resolve("rows", lambda: stream(data_type, schema))


@pytest.mark.parametrize("compression", ["gzip", "snappy", "zip"])
@pytest.mark.parametrize(
    ("data_type", "coder"),
    [("BLOB", AvroCoder(SCHEMA)), ("JSON", JSONCoder(SCHEMA)), ("CSV", CSVCoder(SCHEMA, delimiter=";"))],
)
def test_rows_of_a_stream_with_a_compression_format_are_compressed(data_type, coder, compression):
    listing = stream(data_type)._replace(compression=compression)
    row = coder.row_type(1, "x")
    decode, _ = decoder_for("rows", lambda: listing)
    encode, _ = encoder_for("rows", lambda: listing)
    assert encode(row) == compression_of(compression).compress(coder.encode(row))
    assert decode(RECORD._replace(data=encode(row))) == row
    with pytest.raises(DecodeError, match=PLACE):
        decode(RECORD._replace(data=coder.encode(row)))


def test_a_compression_format_that_is_not_known_is_refused_with_the_streams_name():
    with pytest.raises(ConfigurationError, match="stream 'flights': compression='lz9' is none of 'gzip'"):
        decoder_for("rows", lambda: stream("CSV")._replace(compression="lz9"))


def test_metadata_is_added_to_each_row_of_a_record():
    decode, _ = decoder_for(JSONCoder(SCHEMA, records="array"), undescribed, ("sequence_number",))
    rows = decode(RECORD._replace(data=b'[{"a":1,"b":"x"},{"a":2,"b":"y"}]'))
    assert [tuple(row) for row in rows] == [(1, "x", 17), (2, "y", 17)]


def test_rows_describes_the_stream_once_when_the_pipeline_is_built():
    calls = []
    function, _ = decoder_for("rows", lambda: calls.append(1) or stream("CSV"))
    function(RECORD)
    assert calls == [1]


@pytest.mark.parametrize("choose", [decoder_for, encoder_for])
@pytest.mark.parametrize(
    ("description", "message"),
    [
        (stream("BLOB", None), "'rows' of stream 'flights': a stream of data_type BLOB without a data_schema"),
        (stream("JSON", ""), "'rows' of stream 'flights': a stream of data_type JSON without a data_schema"),
        (stream("CSV", "{"), "'rows' of stream 'flights': data_schema '{' is not an Avro schema"),
    ],
)
def test_a_stream_without_a_usable_schema_is_refused_with_its_name(choose, description, message):
    with pytest.raises(ConfigurationError, match=message):
        choose("rows", lambda: description)


def test_a_beam_coder_works_on_the_bytes():
    decode, hint = decoder_for(beam.coders.StrUtf8Coder(), undescribed)
    encode, _ = encoder_for(beam.coders.StrUtf8Coder(), undescribed)
    assert (decode(RECORD), hint, encode("1;x")) == ("1;x", str, b"1;x")


@pytest.mark.parametrize(
    ("function", "element", "hint"),
    [(parsed, 5, int), (unannotated, 1, int)],
)
def test_the_type_of_a_function_is_annotated_or_inferred(function, element, hint):
    decode, type_ = decoder_for(function, undescribed)
    assert (decode(RECORD._replace(data=b"5")), type_) == (element, hint)


@pytest.mark.parametrize("choose", [decoder_for, encoder_for])
@pytest.mark.parametrize("wrong", ["avro", None, 5, b"bytes", AvroCoder])
def test_any_other_value_is_refused_and_shown(choose, wrong):
    with pytest.raises(
        ConfigurationError, match=r"code=.*(avro|None|5|bytes|AvroCoder).* is neither 'record', 'bytes' nor"
    ):
        choose(wrong, undescribed)


@pytest.mark.parametrize(
    ("decode", "message"),
    [
        (CSVCoder(SCHEMA), "1 columns, but the schema has 2 fields"),
        (CSVCoder(SCHEMA.replace('"string"', '"int"'), delimiter=";"), "field 'b': 'x' can't be read as int"),
        (beam.coders.PickleCoder(), "UnpicklingError of .*PickleCoder"),
        (parsed, "ValueError of <function parsed.*: invalid literal for int"),
    ],
)
def test_every_failure_of_a_record_names_its_position(decode, message):
    function, _ = decoder_for(decode, undescribed)
    with pytest.raises(DecodeError, match=f"^{PLACE}.*({message})"):
        function(RECORD)


@pytest.mark.parametrize(
    ("encode", "element", "message"),
    [
        ("bytes", "text", "'text' is of type str, not bytes"),
        ("record", b"data", "b'data' is of type bytes, not a DISRecord"),
        (JSONCoder(SCHEMA), {"a": 1}, "missing required field `b`"),
        (beam.coders.StrUtf8Coder(), 5, "AttributeError of .* on 5"),
        (lambda _: "text", 5, "'text' is of type str, not bytes"),
        (lambda element: element / 0, 5, "ZeroDivisionError of .* on 5: division by zero"),
    ],
)
def test_every_failure_of_an_element_is_an_encode_error(encode, element, message):
    function, _ = encoder_for(encode, undescribed)
    with pytest.raises(EncodeError, match=message):
        function(element)


@pytest.mark.parametrize(
    ("encode", "element"),
    [("bytes", b"1;x"), ("bytes", bytearray(b"1;x")), ("record", RECORD), (lambda element: element.data, RECORD)],
)
def test_the_result_of_encoding_is_bytes(encode, element):
    function, _ = encoder_for(encode, undescribed)
    assert function(element) == b"1;x"
    assert type(function(element)) is bytes


@pytest.mark.parametrize("way", ["record", "bytes", "rows", parsed, beam.coders.BytesCoder()])
def test_decoders_and_encoders_can_be_pickled(way):
    for choose in (decoder_for, encoder_for):
        function, _ = choose(way, lambda: stream("CSV"))
        assert type(pickler.loads(pickler.dumps(function))) is type(function)
