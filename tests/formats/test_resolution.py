"""Records that were written with one schema are read as values of another one, as fastavro does."""

import io
import itertools
import json
from datetime import datetime, timezone
from decimal import Decimal

import fastavro
import pytest

from beam_dis.errors import ConfigurationError, DecodeError
from beam_dis.formats import AvroFormat, JSONFormat, read_schema
from beam_dis.formats.avro_versions import AvroVersions, resolved
from beam_dis.formats.framing import reader_of
from beam_dis.formats.value_types import PLAIN


def record(*fields, **attributes):
    return {"type": "record", "name": "R", "fields": list(fields), **attributes}


def field(name, type_, **attributes):
    return {"name": name, "type": type_, **attributes}


def enum(*symbols, **attributes):
    return {"type": "enum", "name": "E", "symbols": list(symbols), **attributes}


MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
INNER = {"type": "record", "name": "Inner", "fields": [field("x", "int")]}
WIDER = {"type": "record", "name": "Inner", "fields": [field("y", "string", default="d"), field("x", "long")]}
OTHER = {"type": "record", "name": "Other", "fields": [field("x", "int")]}
DECIMAL = {"type": "bytes", "logicalType": "decimal", "precision": 4, "scale": 2}

CASES = {
    "added": ([field("a", "int")], [field("b", "string", default="x"), field("a", "int")], {"a": 5}),
    "added list": ([], [field("b", {"type": "array", "items": "int"}, default=[1])], {}),
    "removed": (
        [field("a", "int"), field("b", {"type": "map", "values": INNER})],
        [field("a", "int")],
        {"a": 5, "b": {}},
    ),
    "moved": ([field("a", "int"), field("b", "string")], [field("b", "string"), field("a", "int")], {"a": 1, "b": "x"}),
    "renamed": ([field("old", "int")], [field("new", "int", aliases=["older", "old"])], {"old": 5}),
    "int to long": ([field("a", "int")], [field("a", "long")], {"a": 5}),
    "long to double": ([field("a", "long")], [field("a", "double")], {"a": 5}),
    "float to double": ([field("a", "float")], [field("a", "double")], {"a": 0.5}),
    "string to bytes": ([field("a", "string")], [field("a", "bytes")], {"a": "é"}),
    "bytes to string": ([field("a", "bytes")], [field("a", "string")], {"a": "é".encode()}),
    "int to nullable long": ([field("a", "int")], [field("a", ["null", "long"])], {"a": 5}),
    "nullable to plain": ([field("a", ["null", "int"])], [field("a", "long")], {"a": 5}),
    "other order of null": ([field("a", ["null", "int"])], [field("a", ["int", "null"])], {"a": None}),
    "unknown symbol": ([field("a", enum("X", "Y"))], [field("a", enum("Y", "Z", default="Z"))], {"a": "X"}),
    "known symbol": ([field("a", enum("X", "Y"))], [field("a", enum("Y", "X"))], {"a": "X"}),
    "nested": ([field("a", INNER)], [field("a", WIDER)], {"a": {"x": 5}}),
    "in an array": (
        [field("a", {"type": "array", "items": INNER})],
        [field("a", {"type": "array", "items": WIDER})],
        {"a": [{"x": 5}, {"x": 6}]},
    ),
    "in a map": (
        [field("a", {"type": "map", "values": "int"})],
        [field("a", {"type": "map", "values": "double"})],
        {"a": {"k": 5}},
    ),
    "decimal": ([field("a", DECIMAL)], [field("b", "int", default=1), field("a", DECIMAL)], {"a": "5.25"}),
}


def prepared(value):
    """Decimals, which the cases have as text."""
    return {name: Decimal(item) if item == "5.25" else item for name, item in value.items()}


def written(schema, value):
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(schema), value)
    return buffer.getvalue()


@pytest.mark.parametrize("case", CASES)
def test_values_are_resolved_as_fastavro_resolves_them(case):
    before, after, value = CASES[case]
    writer, reader = record(*before), record(*after)
    data = written(writer, prepared(value))
    expected = fastavro.schemaless_reader(
        io.BytesIO(data), fastavro.parse_schema(writer), fastavro.parse_schema(reader)
    )
    assert resolved(read_schema(reader), PLAIN, read_schema(writer)).decode(data) == expected


@pytest.mark.parametrize(
    ("before", "after", "value", "expected"),
    [
        ([], [field("a", MILLIS, default=5)], {}, datetime(1970, 1, 1, 0, 0, 0, 5000, tzinfo=timezone.utc)),
        (
            [field("a", "long")],
            [field("a", MILLIS)],
            {"a": 5},
            datetime(1970, 1, 1, 0, 0, 0, 5000, tzinfo=timezone.utc),
        ),
        ([field("a", MILLIS)], [field("a", "long")], {"a": 5}, 5),
        ([field("a", "int")], [field("a", "float")], {"a": 2**24 + 1}, float(2**24)),
    ],
)
def test_times_are_resolved_as_their_numbers_and_floats_have_32_bits(before, after, value, expected):
    writer, reader = record(*before), record(*after)
    format_ = resolved(read_schema(reader), PLAIN, read_schema(writer))
    assert format_.decode(written(writer, value)) == {"a": expected}


def fixed(size, **attributes):
    return {"type": "fixed", "name": "F", "size": size, **attributes}


UUID_BYTES, UUID_TEXT = bytes(range(16)), "00010203-0405-0607-0809-0a0b0c0d0e0f"
LONG_DECIMAL = {"logicalType": "decimal", "precision": 9, "scale": 2}
DURATION_BYTES = b"\1\0\0\0\2\0\0\0\3\0\0\0"


@pytest.mark.parametrize(
    ("before", "after", "data", "value"),
    [
        (DECIMAL, "bytes", b"\4\2\1", b"\2\1"),
        ("bytes", DECIMAL, b"\4\2\1", Decimal("5.13")),
        ("string", DECIMAL, b"\4\2\1", Decimal("5.13")),
        (DECIMAL, "string", b"\4AB", "AB"),
        (DECIMAL, {"type": "bytes", **LONG_DECIMAL}, b"\4\2\1", Decimal("5.13")),
        (fixed(2, logicalType="decimal", precision=4, scale=2), fixed(2), b"\2\1", b"\2\1"),
        (fixed(2), fixed(2, logicalType="decimal", precision=4, scale=1), b"\2\1", Decimal("51.3")),
        (fixed(16, logicalType="uuid"), fixed(16), UUID_BYTES, UUID_BYTES),
        (fixed(16), fixed(16, logicalType="uuid"), UUID_BYTES, UUID_TEXT),
        (fixed(12, logicalType="duration"), fixed(12), DURATION_BYTES, DURATION_BYTES),
        (fixed(12), fixed(12, logicalType="duration"), DURATION_BYTES, {"months": 1, "days": 2, "millis": 3}),
    ],
)
@pytest.mark.parametrize("in_union", [False, True])
def test_a_logical_type_that_one_schema_has_is_its_plain_type(before, after, data, value, in_union):
    reader = record(field("a", [OTHER, after] if in_union else after))
    read = resolved(read_schema(reader), PLAIN, read_schema(record(field("a", before)))).decode(data)["a"]
    assert (list(read.values()) if in_union else read) == ([None, value] if in_union else value)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (DECIMAL, {**DECIMAL, "scale": 1}),
        (DECIMAL, {**DECIMAL, "precision": 3}),
        (DECIMAL, fixed(2, logicalType="decimal", precision=4, scale=2)),
        ("int", DECIMAL),
        (fixed(12, logicalType="duration"), fixed(16, logicalType="uuid")),
    ],
)
def test_types_of_other_bytes_and_decimals_of_another_scale_are_refused(before, after):
    with pytest.raises(ConfigurationError, match=r"field 'a': .* can't be read as"):
        resolved(read_schema(record(field("a", after))), PLAIN, read_schema(record(field("a", before))))


def named(name, **attributes):
    return {"type": "record", "name": name, "fields": [field("x", "int")], **attributes}


SMALL, OTHER_SMALL = fixed(1), {**fixed(1), "name": "G"}


@pytest.mark.parametrize(
    ("before", "after", "data", "value"),
    [
        ([named("A"), named("B")], named("A"), b"\0\x0a", {"x": 5}),
        ([named("A"), named("B")], named("C", aliases=["A"]), b"\0\x0a", {"x": 5}),
        ([named("A"), named("B")], ["null", named("A")], b"\0\x0a", {"x": 5}),
        ([named("A"), named("B")], [named("A"), "long"], b"\0\x0a", {"A": {"x": 5}, "long": None}),
        ([enum("X"), enum("X", name="Other")], enum("X"), b"\0\0", "X"),
        ([SMALL, OTHER_SMALL], [SMALL, "null", "int"], b"\0\7", {"F": b"\7", "int": None}),
    ],
)
def test_of_a_writers_union_the_branch_of_the_readers_name_is_read_and_no_other(before, after, data, value):
    """The second branch has bytes that the reader's type could take."""
    format_ = resolved(read_schema(record(field("a", after))), PLAIN, read_schema(record(field("a", before))))
    assert format_.decode(data) == {"a": value}
    with pytest.raises(DecodeError, match="can't be read as"):
        format_.decode(b"\2" + data[1:])


def test_a_readers_branch_of_the_same_name_is_meant_though_it_can_not_be_read():
    """Each branch that could take any record would lose its fields without an error."""
    after = [{**named("Empty"), "fields": []}, {**named("A"), "fields": [field("y", "int")]}]
    with pytest.raises(ConfigurationError, match=r"field 'a\.y': it isn't in the writer's schema"):
        resolved(read_schema(record(field("a", after))), PLAIN, read_schema(record(field("a", named("A")))))


def test_a_branch_of_a_name_that_no_other_has_is_read_by_its_fields():
    before, after = [named("Old"), "string"], [named("New"), "string"]
    format_ = resolved(read_schema(record(field("a", after))), PLAIN, read_schema(record(field("a", before))))
    assert format_.decode(b"\0\x0a") == {"a": {"New": {"x": 5}, "string": None}}


def test_unions_are_resolved_branch_by_branch():
    writer = record(field("a", ["null", "int", "string", OTHER]))
    reader = record(field("a", [INNER, "null", "string", "double", OTHER]))
    format_ = resolved(read_schema(reader), PLAIN, read_schema(writer))
    for given, read in (
        (None, None),
        (5, {"Inner": None, "string": None, "double": 5.0, "Other": None}),
        ("s", {"Inner": None, "string": "s", "double": None, "Other": None}),
        ({"x": 5}, {"Inner": None, "string": None, "double": None, "Other": {"x": 5}}),
    ):
        assert format_.decode(written(writer, {"a": given})) == {"a": read}


def test_what_can_not_be_resolved_fails_at_the_record_only_in_unions_and_enums():
    union, plain = read_schema(record(field("a", ["null", "int", "string"]))), read_schema(record(field("a", "int")))
    format_ = resolved(plain, PLAIN, union)
    assert format_.decode(written(json.loads(union.text), {"a": 5})) == {"a": 5}
    for value in None, "s":
        with pytest.raises(DecodeError, match="can't be read as 'int'") as failure:
            format_.decode(written(json.loads(union.text), {"a": value}))
        assert failure.value.field == "a"
    symbols = record(field("a", enum("X", "Y")))
    with pytest.raises(DecodeError, match="has no symbol 'X' and no default"):
        resolved(read_schema(record(field("a", enum("Y")))), PLAIN, read_schema(symbols)).decode(
            written(symbols, {"a": "X"})
        )


@pytest.mark.parametrize(
    ("writer", "reader", "message"),
    [
        ([], [field("a", "int")], "field 'a': it isn't in the writer's schema, and has no default"),
        ([field("a", "long")], [field("a", "int")], "field 'a': 'long' of the writer's schema can't be read as 'int'"),
        ([field("a", INNER)], [field("a", {**INNER, "fields": [field("x", "string")]})], "field 'a.x': 'int'"),
        ([field("a", "int")], [field("a", INNER)], "field 'a': 'int'"),
    ],
)
def test_schemas_that_can_not_be_resolved_are_refused_with_the_field(writer, reader, message):
    with pytest.raises(ConfigurationError, match=message):
        resolved(read_schema(record(*reader)), PLAIN, read_schema(record(*writer)))


@pytest.mark.parametrize("value", [None, 5])
def test_schemas_that_differ_in_the_order_of_null_write_other_bytes(value):
    last, first = (record(field("a", union)) for union in (["int", "null"], ["null", "int"]))
    assert versions(first, [last], []).decode(written(last, {"a": value})) == {"a": value}
    data = written(last, {"a": value})
    assert reader_of(read_schema(last), AvroFormat(first))(data, 0, len(data))[0] == {"a": value}


def test_nested_unions_that_can_not_be_resolved_are_refused_at_once():
    """Each of 20 levels has a union of two records, and only the innermost ones can't be resolved: trying all is 2**20 tries."""

    def nested(innermost):
        fields = [field("x", innermost)]
        for level in range(20):
            names = [f"R{level}", f"S{level}"]
            branches = [{"type": "record", "name": names[0], "fields": fields}]
            branches.append({"type": "record", "name": names[1], "fields": _by_name(fields)})
            fields = [field("x", branches)]
        return record(*fields)

    with pytest.raises(ConfigurationError, match="field 'x"):
        resolved(read_schema(nested("int")), PLAIN, read_schema(nested("string")))


def _by_name(fields):
    """The same fields with the names of the types that are defined already."""
    return [
        field(
            item["name"],
            [branch["name"] for branch in item["type"]] if isinstance(item["type"], list) else item["type"],
        )
        for item in fields
    ]


def test_one_field_of_the_writer_may_be_several_of_the_reader():
    writer = record(field("a", "int"), field("b", "string"))
    reader = record(field("x", "double", aliases=["a"]), field("y", MILLIS, aliases=["a"]), field("b", "bytes"))
    value = resolved(read_schema(reader), PLAIN, read_schema(writer)).decode(written(writer, {"a": 5, "b": "é"}))
    moment = datetime(1970, 1, 1, 0, 0, 0, 5000, tzinfo=timezone.utc)
    assert value == {"x": 5.0, "y": moment, "b": "é".encode()}


@pytest.mark.parametrize(
    ("data", "wrong"),
    [(b"\x02\x02a\x02\xff", "b[0].x"), (b"\x02\x08a", "skipped"), (b"\x02", "skipped"), (b"", "n")],
)
def test_an_error_of_a_record_of_another_schema_names_the_field(data, wrong):
    writer = record(field("n", "int"), field("skipped", "string"), field("b", {"type": "array", "items": INNER}))
    reader = record(field("b", {"type": "array", "items": WIDER}))
    with pytest.raises(DecodeError) as failure:
        resolved(read_schema(reader), PLAIN, read_schema(writer)).decode(data)
    assert failure.value.field == wrong


def test_a_default_is_not_shared_between_values():
    reader = record(field("a", {"type": "array", "items": "int"}, default=[]))
    format_ = resolved(read_schema(reader), PLAIN, read_schema(record()))
    format_.decode(b"")["a"].append(1)
    assert format_.decode(b"") == {"a": []}


FIRST = record(field("id", "int"))
SECOND = record(field("id", "int"), field("note", ["null", "string"]))
THIRD = record(field("id", "long"), field("size", "double"))
SWAPPED = record(field("n", "int"), field("id", "int"))
ORDERED = record(field("id", "int"), field("n", "int", default=0))


def versions(own, writers, seen):
    return AvroVersions(
        AvroFormat(own), map(read_schema, writers), noticed=lambda other, ambiguous: seen.append((other, ambiguous))
    )


def test_each_record_is_read_with_the_schema_that_reads_it_to_its_last_byte():
    seen = []
    wide = record(field("id", "long"), field("note", ["null", "string"]), field("size", "double", default=-1))
    reader = versions(wide, [SECOND, FIRST, THIRD], seen)
    assert reader.decode(written(wide, {"id": 1, "note": "a", "size": 0.5})) == {"id": 1, "note": "a", "size": 0.5}
    assert not seen
    assert reader.decode(written(SECOND, {"id": 2, "note": "b"})) == {"id": 2, "note": "b", "size": -1}
    assert reader.decode(written(FIRST, {"id": 3})) == {"id": 3, "note": None, "size": -1}
    assert reader.decode(written(THIRD, {"id": 4, "size": 1.5})) == {"id": 4, "note": None, "size": 1.5}
    assert seen == [(True, False)] * 3
    with pytest.raises(DecodeError, match="field 'id'"):
        reader.decode(b"\xff")


@pytest.mark.parametrize(
    ("writers", "value", "other"), [([SWAPPED], (1, 2), False), ([SWAPPED, ORDERED], (2, 1), True)]
)
def test_of_two_schemas_that_read_a_record_the_first_counts(writers, value, other):
    """The reader's own schema is the first unless it is in the list."""
    seen = []
    read = versions(ORDERED, writers, seen).decode(b"\x02\x04")
    assert (read["id"], read["n"]) == value
    assert seen == [(other, True)]


def test_schemas_that_read_the_same_value_are_not_ambiguous():
    seen = []
    promoted = record(field("id", "long"))
    assert versions(promoted, [FIRST, {**promoted, "doc": "again"}], seen).decode(b"\x02") == {"id": 1}
    assert seen == [(True, False)]


def test_a_record_is_of_the_version_after_whose_fields_it_ends():
    """Versions append fields, the last one with an alias of a field that the first one has."""
    first = record(field("id", "int"), field("old", "string"))
    second = record(*first["fields"], field("size", ["int", "null"]))
    third = record(*second["fields"], field("name", "string"))
    own = record(
        field("name", "string", aliases=["old"]),
        field("id", "long"),
        field("size", ["null", "long"]),
        field("at", MILLIS, default=0),
    )
    start = datetime(1970, 1, 1, tzinfo=timezone.utc)
    for order in itertools.permutations([first, second, third, own]):
        seen = []
        reader = versions(own, order, seen)
        rows = [
            reader.decode(written(first, {"id": 1, "old": "a"})),
            reader.decode(written(second, {"id": 2, "old": "b", "size": 300})),
            reader.decode(written(third, {"id": 3, "old": "c", "size": None, "name": "d"})),
            reader.decode(written(own, {"name": "e", "id": 400, "size": 4, "at": start})),
        ]
        assert [(row["id"], row["name"], row["size"]) for row in rows] == [
            (1, "a", None),
            (2, "b", 300),
            (3, "d", None),
            (400, "e", 4),
        ]
        assert all(row["at"] == start for row in rows)
        assert [other for other, _ in seen] == [True] * 3
        for data in (
            b"",
            written(first, {"id": 1, "old": "a"})[:-1],
            written(second, {"id": 2, "old": "b", "size": 300})[:-1],
        ):
            with pytest.raises(DecodeError):
                reader.decode(data)


def test_an_appended_field_without_bytes_leaves_a_record_ambiguous():
    seen = []
    empty = {"type": "record", "name": "Empty", "fields": []}
    appended = record(*FIRST["fields"], field("mark", empty))
    reader = versions(record(*FIRST["fields"], field("mark", ["null", empty])), [FIRST, appended], seen)
    assert reader.decode(b"\x02") == {"id": 1, "mark": None}
    assert seen == [(True, True)]


def test_a_record_inside_itself_is_the_text_that_its_writer_wrote():
    x, y = ({"type": "record", "name": f"{space}.X", "fields": [field("q", "float")]} for space in ("a", "b"))
    own = record(field("at", MILLIS), field("u", ["null", "int", x, y]), field("next", ["null", "R"]), name="R")
    newer = read_schema({**own, "fields": [*own["fields"], field("z", "int")]})
    data = AvroFormat(newer).encode(
        {
            "at": datetime(1970, 1, 1, tzinfo=timezone.utc),
            "u": {"b.X": {"q": 0.5}},
            "next": '{"at": 5, "u": {"b.X": {"q": 2}}, "next": null, "z": 1}',
            "z": 1,
        }
    )
    row = resolved(read_schema(own), PLAIN, newer).decode(data)
    assert row["u"] == {"int": None, "a_X": None, "b_X": {"q": 0.5}}
    assert json.loads(row["next"]) == {"at": 5, "u": {"b.X": {"q": 2.0}}, "next": None, "z": 1}


def test_a_field_of_json_is_found_by_its_name_and_then_by_its_aliases():
    schema = record(
        field("id", "int", aliases=["number", "key"]),
        field("at", ["null", MILLIS], aliases=["time", "id"]),
        field("tags", {"type": "array", "items": INNER}, default=[], aliases=["labels"]),
        field("more", ["null", "R"], aliases=["next"]),
        field("half", "float"),
    )
    format_ = JSONFormat(schema)
    moment = datetime(1970, 1, 1, 0, 0, 1, tzinfo=timezone.utc)
    old = {"key": 5, "time": 1000, "labels": [{"x": 1}], "next": {"number": 1, "half": 0}, "half": 0.5}
    row = format_.decode(json.dumps(old).encode())
    assert (row["id"], row["at"], row["tags"], row["half"]) == (5, moment, [{"x": 1}], 0.5)
    assert json.loads(row["more"]) == {"number": 1, "half": 0}
    assert format_.decode(b'{"key": 4.0, "id": 5, "half": 1}') == {
        "id": 5,
        "at": None,
        "tags": [],
        "more": None,
        "half": 1.0,
    }
    assert format_.decode(b'{"key": 4.0, "half": 1}')["id"] == 4
    for data, wrong in ((b'{"half": 1}', "id"), (b'{"number": "x", "half": 1}', "number")):
        with pytest.raises(DecodeError) as failure:
            format_.decode(data)
        assert failure.value.field == wrong
    plain = {**row, "more": None}
    assert format_.decode(format_.encode(plain)) == plain
