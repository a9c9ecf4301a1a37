"""On a worker: a process that has never seen the schema."""

import base64
import pickle
import subprocess
import sys

import pytest
from apache_beam.internal import pickler

from beam_dis.coders import AvroCoder
from beam_dis.coders.resolve import decoder_for
from beam_dis.record import DISRecord

pytestmark = pytest.mark.integration

SCHEMA = {
    "type": "record",
    "name": "Outer",
    "fields": [
        {
            "name": "inner",
            "type": {"type": "record", "name": "Inner", "fields": [{"name": "x", "type": "int", "default": 1}]},
        },
        {"name": "at", "type": ["null", {"type": "long", "logicalType": "timestamp-micros"}]},
    ],
}

WORKER = """
import base64, pickle, sys
from apache_beam.internal import pickler
load = {"pickle": pickle.loads, "beam": pickler.loads}[sys.argv[1]]
value = load(base64.b64decode(sys.stdin.read()))
print(EXPRESSION)
"""


def on_a_worker(expression, value, how):
    """The output of an expression of ``value`` in another process, which unpickles ``value``."""
    dumped = {"pickle": pickle.dumps, "beam": pickler.dumps}[how](value)
    code = WORKER.replace("EXPRESSION", expression)
    text = base64.b64encode(dumped).decode()
    return subprocess.run(
        [sys.executable, "-c", code, how], input=text, capture_output=True, check=True, text=True, timeout=60
    ).stdout.strip()


@pytest.mark.parametrize("how", ["pickle", "beam"])
def test_rows_unpickle_in_a_process_that_never_saw_the_schema(how):
    coder = AvroCoder(SCHEMA)
    row = coder.row_type(coder.row_type.__annotations__["inner"](5), None)
    assert on_a_worker("(value, value.inner.x)", row, how) == "(Outer(inner=Inner(x=5), at=None), 5)"


@pytest.mark.parametrize("how", ["pickle", "beam"])
def test_unpickled_coders_know_their_row_type(how):
    coder = AvroCoder(SCHEMA)
    row = coder.row_type(coder.row_type.__annotations__["inner"](5), None)
    expression = "type(value[1]) is value[0].row_type and value[0].decode(value[0].encode(value[1])) == value[1]"
    assert on_a_worker(expression, (coder, row), how) == "True"


def test_a_decoder_unpickles_and_decodes():
    coder = AvroCoder(SCHEMA)
    decode, _ = decoder_for(coder, lambda: None)
    record = DISRecord("s", "p", 0, None, coder.encode({"inner": {}, "at": None}), 0)
    assert on_a_worker("value[0](value[1]).inner.x", (decode, record), "beam") == "1"


def test_a_worker_that_knows_the_schema_decodes_rows_to_the_same_type():
    import apache_beam as beam

    coder = AvroCoder(SCHEMA)
    row_coder = beam.coders.registry.get_coder(coder.row_type)
    assert on_a_worker("value[1].to_type_hint() is value[0].row_type", (coder, row_coder), "beam") == "True"


def test_a_row_coder_alone_knows_the_row_type_of_a_process_that_has_it():
    coder = AvroCoder(SCHEMA)
    import apache_beam as beam

    row_coder = beam.coders.registry.get_coder(coder.to_type_hint())
    row = coder.decode(coder.encode({"inner": {}, "at": None}))
    expression = "type(value[2].decode(value[1])) is value[0]"
    assert on_a_worker(expression, (coder.row_type, row_coder.encode(row), row_coder), "beam") == "True"


@pytest.mark.parametrize("seed", ["0", "1"])
def test_the_schema_id_is_the_same_in_every_process(seed, monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", seed)
    coder = AvroCoder(SCHEMA)
    expression = "value.row_type._beam_schema_id"
    assert on_a_worker(expression, coder, "beam") == coder.row_type._beam_schema_id
