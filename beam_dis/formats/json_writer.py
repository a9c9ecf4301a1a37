"""Writes JSON: a function made for the schema checks a value and fills a struct, which msgspec writes.

Rules:
1. Timestamps, dates and times of day are written as the schema's numbers, bytes as base64, decimals as text.
2. NaN and infinities are refused: JSON doesn't have them.
3. A value of a union stands alone if its kind in JSON says the branch. Otherwise it is in an object with the branch's name,
   as in Avro's JSON encoding.
4. Maps are written in the order of their keys.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from beam_dis.formats.avro_writer import entries_of, items_of
from beam_dis.formats.defaults import defaults_of
from beam_dis.formats.exact import FEWEST, exact_source, exact_struct, is_exact, object_struct
from beam_dis.formats.json_reader import JSONReader, branches_stand_alone
from beam_dis.formats.mismatch import ValueMismatch
from beam_dis.formats.nesting import Nesting
from beam_dis.formats.scalars import (
    Check,
    check_of,
    decimal_text,
    is_missing,
    mapping_of,
    python_value,
)
from beam_dis.formats.source import Source, function, guarded, indented, items_made, lines, steps_of, tuple_of
from beam_dis.formats.type_tree import (
    ArrayOf,
    DecimalType,
    Duration,
    Enumeration,
    Fixed,
    JSONText,
    MapOf,
    Nullable,
    RecordType,
    Scalar,
    Schema,
    Type,
    UnionOf,
)
from beam_dis.formats.value_types import UnionValue, ValueTypes, exact_class, in_order, number_source

FAILURES = (ValueMismatch, TypeError, UnicodeEncodeError, RecursionError)
"""What is raised for a value that can't be written as it is. A TypeError may be about a subclass of str, which msgspec doesn't write."""


class JSONWriter:
    """Makes the functions that write the types of a schema.

    Args:
        schema: the schema.
        types: what its values are in Python.
        reader: reads values that are JSON text in a row.
        trusts_texts: these texts were written by this writer, so they are valid: they are written as they are.
    """

    def __init__(self, schema: Schema, types: ValueTypes, reader: JSONReader, *, trusts_texts: bool = False) -> None:
        self._schema = schema
        self._types = types
        self._reader = reader
        self._trusts_texts = trusts_texts
        self._nesting = Nesting()
        self._source = Source()
        self._source.use(items_of=items_of, entries_of=entries_of, missing=is_missing)

    def writer_of(self, type_: Type) -> Callable[[Any], bytes]:
        """The function that writes a value of a type. It raises ValueMismatch."""
        name = self._function(self._schema.resolve(type_))
        build, write = self._source.compile(name), msgspec.json.Encoder().encode
        return lambda value: write(build(value))

    def encoder_of(self, record: RecordType, failed: Callable[[Any, Exception], bytes]) -> Callable[..., bytes]:
        """The function that writes a record in one call. It returns what ``failed`` makes of a value that fails and the error.

        Another such function may be given as its second argument.
        """
        self._source.use(write=msgspec.json.Encoder().encode, failed=failed, FAILURES=FAILURES)
        by_value, body = self._body("encode", record, "write(s)")
        attempt = lines("try:", indented(body), "except FAILURES as error:", "    return failed(value, error)")
        self._source.add(f"{by_value}\n\n{function('encode(value, failed=failed)', attempt)}")
        return self._source.compile("encode")

    def _function(self, type_: Type) -> str:
        type_ = self._schema.resolve(type_)
        if isinstance(type_, RecordType):
            return self._source.function_of((type_,), "record", lambda name: self._record(name, type_))
        if isinstance(type_, (ArrayOf, MapOf)):
            return self._source.function_of((type_,), "items", lambda name: self._items(name, type_))
        return self._source.function_of(
            (type_,), "value", lambda name: function(f"{name}(v)", self._build(type_, "v"), "return v")
        )

    def _record(self, name: str, record: RecordType) -> str:
        by_value, body = self._body(name, record, "s")
        return f"{by_value}\n\n{function(f'{name}(value)', body)}"

    def _body(self, name: str, record: RecordType, result: str) -> tuple[str, str]:
        """Source that makes the struct s of a record: a function that makes it value by value, and the body of one that uses it."""
        use = self._source.name_of
        shape = self._types.record(record)
        order = use(in_order(record, shape, defaults_of(self._schema, record, self._types)), "in_order")
        values = exact_struct(record, finite=True)
        struct = use(object_struct(values), "Record")
        steps = use(steps_of(field.name for field in record.fields), "steps")
        places = range(len(record.fields))
        builds = [lines(f"at = {place}", self._build(record.fields[place].type, f"v{place}")) for place in places]
        by_value = function(
            f"{name}_by_value(row)",
            f"{tuple_of(f'v{place}' for place in places)} = row",
            guarded(lines(*builds), f"{steps}[at]") if builds else "",
            f"return {struct}({', '.join(f'v{place}' for place in places)})",
        )
        kind = f"value if type(value) is {use(shape.kind, 'kind')} else " if shape.kind else ""
        row = f"row = {kind}{order}(value)"
        if sum(is_exact(field.type) for field in record.fields) < FEWEST:
            return by_value, lines(row, f"s = {name}_by_value(row)", f"return {result}")
        others = [place for place in places if not is_exact(record.fields[place].type)]
        changes = [lines(f"v{place} = s.f{place}", builds[place], f"s.f{place} = v{place}") for place in others]
        change = lines(guarded(lines(*changes), f"{steps}[at]") if changes else "", f"s.__class__ = {struct}")
        body = lines(
            row,
            exact_source(record, values, self._source, f"s = {name}_by_value(row)\nreturn {result}"),
            change,
            f"return {result}",
        )
        return by_value, body

    def _items(self, name: str, type_: ArrayOf | MapOf) -> str:
        build = self._build(type_.of, "v")
        if isinstance(type_, MapOf):
            loop = lines("for key, v in value:", indented(lines(build, "items[key] = v")))
            start = lines("value = entries_of(value)", "items, key = {}, None")
            return function(f"{name}(value)", start, guarded(loop, 'f"[{key!r}]"'), "return items")
        plain = "if type(value) is not list:\n    value = items_of(value)"
        return function(f"{name}(value)", plain, items_made(build))

    def _build(self, type_: Type, v: str) -> str:
        """Source that makes of ``v`` what msgspec writes."""
        if isinstance(type_, Nullable):
            right, change = self._ways(type_.of, v)
            slow = lines(f"if missing({v}):", f"    {v} = None", "else:", indented(change))
            return lines(f"if {v} is not None{f' and not ({right})' if right else ''}:", indented(slow))
        right, change = self._ways(type_, v)
        return lines(f"if not ({right}):", indented(change)) if right else change

    def _ways(self, type_: Type, v: str) -> tuple[str, str]:
        """When a value can be written as it is, and source that changes it otherwise."""
        use = self._source.name_of
        if isinstance(type_, Scalar) and (number := self._types.number(type_)):
            return "", number_source(number, self._source, v)
        if isinstance(type_, DecimalType):
            return (
                "",
                f"{v} = {use(decimal_text, 'decimal_text')}({use(self._types.to_decimal(type_), 'convert')}({v}))",
            )
        if isinstance(type_, (Scalar, Enumeration, Fixed)):
            check = check_of(type_, allow_nan=False)
            right = _is_right(check, type_, use, v)
            return right, f"{v} = {use(check.convert, 'convert')}({v})"
        if isinstance(type_, Duration):
            return "", f"{v} = {self._function(type_.record)}({v})"
        if isinstance(type_, UnionOf):
            write = use(self._union(type_), "write_union")
            return (
                "",
                f"{v} = None if {v} is None or missing({v}) else {write}({v})"
                if type_.null is not None
                else f"{v} = {write}({v})",
            )
        if isinstance(type_, JSONText) and self._trusts_texts:
            return "", f"{v} = {use(_raw, 'raw')}({v})"
        if isinstance(type_, JSONText):
            parse = use(self._reader.reader_of(type_.of), "parse")
            inner = use(self._nesting.bounded(partial(self._source.call, self._function(type_.of))), "inside_itself")
            return "", f"{v} = {inner}({parse}({v}) if type({v}) is str else {v})"
        return "", f"{v} = {self._function(type_)}({v})"

    def _union(self, union: UnionOf) -> UnionValue:
        types = [field.type.of for field in union.record.fields]  # type: ignore[union-attr]
        alone = branches_stand_alone(union)
        return UnionValue(
            self._types.record(union.record),
            union.tags,
            [partial(self._source.call, self._function(type_)) for type_ in types],
            [exact_class(type_, self._types) for type_ in types],
            lambda place, written: written if alone else {union.tags[place]: written},
        )


def _raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text)


def plain_values(value: Any) -> Any:
    """A value with Python's own texts and numbers in place of subclasses, inside of it too."""
    if isinstance(value, (list, tuple)) and not hasattr(value, "_asdict"):
        return [plain_values(item) for item in value]
    fields = mapping_of(value)
    if fields is None:
        return python_value(value)
    return {python_value(key): plain_values(item) for key, item in fields.items()}


def _is_right(check: Check, type_: Any, use: Callable[[Any, str], str], v: str) -> str:
    if check.is_right == "False":
        return ""
    if isinstance(type_, Enumeration):
        return f"type({v}) is str and {v} in {use(frozenset(type_.symbols), 'symbols')}"
    return check.is_right.format(v=v)


class JSONTexts:
    """Reads and writes the values that are JSON text in a row, for formats that aren't JSON.

    Values to write have been read by the format, and the texts in them were written here. So each level of a value inside itself is
    written once.
    """

    def __init__(self, schema: Schema, types: ValueTypes) -> None:
        self._reader = JSONReader(schema, types)
        self._writer = JSONWriter(schema, types, self._reader, trusts_texts=True)

    def reader(self, type_: Type) -> Callable[[str], Any]:
        """The function that reads the JSON text of a value of a type."""
        return self._reader.reader_of(type_)

    def writer(self, type_: Type) -> Callable[[Any], str]:
        """The function that writes a value of a type as JSON text."""
        write = self._writer.writer_of(type_)
        return lambda value: write(value).decode()
