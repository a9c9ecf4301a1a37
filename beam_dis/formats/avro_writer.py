"""Writes the binary encoding of Avro: writes the source of a function that goes from a value straight to bytes.

Rules:
1. A value of exactly the right type is written inline. Any other value goes through the conversions of ``scalars``, which raise
   what is wrong, so nothing is cut or wrapped.
2. The same value gives the same bytes: maps are written in the order of their keys, arrays and maps in one block.

For ``{"type": "record", "name": "R", "fields": [{"name": "id", "type": "long"}, {"name": "name", "type": "string"}]}`` the
source is::

    def record_0(row):
        if type(row) is not kind:
            row = in_order(row)
        (v0, v1) = row
        at = 0
        try:
            if type(v0) is int and -8192 <= v0 < 8192:
                p0 = SMALL[v0]
            else:
                p0 = write_long(v0)
            at = 1
            ...
        except ValueMismatch as error:
            error.inside(steps[at])
            raise
        except FAULTS as error:
            raise ValueMismatch(reason_of(error)).inside(steps[at]) from error
        return b"".join((p0, p1))
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import Any
from uuid import UUID

from beam_dis.formats.defaults import defaults_of
from beam_dis.formats.mismatch import ValueMismatch, expected
from beam_dis.formats.nesting import Nesting
from beam_dis.formats.scalars import (
    RANGES,
    Check,
    Convert,
    check_of,
    is_missing,
    python_value,
    single,
    to_double,
    to_integer,
    unscaled,
)
from beam_dis.formats.source import Source, function, guarded, indented, lines, steps_of, tuple_of
from beam_dis.formats.type_tree import (
    DURATION,
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

Write = Callable[[Any], bytes]

_SMALL = 8192
"""Numbers nearer to zero than this have their bytes in a table."""


@cache
def small(prefix: bytes) -> tuple[bytes, ...]:
    """The bytes of small numbers after a prefix, by the number itself: a negative index counts from the end."""
    return tuple(prefix + long_bytes(number) for number in (*range(_SMALL), *range(-_SMALL, 0)))


def long_bytes(number: int) -> bytes:
    """The bytes of a number of 64 bits."""
    rest = (number << 1) ^ (number >> 63)
    out = bytearray()
    while rest > 127:
        out.append(rest & 127 | 128)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def items_of(value: Any) -> list[Any]:
    """A list, a tuple or a numpy array as a list."""
    plain = value if isinstance(value, (list, tuple)) else python_value(value)
    if isinstance(plain, (list, tuple)):
        return list(plain)
    raise expected("array", plain)


def entries_of(value: Any) -> list[tuple[str, Any]]:
    """The entries of a mapping in the order of their keys, which are text."""
    if not isinstance(value, Mapping):
        raise expected("object", value)
    entries = []
    for key, item in value.items():
        text = python_value(key)
        if type(text) is not str:
            raise expected("str", text).inside("[...]")
        entries.append((text, item))
    return sorted(entries, key=lambda entry: entry[0])


class AvroWriter:
    """Writes the functions that write the types of a schema.

    Args:
        schema: the schema.
        types: what its values are in Python.
        from_json_text: returns the function that reads the JSON text of a type's value.
    """

    def __init__(
        self, schema: Schema, types: ValueTypes, from_json_text: Callable[[Type], Callable[[str], Any]]
    ) -> None:
        self._schema = schema
        self._types = types
        self._from_json_text = from_json_text
        self._nesting = Nesting()
        self._source = Source()
        self._source.use(items_of=items_of, entries_of=entries_of, long_bytes=long_bytes, missing=is_missing)
        self._source.use(SMALL=small(b""))

    def function(self) -> Write:
        """The function that writes the schema's record."""
        return self._source.compile(self._function(self._schema.record))

    def source(self) -> str:
        """The source of all functions."""
        self._function(self._schema.record)
        return self._source.text

    def _function(self, type_: Type) -> str:
        type_ = self._schema.resolve(type_)
        if isinstance(type_, RecordType):
            return self._source.function_of((type_,), "record", lambda name: self._record(name, type_))
        if isinstance(type_, ArrayOf):
            return self._source.function_of((type_,), "array", lambda name: self._array(name, type_))
        if isinstance(type_, MapOf):
            return self._source.function_of((type_,), "map", lambda name: self._map(name, type_))
        return self._source.function_of(
            (type_,), "value", lambda name: function(f"{name}(v)", self._write(type_, "v", "p"), "return p")
        )

    def _record(self, name: str, record: RecordType) -> str:
        use = self._source.name_of
        shape = self._types.record(record)
        order = use(in_order(record, shape, defaults_of(self._schema, record, self._types)), "in_order")
        check = (
            f"if type(row) is not {use(shape.kind, 'kind')}:\n    row = {order}(row)"
            if shape.kind
            else f"row = {order}(row)"
        )
        steps = use(steps_of(field.name for field in record.fields), "steps")
        places = range(len(record.fields))
        body = [
            lines(f"at = {place}", self._write(record.fields[place].type, f"v{place}", f"p{place}")) for place in places
        ]
        return function(
            f"{name}(row)",
            check,
            f"{tuple_of(f'v{place}' for place in places)} = row",
            guarded(lines(*body), f"{steps}[at]") if body else "",
            f"return b''.join({tuple_of(f'p{place}' for place in places)})",
        )

    def _array(self, name: str, array: ArrayOf) -> str:
        loop = lines("for v in value:", indented(lines(self._write(array.of, "v", "p"), "parts.append(p)")))
        return function(
            f"{name}(value)",
            "if type(value) is not list:\n    value = items_of(value)",
            "if not value:\n    return b'\\0'",
            "parts = [long_bytes(len(value))]",
            guarded(loop, 'f"[{len(parts) - 1}]"'),
            "parts.append(b'\\0')",
            "return b''.join(parts)",
        )

    def _map(self, name: str, map_: MapOf) -> str:
        item = lines(self._write(Scalar("string"), "key", "k"), self._write(map_.of, "v", "p"), "parts += (k, p)")
        return function(
            f"{name}(value)",
            "value = entries_of(value)",
            "if not value:\n    return b'\\0'",
            "parts = [long_bytes(len(value))]",
            "key = None",
            guarded(lines("for key, v in value:", indented(item)), 'f"[{key!r}]"'),
            "parts.append(b'\\0')",
            "return b''.join(parts)",
        )

    def _union(self, union: UnionOf) -> UnionValue:
        count = len(union.tags) + (union.null is not None)
        numbers = [number for number in range(count) if number != union.null]
        prefixes = [long_bytes(number) for number in numbers]
        types = [field.type.of for field in union.record.fields]  # type: ignore[union-attr]
        source = self._source
        writers: list[Callable[[Any], Any]] = [partial(source.call, self._function(type_)) for type_ in types]
        return UnionValue(
            self._types.record(union.record),
            union.tags,
            writers,
            [exact_class(type_, self._types) for type_ in types],
            lambda place, written: prefixes[place] + written,
        )

    def _write(self, type_: Type, v: str, p: str) -> str:
        """Source that sets ``p`` to the bytes of ``v``."""
        if isinstance(type_, Nullable):
            null, present = (b"\0", b"\2") if type_.null_first else (b"\2", b"\0")
            right, fast, slow = self._ways(type_.of, v, present)
            return lines(
                f"if {v} is None:",
                f"    {p} = {null!r}",
                f"elif {right}:\n{indented(fast.format(p=p))}" if right else "",
                f"elif missing({v}):",
                f"    {p} = {null!r}",
                "else:",
                indented(slow.format(p=p)),
            )
        right, fast, slow = self._ways(type_, v, b"")
        if not right:
            return slow.format(p=p)
        return lines(f"if {right}:", indented(fast.format(p=p)), "else:", indented(slow.format(p=p)))

    def _ways(self, type_: Type, v: str, prefix: bytes) -> tuple[str, str, str]:
        """When a value is of exactly the right type, and source for such values and for others, which sets ``{p}``."""
        use = self._source.name_of
        before = f"{prefix!r} + " if prefix else ""
        if isinstance(type_, Scalar) and (number := self._types.number(type_)):
            return "", "", lines(number_source(number, self._source, v), f"{{p}} = {before}long_bytes({v})")
        if isinstance(type_, Scalar) and type_.avro in {"int", "long"}:
            fast = f"{{p}} = {use(small(prefix), 'SMALL')}[{v}]"
            write = use(_writer_of_numbers(type_.avro), "write")
            return f"type({v}) is int and -{_SMALL} <= {v} < {_SMALL}", fast, f"{{p}} = {before}{write}({v})"
        if isinstance(type_, DecimalType):
            write = use(_writer_of_decimals(type_, self._types.to_decimal(type_)), "write")
            return "", "", f"{{p}} = {before}{write}({v})"
        if isinstance(type_, (Scalar, Enumeration, Fixed)):
            return self._simple(type_, v, before)
        if isinstance(type_, Duration):
            shape = self._types.record(type_.record)
            write = use(_writer_of_durations(in_order(type_.record, shape, {})), "write")
            return "", "", f"{{p}} = {before}{write}({v})"
        if isinstance(type_, UnionOf):
            write = use(self._union(type_), "write_union")
            if type_.null is None:
                return "", "", f"{{p}} = {before}{write}({v})"
            null = repr(long_bytes(type_.null))
            return "", "", f"{{p}} = {null} if {v} is None or missing({v}) else {write}({v})"
        if isinstance(type_, JSONText):
            parse = use(self._from_json_text(type_.of), "parse")
            inner = use(self._nesting.bounded(partial(self._source.call, self._function(type_.of))), "inside_itself")
            return "", "", f"{{p}} = {before}{inner}({parse}({v}) if type({v}) is str else {v})"
        return "", "", f"{{p}} = {before}{self._function(type_)}({v})"

    def _simple(self, type_: Scalar | Enumeration | Fixed, v: str, before: str) -> tuple[str, str, str]:
        use = self._source.name_of
        check = check_of(type_)
        if isinstance(type_, Scalar) and type_.name in {"string", "bytes"}:
            data = f"{v}.encode()" if type_.name == "string" else v
            fast = lines(
                f"b = {data}", f"{{p}} = {before}(SMALL[len(b)] if len(b) < {_SMALL} else long_bytes(len(b))) + b"
            )
            return check.is_right.format(v=v), fast, lines(f"{v} = {use(check.convert, 'convert')}({v})", fast)
        if isinstance(type_, Scalar) and type_.name == "double":
            pack = use(struct.Struct("<d").pack, "pack")
            return (
                check.is_right.format(v=v),
                f"{{p}} = {before}{pack}({v})",
                f"{{p}} = {before}{pack}({use(to_double, 'to_double')}({v}))",
            )
        if isinstance(type_, Enumeration):
            table = use({symbol: long_bytes(number) for number, symbol in enumerate(type_.symbols)}, "symbols")
            right = f"type({v}) is str and {v} in {table}"
            return (
                right,
                f"{{p}} = {before}{table}[{v}]",
                f"{{p}} = {before}{table}[{use(check.convert, 'convert')}({v})]",
            )
        return "", "", f"{{p}} = {before}{use(_writer_of(type_, check), 'write')}({v})"


def _writer_of_numbers(avro: str) -> Write:
    low, high = RANGES[avro]
    convert = to_integer(low, high)
    return lambda value: long_bytes(value if type(value) is int and low <= value <= high else convert(value))


def _writer_of_durations(order: Callable[[Any], tuple[Any, ...]]) -> Write:
    convert, pack = check_of(Scalar("unsigned-int")).convert, struct.Struct("<III").pack

    def write(value: Any) -> bytes:
        place, numbers = 0, list(order(value))
        try:
            for place, number in enumerate(numbers):
                numbers[place] = convert(number)
        except ValueMismatch as mismatch:
            mismatch.inside(f".{DURATION.fields[place].name}")
            raise
        return pack(*numbers)

    return write


def _writer_of(type_: Scalar | Fixed | Enumeration, check: Check) -> Write:
    convert = check.convert
    if isinstance(type_, Fixed):
        return (lambda value: UUID(convert(value)).bytes) if type_.uuid else convert
    name = type_.name if isinstance(type_, Scalar) else ""
    if name == "null":
        return lambda value: convert(value) or b""
    if name == "boolean":
        return lambda value: b"\1" if convert(value) else b"\0"
    if name == "float":
        pack = struct.Struct("<f").pack
        return lambda value: pack(single(value if type(value) is float else to_double(value)))
    return lambda value: _with_length(convert(value).encode())  # uuid


def _writer_of_decimals(type_: DecimalType, convert: Convert) -> Write:
    def write(value: Any) -> bytes:
        number = unscaled(convert(value), type_.scale)
        if type_.size is not None:
            return number.to_bytes(type_.size, "big", signed=True)
        return _with_length(
            number.to_bytes((number if number >= 0 else ~number).bit_length() // 8 + 1, "big", signed=True)
        )

    return write


def _with_length(data: bytes) -> bytes:
    return long_bytes(len(data)) + data
