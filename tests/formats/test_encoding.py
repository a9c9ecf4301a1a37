from enum import Enum

import numpy as np
import pytest

from beam_dis.errors import EncodeError
from beam_dis.formats import AvroFormat, CSVFormat, JSONFormat

SCHEMA = {
    "type": "record",
    "name": "R",
    "fields": [
        {"name": "n", "type": "long"},
        {"name": "x", "type": ["null", "double"]},
        {"name": "ok", "type": "boolean"},
        {"name": "s", "type": "string"},
        {"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}},
    ],
}
FORMATS = [AvroFormat(SCHEMA), CSVFormat(SCHEMA), JSONFormat(SCHEMA)]


class Letter(str, Enum):
    A = "A"


class Text(str):
    """A subclass of str."""

    __slots__ = ()


@pytest.mark.parametrize("format_", FORMATS)
def test_numpy_scalars_and_enum_members_are_written_as_their_values(format_):
    numpys = {"n": np.int64(3), "x": np.float64(2.5), "ok": np.bool_(True), "s": np.str_("t"), "e": Letter.A}
    assert format_.decode(format_.encode(numpys)) == {"n": 3, "x": 2.5, "ok": True, "s": "t", "e": "A"}


@pytest.mark.parametrize("format_", [AvroFormat(SCHEMA), JSONFormat(SCHEMA)])
def test_an_unknown_type_is_an_encode_error_that_shows_the_value(format_):
    with pytest.raises(EncodeError, match=r"\{'n': 1, .*can't be written: .*Text"):
        format_.encode({"n": 1, "x": None, "ok": True, "s": Text("t"), "e": "A"})


@pytest.mark.parametrize("value", [None, [], "text", 5, object()])
@pytest.mark.parametrize("format_", FORMATS)
def test_a_value_that_is_not_a_mapping_is_an_encode_error(format_, value):
    with pytest.raises(EncodeError, match="Expected `object`"):
        format_.encode(value)


def test_an_array_that_contains_itself_is_an_encode_error():
    endless = []
    endless.append(endless)
    schema = {**SCHEMA, "fields": [{"name": "a", "type": {"type": "array", "items": "int"}}]}
    with pytest.raises(EncodeError, match=r"can't be written: .*recursion"):
        JSONFormat(schema).encode({"a": endless})
