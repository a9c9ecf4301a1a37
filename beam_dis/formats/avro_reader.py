"""Reads the binary encoding of Avro: writes the source of a function that goes from bytes straight to a value.

Rules:
1. A function takes the bytes, a position and the end, and returns a value and the position after it.
2. A value is taken only if all of its bytes are there, is in the range of its type, and is written as Avro says.
3. Arrays and maps have no more items than there are bytes left, so a short record can't fill the memory.
4. Values that have no bytes of their own are counted: a record has at most 65,536 items of arrays and fields of records of this
   kind, in all of its arrays and records together. A null in an array is one, and so is a field of a record of nulls.

For ``{"type": "record", "name": "R", "fields": [{"name": "id", "type": "long"}, {"name": "name", "type": ["null", "string"]}]}``
the source is::

    def record_0(data, pos, end):
        at = 0
        try:
            n = data[pos]
            if n < 128:
                pos += 1
                v0 = ZIGZAG[n]
            else:
                v0, pos = read_long(data, pos)
            at = 1
            n = data[pos]
            pos += 1
            if n == 2:
                ...
            elif n == 0:
                v1 = None
            else:
                raise no_branch(n)
        except ValueMismatch as error:
            error.inside(steps[at])
            raise
        except FAULTS as error:
            raise ValueMismatch(reason_of(error)).inside(steps[at]) from error
        return make((v0, v1)), pos
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from beam_dis.formats.mismatch import ValueMismatch
from beam_dis.formats.nesting import Nesting
from beam_dis.formats.scalars import RANGES, from_unscaled
from beam_dis.formats.source import Source, function, guarded, indented, lines, steps_of, tuple_of
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
from beam_dis.formats.value_types import ValueTypes

Read = Callable[[bytes, int, int], tuple[Any, int]]

ZIGZAG = tuple((n >> 1) ^ -(n & 1) for n in range(128))
MOST_EMPTY = 65_536
_BOOLEANS = {0: False, 1: True}
_DURATION = struct.Struct("<III")


class End(int):
    """The position where a record ends, and how many values without bytes may still be read from it."""

    left = MOST_EMPTY


def read_long(data: bytes, pos: int) -> tuple[int, int]:
    """A number of 64 bits, of any length, and the position after it."""
    number = shift = 0
    while True:
        byte = data[pos]
        pos += 1
        number |= (byte & 127) << shift
        if byte < 128:
            break
        shift += 7
        if shift > 63:
            raise ValueMismatch("a number has more than ten bytes")
    if number > 0xFFFFFFFFFFFFFFFF:
        raise ValueMismatch("a number has more than 64 bits")
    return (number >> 1) ^ -(number & 1), pos


def read_int(data: bytes, pos: int) -> tuple[int, int]:
    """A number of 32 bits and the position after it."""
    number, pos = read_long(data, pos)
    low, high = RANGES["int"]
    if not low <= number <= high:
        raise ValueMismatch(f"{number} is out of range: an Avro int has 32 bits")
    return number, pos


def ends() -> ValueMismatch:
    """The mismatch of a value whose bytes aren't all there."""
    return ValueMismatch("the record ends before the value does")


def no_branch(number: int) -> ValueMismatch:
    """The mismatch of a union without the branch that the record says."""
    return ValueMismatch(f"the union has no branch {ZIGZAG[number] if number < 128 else 'of this number'}")


def too_many(count: int) -> ValueMismatch:
    """The mismatch of an array or a map that can't be that long."""
    return ValueMismatch(f"{count} items are more than the record has bytes for")


def too_many_empty() -> ValueMismatch:
    """The mismatch of a record that has more values without bytes than are read."""
    return ValueMismatch("there are more items and fields without bytes than are read from one record")


class AvroReader:
    """Writes the functions that read the types of a schema.

    Args:
        schema: the schema.
        types: what its values are in Python.
        json_text: returns the function that writes a value of a type as JSON text, for types that are JSON text in a row.
        source: gets the functions; by default they have one of their own.
    """

    def __init__(
        self,
        schema: Schema,
        types: ValueTypes,
        json_text: Callable[[Type], Callable[[Any], str]],
        source: Source | None = None,
    ) -> None:
        self._schema = schema
        self._types = types
        self._json_text = json_text
        self._nesting = Nesting()
        self._source = source or Source()
        self._source.use(ZIGZAG=ZIGZAG, read_long=read_long, read_int=read_int)
        self._source.use(ends=ends, no_branch=no_branch, too_many=too_many, too_many_empty=too_many_empty, End=End)
        self._known: dict[int, bool] = {}

    def function(self) -> Read:
        """The function that reads the schema's record."""
        return self._compiled(self._function(self._schema.record))

    def _compiled(self, name: str) -> Callable[..., Any]:
        """The function of a name. It begins a count of values without bytes if the schema has any, unless ``end`` has one."""
        if "end.left" not in self._source.text:
            return self._source.compile(name)
        counted = "end if type(end) is End else End(end)"
        self._source.add(function("counted(data, pos, end)", f"return {name}(data, pos, {counted})"))
        return self._source.compile("counted")

    def source(self) -> str:
        """The source of all functions."""
        self._function(self._schema.record)
        return self._source.text

    def _function(self, type_: Type) -> str:
        type_ = self._schema.resolve(type_)
        if isinstance(type_, RecordType):
            return self._source.function_of((type_,), "record", lambda name: self._record(name, type_))
        if isinstance(type_, UnionOf):
            return self._source.function_of((type_,), "union", lambda name: self._union(name, type_))
        if isinstance(type_, ArrayOf):
            return self._source.function_of(
                (type_,), "array", lambda name: self._array(name, type_, self.read(type_.of, "v"))
            )
        if isinstance(type_, MapOf):
            return self._source.function_of((type_,), "map", lambda name: self._map(name, self.read(type_.of, "v")))
        return self._source.function_of(
            (type_,), "value", lambda name: function(f"{name}(data, pos, end)", self.read(type_, "v"), "return v, pos")
        )

    def _record(self, name: str, record: RecordType) -> str:
        use = self._source.name_of
        shape = self._types.record(record)
        steps = use(steps_of(field.name for field in record.fields), "steps")
        body = [lines(f"at = {place}", self.read(field.type, f"v{place}")) for place, field in enumerate(record.fields)]
        values = tuple_of(f"v{place}" for place in range(len(record.fields)))
        return function(
            f"{name}(data, pos, end)",
            self._counted_fields(record),
            guarded(lines(*body), f"{steps}[at]") if body else "",
            f"return {use(shape.make, 'make')}({values}), pos",
        )

    def _union(self, name: str, union: UnionOf) -> str:
        use = self._source.name_of
        shape = self._types.record(union.record)
        steps = use(steps_of(shape.names), "steps")
        count = len(union.record.fields)
        numbers = [number for number in range(count + (union.null is not None)) if number != union.null]
        body = ["n, pos = read_long(data, pos)"]
        if union.null is not None:
            body.append(f"if n == {union.null}:\n    return None, pos")
        for place, (number, field) in enumerate(zip(numbers, union.record.fields, strict=True)):
            values = tuple_of("v" if other == place else "None" for other in range(count))
            inner = guarded(self.read(field.type.of, "v"), f"{steps}[{place}]")  # type: ignore[union-attr]
            body.append(
                lines(f"if n == {number}:", indented(lines(inner, f"return {use(shape.make, 'make')}({values}), pos")))
            )
        return function(f"{name}(data, pos, end)", *body, "raise no_branch(128)")

    def _array(self, name: str, array: ArrayOf, item: str) -> str:
        return self._blocks(name, "[]", lines(item, "items.append(v)"), 'f"[{len(items)}]"', array.of)

    def _map(self, name: str, item: str) -> str:
        body = lines("key = None", self._primitive("string", "key"), item, "items[key] = v")
        return self._blocks(name, "{}", body, 'f"[{key!r}]"', Scalar("string"))

    def _blocks(self, name: str, empty: str, item: str, step: str, of: Type) -> str:
        checked = "if count > end - pos:\n    raise too_many(count)" if self.has_bytes(of) else _counted("count")
        start = "key = None" if empty == "{}" else ""
        loop = lines(
            "if count < 0:",
            "    count = -count",
            "    _, pos = read_long(data, pos)",
            checked,
            "for _ in range(count):",
            indented(item),
            "count, pos = read_long(data, pos)",
        )
        return function(
            f"{name}(data, pos, end)",
            f"items = {empty}",
            start,
            "count, pos = read_long(data, pos)",
            guarded(lines("while count:", indented(loop)), step),
            "return items, pos",
        )

    def _counted_fields(self, record: RecordType) -> str:
        """Source that counts the fields of a record without bytes."""
        return "" if not record.fields or self.has_bytes(record) else _counted(len(record.fields))

    def has_bytes(self, type_: Type) -> bool:
        """Whether every value of a type has at least one byte."""
        if isinstance(type_, JSONText):
            return self.has_bytes(self._schema.resolve(type_.of))
        if isinstance(type_, RecordType):
            if id(type_) not in self._known:  # a record may be used in many places
                self._known[id(type_)] = (
                    True  # for a record inside itself: it is in a union or an array, which have bytes
                )
                self._known[id(type_)] = any(self.has_bytes(field.type) for field in type_.fields)
            return self._known[id(type_)]
        return type_ != Scalar("null") and getattr(type_, "size", None) != 0

    def read(self, type_: Type, v: str) -> str:
        """Source that sets ``v`` to the value at ``pos``, and ``pos`` to the position after it."""
        use = self._source.name_of
        if isinstance(type_, Nullable):
            present, null = (2, 0) if type_.null_first else (0, 2)
            return lines(
                "n = data[pos]",
                "pos += 1",
                f"if n == {present}:",
                indented(self.read(type_.of, v)),
                f"elif n == {null}:",
                f"    {v} = None",
                "else:",
                "    raise no_branch(n)",
            )
        if isinstance(type_, Scalar):
            number = self._types.number(type_)
            inner = self._primitive(type_.avro, v)
            if type_.name == "uuid":
                return lines(inner, f"{v} = {use(canonical_uuid, 'uuid')}({v})")
            return inner if number is None else lines(inner, f"{v} = {use(number.value, 'value')}({v})")
        if isinstance(type_, Enumeration):
            symbols = {2 * number: symbol for number, symbol in enumerate(type_.symbols[:64])}
            return self._symbol(symbols, type_.symbols, v)
        if isinstance(type_, DecimalType):
            taken = self._primitive("bytes", v) if type_.size is None else _fixed(type_.size, v)
            decimal = use(type_, "decimal")
            return lines(
                taken,
                f"{v} = {use(from_unscaled, 'from_unscaled')}(int.from_bytes({v}, 'big', signed=True), {decimal})",
            )
        if isinstance(type_, Fixed):
            return lines(_fixed(type_.size, v), f"{v} = str({use(UUID, 'UUID')}(bytes={v}))" if type_.uuid else "")
        if isinstance(type_, Duration):
            shape = self._types.record(type_.record)
            return lines(_fixed(12, v), f"{v} = {use(shape.make, 'make')}({use(_DURATION.unpack, 'unpack')}({v}))")
        if isinstance(type_, JSONText):
            inner = use(self._nesting.bounded(partial(self._source.call, self._function(type_.of))), "inside_itself")
            return lines(f"{v}, pos = {inner}(data, pos, end)", f"{v} = {use(self._json_text(type_.of), 'text')}({v})")
        return f"{v}, pos = {self._function(type_)}(data, pos, end)"

    def _symbol(self, first: dict[int, str], symbols: tuple[str, ...], v: str) -> str:
        use = self._source.name_of
        return lines(
            f"{v} = {use(first, 'symbols')}.get(data[pos])",
            f"if {v} is None:",
            f"    {v}, pos = {use(_symbol_reader(symbols), 'read_symbol')}(data, pos)",
            "else:",
            "    pos += 1",
        )

    def _primitive(self, name: str, v: str) -> str:
        if name in {"int", "long"}:
            return lines(
                "n = data[pos]",
                "if n < 128:",
                "    pos += 1",
                f"    {v} = ZIGZAG[n]",
                "elif data[pos + 1] < 128:",
                "    n += (data[pos + 1] << 7) - 128",
                "    pos += 2",
                f"    {v} = (n >> 1) ^ -(n & 1)",
                "else:",
                f"    {v}, pos = read_{name}(data, pos)",
            )
        if name in {"string", "bytes"}:
            return lines(
                "n = data[pos]",
                "if n < 128:",
                "    pos += 1",
                "    n = ZIGZAG[n]",
                "else:",
                "    n, pos = read_long(data, pos)",
                "stop = pos + n",
                "if n < 0 or stop > end:",
                "    raise ends()",
                f"{v} = data[pos:stop]{'.decode()' if name == 'string' else ''}",
                "pos = stop",
            )
        if name == "boolean":
            return lines(f"{v} = {self._source.name_of(_BOOLEANS, 'booleans')}[data[pos]]", "pos += 1")
        if name == "null":
            return f"{v} = None"
        unpack = struct.Struct("<f" if name == "float" else "<d")
        unpack_from = self._source.name_of(unpack.unpack_from, "unpack")
        return lines(f"({v},) = {unpack_from}(data, pos)", f"pos += {unpack.size}")


def _counted(values: int | str) -> str:
    """Source that counts values without bytes."""
    return lines(f"end.left -= {values}", "if end.left < 0:", "    raise too_many_empty()")


def _fixed(size: int, v: str) -> str:
    return lines(f"stop = pos + {size}", "if stop > end:", "    raise ends()", f"{v} = data[pos:stop]", "pos = stop")


def canonical_uuid(text: str) -> str:
    """The canonical text of a UUID. Raises ValueMismatch."""
    try:
        return str(UUID(text))
    except ValueError as error:
        raise ValueMismatch(f"{text[:80]!r} is not a UUID") from error


def _symbol_reader(symbols: tuple[str, ...]) -> Callable[[bytes, int], tuple[str, int]]:
    def read_symbol(data: bytes, pos: int) -> tuple[str, int]:
        number, pos = read_long(data, pos)
        if not 0 <= number < len(symbols):
            raise ValueMismatch(f"the enum has no symbol {number}")
        return symbols[number], pos

    return read_symbol
