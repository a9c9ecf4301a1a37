"""Java's Avro and avsc, a library for JavaScript, read what we write and write what we read, for schemas drawn at random."""

import json
import random
import subprocess
from pathlib import Path

import pytest
from avro_forms import form_of, without_logical_types
from avro_schemas import drawn, nested_records, with_values
from schema_changes import versions

from beam_dis.errors import ConfigurationError, DecodeError
from beam_dis.formats import AvroFormat, read_schema
from beam_dis.formats.avro_versions import resolved
from beam_dis.formats.fingerprints import canonical_form
from beam_dis.formats.framing import ContainerFormat, SingleObjectFormat
from beam_dis.formats.value_types import PLAIN

HERE = Path(__file__).parent
SCHEMAS = 500
SEED = 12

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def answers_of(command, cases, folder):
    """What a program answers to each of the cases."""
    file = folder / "cases.json"
    file.write_text(json.dumps(cases), encoding="utf-8")
    done = subprocess.run([*command, file], capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


class Attributes:
    """Gives schemas namespaces, documentation, aliases and orders, which don't change their values."""

    def __init__(self, chance):
        self._chance = chance
        self._spaces = {}

    def given(self, schema, space=""):
        """A schema inside a namespace."""
        if isinstance(schema, list):
            return [self.given(branch, space) for branch in schema]
        if isinstance(schema, str):
            return ".".join(filter(None, [self._spaces.get(schema), schema]))
        found, name, chance = dict(schema), schema.get("name"), self._chance
        if name is not None:
            if chance.random() < 0.3:
                space = found["namespace"] = chance.choice(["com.example", "a.b_c.D", ""])
            self._spaces[name] = space
            more = {"doc": 'a "quote", a \\ and a line\nbreak', "aliases": [f"old_{name}"]}
            found.update({key: value for key, value in more.items() if chance.random() < 0.3})
        for key in {"items", "values"} & schema.keys():
            found[key] = self.given(schema[key], space)
        if "fields" in schema:
            found["fields"] = [
                {**field, "type": self.given(field["type"], space), "order": chance.choice(["ascending", "ignore"])}
                for field in schema["fields"]
            ]
        return dict(chance.sample(list(found.items()), len(found)))


def hexes(format_, values):
    return [format_.encode(value).hex() for value in values]


def forms(schema, format_, encoded):
    """The forms of what a format reads."""
    return [form_of(schema, format_.decode(bytes.fromhex(data))) for data in encoded]


@pytest.fixture(scope="module")
def cases():
    """Schemas with and without attributes, three values of each, and what the formats write of them."""
    found = []
    chance = random.Random(SEED)
    for plain, values in drawn(with_values(nested_records), SCHEMAS, SEED):
        schema = Attributes(chance).given(plain)
        format_ = AvroFormat(schema)
        binary = hexes(format_, values)
        case = {"plain": plain, "schema": schema, "values": forms(schema, format_, binary), "binary": binary}
        case["single"] = hexes(SingleObjectFormat(format_), values)
        case["container"] = hexes(ContainerFormat(format_), values)
        found.append(case)
    return found


@pytest.fixture(scope="module")
def java(java_start, avro_java, tmp_path_factory):
    """A function that asks Java's Avro."""
    program = HERE / "JavaAvro.java"
    command = [*java_start, "-cp", f"{avro_java}/*", program]
    return lambda cases: answers_of(command, cases, tmp_path_factory.mktemp("java"))


@pytest.fixture(scope="module")
def java_answers(java, cases):
    return java(cases)


@pytest.mark.avro_java
def test_java_takes_every_schema(cases, java_answers):
    assert len(java_answers) == SCHEMAS
    assert [case["schema"] for case, answer in zip(cases, java_answers, strict=True) if "error" in answer] == []


@pytest.mark.avro_java
def test_java_reads_what_we_write(cases, java_answers):
    for case, answer in zip(cases, java_answers, strict=True):
        for framing in ("binary", "single", "container"):
            assert answer["read"][framing] == case["values"], (framing, case["schema"])


@pytest.mark.avro_java
def test_we_read_what_java_writes(cases, java_answers):
    """In one block or in many with their sizes, with a fingerprint, and in a file of each codec."""
    for case, answer in zip(cases, java_answers, strict=True):
        schema, written = case["schema"], answer["written"]
        plain = AvroFormat(schema)
        for format_, data in (
            (plain, written["binary"]),
            (plain, written["blocking"]),
            (SingleObjectFormat(plain), written["single"]),
        ):
            assert forms(schema, format_, data) == case["values"], (format_, schema)
        for file in written["container"]:
            rows = ContainerFormat(plain).decode(bytes.fromhex(file))
            assert [form_of(schema, row) for row in rows] == case["values"], schema


@pytest.mark.avro_java
def test_java_has_our_canonical_forms_and_fingerprints(cases, java_answers):
    for case, answer in zip(cases, java_answers, strict=True):
        assert canonical_form(read_schema(case["schema"])) == answer["canonical"]
        assert {data[4:20] for data in case["single"]} == {answer["fingerprint"]}, answer["canonical"]


@pytest.fixture(scope="module")
def pairs():
    """The schemas of a writer and of a later reader, and three records of the writer."""
    found = []
    for writer, reader, values in drawn(versions(), SCHEMAS, SEED):
        found.append({"writer": writer, "reader": reader, "binary": hexes(AvroFormat(writer), values)})
    return found


def read_as_reader(pair):
    """The forms of what we read of a pair's records, and errors; None if its schemas can't be resolved."""
    try:
        format_ = resolved(read_schema(pair["reader"]), PLAIN, read_schema(pair["writer"]))
    except ConfigurationError:
        return None
    return [form_or_error(pair["reader"], format_, bytes.fromhex(data)) for data in pair["binary"]]


def form_or_error(schema, format_, data):
    try:
        return form_of(schema, format_.decode(data))
    except DecodeError as error:
        return error


def is_refused(answer):
    return isinstance(answer, DecodeError) or "error" in answer


@pytest.mark.avro_java
def test_java_reads_the_records_of_other_versions_as_we_do(pairs, java):
    """Both read the same value, or both refuse the record.

    Java finds out at a record whether schemas can be resolved, so it reads those whose lists don't have what can't be read. And it
    takes bytes that aren't UTF-8 for text, with characters that replace them.
    """
    count = 0
    for pair, answer in zip(pairs, java(pairs), strict=True):
        read = read_as_reader(pair)
        if read is None:
            assert answer["compatibility"] == "INCOMPATIBLE", pair
            continue
        for ours, theirs in zip(read, answer["read"], strict=True):
            if not ("utf-8" in str(ours) and "\ufffd" in str(theirs)):
                assert (is_refused(ours) and is_refused(theirs)) or ours == theirs, pair
                count += 1
    assert count > 2 * SCHEMAS


def other_name(kind, **attributes):
    """Versions whose named type has another name in the reader's schema."""
    return [[{"name": "f", "type": {"type": kind, "name": name, **attributes}}] for name in ("Written", "Read")]


@pytest.mark.avro_java
def test_java_refuses_some_records_of_other_versions_that_we_read(java):
    """A nullable field needs no default, and outside of unions a fixed type or an enum may have another name."""
    pairs = []
    for before, after, data in (
        ([], [{"name": "f", "type": ["null", "int"]}], ""),
        (*other_name("fixed", size=1), "61"),
        (*other_name("enum", symbols=["X"]), "00"),
    ):
        writer, reader = ({"type": "record", "name": "R", "fields": fields} for fields in (before, after))
        pairs.append({"writer": writer, "reader": reader, "binary": [data]})
    assert list(map(read_as_reader, pairs)) == [[{"f": [0, None]}], [{"f": "61"}], [{"f": "X"}]]
    assert [is_refused(*answer["read"]) for answer in java(pairs)] == [True] * 3


@pytest.mark.npm
def test_avsc_reads_what_we_write_and_writes_what_we_read(cases, npm, tmp_path):
    """It has no logical types of its own, and doesn't find a name outside of a namespace, so these are left out."""
    asked = []
    for case in cases:
        schema = without_logical_types(case["plain"])
        values = forms(schema, AvroFormat(schema), case["binary"])
        asked.append({"schema": schema, "values": values, "binary": case["binary"]})
    answers = answers_of(["node", HERE / "avsc.js", npm], asked, tmp_path)
    assert len(answers) == SCHEMAS
    for case, answer in zip(asked, answers, strict=True):
        assert "error" not in answer, (answer, case["schema"])
        assert answer["read"] == case["values"], case["schema"]
        assert forms(case["schema"], AvroFormat(case["schema"]), answer["written"]) == case["values"], case["schema"]
