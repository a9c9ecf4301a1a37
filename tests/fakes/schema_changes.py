"""Schemas as a later version may have them: fields added, removed, renamed, moved and promoted, in records, unions and enums."""

from avro_schemas import Names, logical, records
from hypothesis import strategies as st

PROMOTIONS = {
    "int": ["long", "float", "double"],
    "long": ["float", "double"],
    "float": ["double"],
    "string": ["bytes"],
    "bytes": ["string"],
}
SCALARS = ["int", "string", "boolean", "double", "bytes"]


def additions(names):
    """Types of new fields, with their defaults."""
    inner = {"type": "record", "name": names.next("R"), "fields": [{"name": "x", "type": "long"}]}
    inner["fields"].append({"name": "y", "type": "bytes", "default": "\u00ff\u0000"})
    enum = {"type": "enum", "name": names.next("E"), "symbols": ["A", "B"]}
    return [
        ("boolean", True),
        ("int", -5),
        ("long", 2**62),
        ("float", 0.1),
        ("double", 5),
        ("string", "é"),
        ("bytes", "a\u00ff"),
        (["null", "int"], None),
        (["int", "null"], 7),
        (["string", "double", "null"], "text"),
        (enum, "B"),
        ({"type": "fixed", "name": names.next("F"), "size": 2}, "\u0000\u00fe"),
        (inner, {"x": 1}),
        ({"type": "array", "items": inner}, [{"x": 1}, {"x": 2, "y": "b"}]),
        ({"type": "map", "values": ["null", "string"]}, {"k": None}),
        (logical("int", "date"), 5),
        (logical("long", "timestamp-millis"), -1),
        (logical("bytes", "decimal", precision=4, scale=2), "\u0001\u0000"),
    ]


class Changes:
    """Draws the later version of a schema."""

    def __init__(self, draw, names):
        self._draw = draw
        self._names = names

    def _chosen(self, percent):
        return self._draw(st.integers(0, 99)) >= 100 - percent

    def of(self, schema):
        """A type as a later version may have it."""
        if isinstance(schema, list):
            return self._of_union(schema)
        later = self._of_type(schema)
        if isinstance(later, list) or later == "null" or not self._chosen(15):
            return later
        other = {"type": "record", "name": self._names.next("R"), "fields": []}
        return self._draw(st.permutations([later, self._draw(st.sampled_from(["null", other]))]))

    def of_record(self, record):
        """A record as a later version may have it."""
        if any(refers(field["type"]) for field in record["fields"]):
            return record
        fields = [self._of_field(field) for field in record["fields"] if not self._chosen(10)]
        if self._chosen(30):
            type_, default = self._draw(st.sampled_from(additions(self._names)))
            fields.append({"name": self._names.next("f"), "type": type_, "default": default})
        if self._chosen(2):
            fields.append({"name": self._names.next("f"), "type": "int"})
        return {**record, "fields": self._draw(st.permutations(fields))}

    def _of_field(self, field):
        later = {**field, "type": self.of(field["type"])}
        if self._chosen(10):
            later.update(name=self._names.next("f"), aliases=["older", field["name"]])
        return later

    def _of_type(self, schema):
        kind = schema if isinstance(schema, str) else schema["type"]
        if kind == "array":
            return {**schema, "items": self.of(schema["items"])}
        if kind == "map":
            return {**schema, "values": self.of(schema["values"])}
        if kind in {"record", "enum", "fixed"} and not refers(schema):
            later = self._of_named(schema, kind)
            if self._chosen(10):
                later = {**later, "name": self._names.next("N"), "aliases": [schema["name"]]}
            return later
        if isinstance(schema, dict) and "logicalType" in schema and self._chosen(20):
            return {key: value for key, value in schema.items() if key != "logicalType"}
        if kind in PROMOTIONS and self._chosen(25):
            return self._draw(st.sampled_from(PROMOTIONS[kind]))
        return self._draw(st.sampled_from(SCALARS)) if self._chosen(3) else schema

    def _of_named(self, schema, kind):
        if kind == "record":
            return self.of_record(schema)
        if kind == "fixed":
            later = {key: value for key, value in schema.items() if key != "logicalType" or not self._chosen(20)}
            return {**later, "size": 4} if self._chosen(3) else later
        symbols = self._draw(st.lists(st.sampled_from([*schema["symbols"], "New"]), min_size=1, unique=True))
        default = self._draw(st.sampled_from([None, symbols[0]]))
        return {**schema, "symbols": symbols, **({} if default is None else {"default": default})}

    def _of_union(self, union):
        """The branches in another order, one of them left out or changed; or one branch alone."""
        branches = self._draw(st.permutations(union))
        if self._chosen(20):
            branches = branches[1:]
        if self._chosen(30):
            kinds = {kind_of(branch) for branch in branches[1:]}
            later = self._of_type(branches[0])
            branches = [later, *branches[1:]] if kind_of(later) not in kinds else branches
        return branches if len(branches) > 1 or self._chosen(50) else branches[0]


def refers(schema):
    """Whether a type has a name in it that is defined elsewhere, such as a record inside itself."""
    if isinstance(schema, list):
        return any(map(refers, schema))
    if isinstance(schema, str):
        return schema[:1].isupper()
    inner = [schema.get("items", "null"), schema.get("values", "null")]
    return any(map(refers, [*inner, *(field["type"] for field in schema.get("fields", []))]))


def kind_of(branch):
    if isinstance(branch, str):
        return branch
    return branch.get("name", branch["type"])


@st.composite
def versions(draw):
    """A writer's schema, a later one of a reader, and three values of the writer."""
    names = Names()
    writer, values = draw(records(names, 2))
    reader = Changes(draw, names).of_record(writer)
    return writer, reader, draw(st.lists(values, min_size=3, max_size=3))
