"""The options of coders about framings, compression and several rows: they pickle, and errors name what a record seems to be."""

from __future__ import annotations

import json
import pickle

import pytest
from apache_beam.internal import pickler

from beam_dis.coders import AvroCoder, CSVCoder, JSONCoder
from beam_dis.errors import ConfigurationError, DecodeError

SCHEMA = json.dumps({"type": "record", "name": "R", "fields": [{"name": "b", "type": "string"}]})
ROW = {"b": "text"}


def schema_of(number):
    return {7: SCHEMA}[number]


CODERS = [
    AvroCoder(SCHEMA, framing="single-object", schemas=[SCHEMA]),
    AvroCoder(SCHEMA, framing="confluent", schemas=schema_of, schema_id=7),
    AvroCoder(SCHEMA, framing="confluent", schemas={7: SCHEMA}, schema_id=7, compression="gzip"),
    AvroCoder(SCHEMA, framing="container", compression="zip"),
    JSONCoder(SCHEMA, records="lines", compression="snappy"),
    JSONCoder(SCHEMA, records="array"),
    CSVCoder(SCHEMA, records="lines"),
    CSVCoder(SCHEMA, records="header", delimiter="||", compression="gzip"),
]


@pytest.mark.parametrize("coder", CODERS, ids=str)
def test_a_coder_is_the_same_in_another_process(coder):
    for copy in (pickle.loads(pickle.dumps(coder)), pickler.loads(pickler.dumps(coder))):
        found = copy.decode(coder.encode(ROW))
        assert (found[0] if isinstance(found, list) else found) == coder.row_type("text")
        assert copy.encode(ROW) == coder.encode(ROW)
    assert pickle.loads(pickle.dumps(coder)) == coder


def test_a_list_of_schemas_may_be_any_iterable():
    coder = AvroCoder(SCHEMA, framing="single-object", schemas=(schema for schema in [SCHEMA]))
    assert pickle.loads(pickle.dumps(coder)) == coder


@pytest.mark.parametrize(
    ("written", "named"),
    [
        (AvroCoder(SCHEMA, framing="single-object"), "Avro's single-object encoding.*framing='single-object'"),
        (AvroCoder(SCHEMA, framing="confluent", schema_id=7), "Confluent's encoding.*framing='confluent'"),
        (AvroCoder(SCHEMA, framing="container"), "an Avro container file.*framing='container'"),
        (AvroCoder(SCHEMA, compression="gzip"), "gzip, .*compression='gzip'"),
        (AvroCoder(SCHEMA, compression="zip"), "a zip archive, .*compression='zip'"),
    ],
)
@pytest.mark.parametrize(
    "coder",
    [AvroCoder(SCHEMA), JSONCoder(SCHEMA), JSONCoder(SCHEMA, records="array"), AvroCoder(SCHEMA, compression="snappy")],
)
def test_what_a_record_seems_to_be_is_in_the_error(written, named, coder):
    with pytest.raises(DecodeError, match=rf"\(it begins like {named} reads\)"):
        coder.decode(written.encode(ROW))


@pytest.mark.parametrize("coder", [AvroCoder(SCHEMA, framing="container"), JSONCoder(SCHEMA, compression="gzip")])
def test_the_error_of_a_damaged_record_names_no_option_that_is_given(coder):
    with pytest.raises(DecodeError, match=r"[^)]$"):
        coder.decode(coder.encode(ROW)[:-3])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AvroCoder(SCHEMA, framing="single_object"), r"framing='single_object' is none of .*did you mean"),
        (lambda: AvroCoder(SCHEMA, framing=None), "framing=None is none of"),
        (lambda: AvroCoder(SCHEMA, framing=["none"]), "framing=.* is none of"),
        (lambda: AvroCoder(SCHEMA, schemas=[SCHEMA]), "schemas= is for framing="),
        (lambda: AvroCoder(SCHEMA, schema_id=1), "schema_id=1 is for framing='confluent'"),
        (lambda: AvroCoder(SCHEMA, framing="confluent"), "needs schemas="),
        (lambda: JSONCoder(SCHEMA, records="header"), "records='header' is none of 'one', 'lines', 'array'"),
        (lambda: CSVCoder(SCHEMA, records="array"), "records='array' is none of 'one', 'lines', 'header'"),
        (lambda: JSONCoder(SCHEMA, compression="gz"), "compression='gz' is none of"),
    ],
)
def test_a_wrong_option_is_refused_by_name(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()
