"""Rows keep their type while the stream's schema changes."""

import logging
import pickle

import pytest

from beam_dis import AvroCoder, CSVCoder
from beam_dis.coders.evolving import EvolvingRows
from beam_dis.coders.resolve import decoder_for
from beam_dis.errors import ConfigurationError, DecodeError
from beam_dis.record import DISRecord
from beam_dis.stream_service import StreamListing, WriteLimits


def order(*fields):
    return {"type": "record", "name": "Order", "fields": [{"name": "id", "type": "int"}, *fields]}


NOTE = {"name": "note", "type": ["null", "string"], "default": None}
SIZE = {"name": "size", "type": "double", "default": 1.5}
FIRST, SECOND, THIRD = order(), order(NOTE), order(SIZE, NOTE)
REQUIRED = order({"name": "paid", "type": "boolean"})


class Schemas:
    """The stream's schemas, and how often they were asked for."""

    def __init__(self, coder, *schemas):
        self.known = tuple(coder(schema).schema.text for schema in schemas)
        self.asked = 0

    def __call__(self):
        self.asked += 1
        return self.known


@pytest.mark.parametrize("coder", [AvroCoder, CSVCoder])
def test_records_of_a_newer_schema_become_rows_of_the_first_one(coder):
    schemas = Schemas(coder, THIRD, SECOND)
    rows = EvolvingRows(coder(SECOND), schemas)
    assert rows.decode(coder(SECOND).encode({"id": 1, "note": "a"})) == (1, "a")
    assert schemas.asked == 0
    row = rows.decode(coder(THIRD).encode({"id": 2, "size": 0.5, "note": "b"}))
    assert (row, type(row), schemas.asked) == ((2, "b"), coder(SECOND).row_type, 1)
    rows.decode(coder(THIRD).encode({"id": 2, "size": 0.5, "note": "b"}))
    rows.decode(coder(SECOND).encode({"id": 1, "note": "a"}))
    assert schemas.asked == 1
    assert pickle.loads(pickle.dumps(rows)).decode(coder(SECOND).encode({"id": 1, "note": None})) == (1, None)


@pytest.mark.parametrize("coder", [AvroCoder, CSVCoder])
def test_a_record_that_no_schema_reads_does_not_decode(coder):
    schemas = Schemas(coder, SECOND)
    rows = EvolvingRows(coder(SECOND), schemas)
    for _ in range(2):
        with pytest.raises(DecodeError):
            rows.decode(b"\xff")
    assert schemas.asked == 2


def test_a_schema_that_can_not_be_resolved_is_logged_once_and_the_others_count(caplog):
    schemas = Schemas(AvroCoder, SECOND, FIRST)
    rows = EvolvingRows(AvroCoder(REQUIRED), schemas)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            with pytest.raises(DecodeError):
                rows.decode(AvroCoder(SECOND).encode({"id": 1, "note": "a"}))
            schemas.known = (*schemas.known, AvroCoder(order(SIZE)).schema.text)
    assert len([record for record in caplog.records if "'paid'" in record.getMessage()]) == 3
    assert rows.decode(AvroCoder(REQUIRED).encode({"id": 1, "paid": True})) == (1, True)


@pytest.mark.parametrize("data_type", ["BLOB", "CSV"])
@pytest.mark.parametrize("metadata", [(), ("partition_key",)])
def test_rows_of_a_stream_are_read_by_its_schemas(data_type, metadata):
    coder = AvroCoder if data_type == "BLOB" else CSVCoder
    schemas = Schemas(coder, THIRD)
    listing = StreamListing("s", "id", data_type, coder(FIRST).schema.text, ",", (), WriteLimits(1, 1, 1), 0)
    decode, hint = decoder_for("rows", lambda: listing, metadata, schemas)
    data = coder(THIRD).encode({"id": 7, "note": "n"})
    record = DISRecord("s", "shardId-0000000000", 0, "k", data, 0)
    assert decode(record) == (7, "k")[: 1 + len(metadata)]
    assert type(decode(record)) is hint.user_type
    with pytest.raises(DecodeError, match="stream 's', partition"):
        decode(record._replace(data=b"\xff"))


@pytest.mark.parametrize("coder", [AvroCoder, CSVCoder])
def test_writers_schemas_of_a_coder_are_settings(coder):
    both = coder(FIRST, writer_schemas=[THIRD])
    again = pickle.loads(pickle.dumps(both))
    assert again == both
    assert hash(again) == hash(both)
    assert both != coder(FIRST)
    assert again.decode(coder(THIRD).encode({"id": 7, "note": "n"})) == (7,)
    for wrong in (THIRD, "x", 5):
        with pytest.raises(ConfigurationError, match="writer_schemas="):
            coder(FIRST, writer_schemas=wrong)
    with pytest.raises(ConfigurationError, match="not an Avro schema"):
        coder(FIRST, writer_schemas=["x"])


@pytest.mark.parametrize(
    ("line", "row"),
    [(b"1,2,n", (1, 2.0, "n")), (b"1,2", (1, 2.0, None)), (b"1", (1, 1.5, None)), (b'"1"', (1, 1.5, None))],
)
def test_columns_that_are_missing_at_the_end_have_their_defaults(line, row):
    assert CSVCoder(THIRD).decode(line) == row


def test_a_missing_column_without_a_default_and_one_too_many_do_not_decode():
    for data in (b"1", b"1,true,x"):
        with pytest.raises(DecodeError, match="columns, but the schema has 2 fields"):
            CSVCoder(REQUIRED).decode(data)
    with pytest.raises(DecodeError) as failure:
        CSVCoder(THIRD).decode(b"x")
    assert failure.value.field == "id"


def test_columns_of_another_writer_are_found_by_name_and_alias():
    writer = order({"name": "weight", "type": "double"}, {"name": "extra", "type": "int"}, NOTE)
    reader = order(NOTE, {**SIZE, "aliases": ["weight"]})
    assert CSVCoder(reader, writer_schemas=[writer]).decode(b"1,0.5,3,n") == (1, "n", 0.5)
