"""Schema resolution: writes the source of a function that reads what one schema wrote straight as a value of another one.

Rules:
1. Fields are found by name, then by the aliases of the reader's field. What only the writer has is left out; what only the
   reader has is its default, or null if it is nullable.
2. Numbers are promoted as Avro says (int to long, float and double, long to float and double, float to double), and string and
   bytes are read as each other.
3. A logical type that only one of the two has is its plain type. Decimals have the same scale, and no fewer digits in the reader's.
4. A symbol that the reader's enum doesn't have is its default. A branch of a union that the reader can't read is an error if a
   record has it.
5. The names of types count in unions alone: outside of them there is nothing to choose. A branch of the written type's name is
   read as that or not at all, whether the union is the writer's or the reader's.
6. Schemas that can't be resolved raise ValueMismatch when the function is made, not at a record.
7. A pair of types is resolved once, whether it can be or not, so that schemas of shared types cost what their text costs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import partial
from typing import Any

from beam_dis.formats.avro_reader import AvroReader, Read, canonical_uuid
from beam_dis.formats.defaults import default_of
from beam_dis.formats.json_writer import JSONTexts
from beam_dis.formats.mismatch import ValueMismatch
from beam_dis.formats.scalars import RANGES, single, to_integer
from beam_dis.formats.source import Source, function, guarded, indented, lines, steps_of, tuple_of
from beam_dis.formats.type_tree import (
    NO_DEFAULT,
    ArrayOf,
    DecimalType,
    Duration,
    Enumeration,
    Fixed,
    JSONText,
    MapOf,
    Nullable,
    RecordField,
    RecordType,
    Scalar,
    Schema,
    Type,
    UnionOf,
)
from beam_dis.formats.value_types import NumberType, ValueTypes

ReadVersion = Callable[[bytes, int, int], tuple[Any, int, int]]

_NULL = Scalar("null")
_BYTES = Scalar("bytes")
_SAME_BYTES = (_BYTES, Scalar("string"))
"""Types whose bytes in a record are a length and that many bytes."""

_PROMOTED = {
    ("int", "long"): "{v}",
    ("int", "float"): "single({v})",
    ("long", "float"): "single({v})",
    ("int", "double"): "float({v})",
    ("long", "double"): "float({v})",
    ("float", "double"): "{v}",
    ("string", "bytes"): "{v}.encode()",
    ("bytes", "string"): "{v}.decode()",
}
"""The written type and the one that is read → source of the second value, by the first."""


class WrittenValues(ValueTypes):
    """Values as they are written: times and dates are numbers."""

    def number(self, scalar: Scalar) -> NumberType | None:
        """What a time or a date is: its number."""
        is_logical = scalar.avro in RANGES and scalar.name != scalar.avro
        return NumberType(int, to_integer(*RANGES[scalar.avro])) if is_logical else None


class ResolvingReader(AvroReader):
    """Writes the functions that read what was written with a schema.

    Args:
        schema: the schema of the values.
        types: what its values are in Python.
        writer: the schema of the bytes.
    """

    def __init__(self, schema: Schema, types: ValueTypes, writer: Schema) -> None:
        source, written = Source(), WrittenValues()
        texts = JSONTexts(writer, written)
        super().__init__(schema, types, texts.writer, source)
        self._written = AvroReader(writer, written, texts.writer, source)
        self._writer = writer
        self._refused: dict[tuple[int, int], tuple[str, str]] = {}
        source.use(single=single, deepcopy=deepcopy)

    def function(self) -> Read:
        """The function that reads the schema's record. Raises ValueMismatch if the schemas can't be resolved."""
        return self._compiled(self._resolved_record(self._writer.record, self._schema.record))

    def function_of_versions(self, shorter: Mapping[int, RecordType], number: int) -> ReadVersion:
        """The function that reads the writer's records, and in the same pass those of other schemas.

        It returns the value, the position after it, and the number of the schema.

        Args:
            shorter: schemas that the writer's extends, as :meth:`extends` says, by their numbers.
            number: the number of the writer's schema.

        Raises:
            ValueMismatch: the schemas can't be resolved.
        """
        ends = {len(record.fields): other for other, record in shorter.items()}
        self._source.add(self._record_of("versions", self._writer.record, self._schema.record, ends, number))
        return self._compiled("versions")

    def extends(self, written: RecordType) -> bool:
        """Whether the writer's schema has the fields of another one, and then more, so that the end of a record tells them apart."""
        mine, read = self._writer.record.fields, self._schema.record
        first, more = mine[: len(written.fields)], mine[len(written.fields) :]
        if first != written.fields or not more or not self.has_bytes(more[0].type) or any(map(_is_text, first)):
            return False
        found = _found(written, read)
        absent = [field for field, name in zip(read.fields, found, strict=True) if name is None]
        names = {field.name for field in first}
        same = [name if name in names else None for name in _found(self._writer.record, read)]
        return found == same and all(field.default is not NO_DEFAULT or _is_nullable(field) for field in absent)

    def has_bytes(self, type_: Type) -> bool:
        """Whether every value of one of the writer's types has at least one byte."""
        return self._written.has_bytes(type_)

    def _resolve(self, written: Type, read: Type, v: str, others: Sequence[Type] = ()) -> str:
        """Source that sets ``v`` to the value of type ``read`` that is written at ``pos``, and ``pos`` to the position after it.

        ``others`` are the other branches of the writer's union, if the written type is one.
        """
        if isinstance(written, Nullable):
            return self._from_nullable(written, read, v)
        if isinstance(written, UnionOf):
            return f"{v}, pos = {self._from_union(written, read)}(data, pos, end)"
        if isinstance(read, Nullable):
            return f"{v} = None" if written == _NULL else self._resolve(written, read.of, v, others)
        if isinstance(read, UnionOf):
            return self._to_union(written, read, v, others)
        if not _has_name_of(written, read) and any(_has_name_of(other, read) for other in others):
            raise _unlike(written, read)
        if isinstance(written, RecordType) and isinstance(read, RecordType):
            return f"{v}, pos = {self._resolved_record(written, read)}(data, pos, end)"
        if isinstance(written, (ArrayOf, MapOf)) and isinstance(read, type(written)):
            return f"{v}, pos = {self._resolved_items(written, read)}(data, pos, end)"
        return self._resolve_simple(written, read, v)

    def _resolve_simple(self, written: Type, read: Type, v: str) -> str:
        if isinstance(written, Scalar) and isinstance(read, Scalar):
            return self._resolved_scalar(written, read, v)
        if isinstance(written, Enumeration) and isinstance(read, Enumeration):
            return lines(self._written.read(written, v), self._symbol_of(written, read, v))
        if isinstance(written, JSONText) and isinstance(read, JSONText):
            return self._written.read(written, v)
        if isinstance(written, DecimalType) and isinstance(read, DecimalType) and not _is_same_decimal(written, read):
            raise _unlike(written, read)
        plain, other = _plain(written), _plain(read)
        if isinstance(plain, Fixed) and isinstance(other, Fixed) and plain.size == other.size:
            return self.read(read, v)
        if plain in _SAME_BYTES and other == _BYTES and isinstance(read, DecimalType):
            return self.read(read, v)
        if isinstance(plain, Scalar) and isinstance(read, Scalar):
            return self._resolved_scalar(plain, read, v)
        raise _unlike(written, read)

    def _resolved_scalar(self, written: Scalar, read: Scalar, v: str) -> str:
        if written.avro == read.avro:
            source = self._primitive(written.avro, v)
        elif (promoted := _PROMOTED.get((written.avro, read.avro))) is not None:
            source = lines(self._primitive(written.avro, v), f"{v} = {promoted.format(v=v)}")
        else:
            raise _unlike(written, read)
        number = self._types.number(read)
        make = canonical_uuid if read.name == "uuid" else None if number is None else number.value
        return source if make is None else lines(source, f"{v} = {self._source.name_of(make, 'make')}({v})")

    def _symbol_of(self, written: Enumeration, read: Enumeration, v: str) -> str:
        if set(written.symbols) <= set(read.symbols):
            return ""
        use = self._source.name_of
        unknown = f"raise {use(partial(_no_symbol, read.name), 'no_symbol')}({v})"
        instead = unknown if read.default is None else f"{v} = {use(read.default, 'default')}"
        return f"if {v} not in {use(frozenset(read.symbols), 'symbols')}: {instead}"

    def _resolved_items(self, written: ArrayOf | MapOf, read: ArrayOf | MapOf) -> str:
        def write(name: str) -> str:
            item = self._resolve(written.of, read.of, "v")
            return self._map(name, item) if isinstance(written, MapOf) else self._array(name, written, item)

        return self._pair("items", written, read, write)

    def _resolved_record(self, written: RecordType, read: RecordType) -> str:
        return self._pair("record", written, read, lambda name: self._record_of(name, written, read))

    def _record_of(
        self, name: str, written: RecordType, read: RecordType, ends: Mapping[int, int] = {}, number: int | None = None
    ) -> str:
        """The function of a record. That of versions returns a ``number`` too, and its faults don't say where they are.

        Args:
            name: the name of the function.
            written: the record of the writer.
            read: the record of the reader.
            ends: after how many fields the record of another version may end, and the number of that version.
            number: the number of the writer's version; None if the record is none.
        """
        use = self._source.name_of
        make = use(self._types.record(read).make, "make")
        found = _found(written, read)
        steps: list[str] = []
        body: list[str] = []
        values: dict[int, str] = {}

        def made(version: int | None) -> str:
            """Source that returns the record of the fields that are read so far."""
            taken = [values.get(place) or self._absent(field) for place, field in enumerate(read.fields)]
            return f"return {make}({tuple_of(taken)}), pos{'' if version is None else f', {version}'}"

        for count, given in enumerate(written.fields):
            if count in ends:
                body.append(lines("if pos == end:", indented(made(ends[count]))))
            places = [place for place, name in enumerate(found) if name == given.name]
            if not places:
                body.append(lines(f"at = {len(steps)}", self._written.read(given.type, "v")))
                steps.append(given.name)
            for again, place in enumerate(places):
                field = read.fields[place]
                start = "pos = start" if again else "start = pos" if len(places) > 1 else ""
                body.append(lines(start, f"at = {len(steps)}", self._inside(field, given.type, f"v{place}")))
                steps.append(field.name)
                values[place] = f"v{place}"
        if number is None and body:
            body = [guarded(lines(*body), f"{use(steps_of(steps), 'steps')}[at]")]
        return function(f"{name}(data, pos, end)", self._counted_fields(written), *body, made(number))

    def _inside(self, field: RecordField, written: Type, v: str) -> str:
        try:
            return self._resolve(written, field.type, v)
        except ValueMismatch as mismatch:
            mismatch.inside(f".{field.name}")
            raise

    def _absent(self, field: RecordField) -> str:
        """An expression of the value of a field that the writer doesn't have."""
        if field.default is not NO_DEFAULT:
            default = self._source.name_of(default_of(self._schema, field, self._types), "default")
            inner = field.type.of if isinstance(field.type, Nullable) else field.type
            is_shared = isinstance(inner, (Scalar, Enumeration, Fixed, DecimalType, JSONText))
            return default if is_shared else f"deepcopy({default})"
        if _is_nullable(field):
            return "None"
        raise ValueMismatch("it isn't in the writer's schema, and has no default").inside(f".{field.name}")

    def _from_nullable(self, written: Nullable, read: Type, v: str) -> str:
        value, reason = self._or_raise(written.of, read, v)
        if reason is not None:
            raise _unlike(written, read)
        null, _ = self._or_raise(_NULL, read, v)
        first, second = (null, value) if written.null_first else (value, null)
        return lines(
            "n = data[pos]",
            "pos += 1",
            f"if n == 0:\n{indented(first)}",
            f"elif n == 2:\n{indented(second)}",
            "else:\n    raise no_branch(n)",
        )

    def _from_union(self, written: UnionOf, read: Type) -> str:
        def write(name: str) -> str:
            branches: list[Type] = [field.type.of for field in written.record.fields]  # type: ignore[union-attr]
            sources = [
                self._or_raise(branch, read, "v", [*branches[:place], *branches[place + 1 :]])
                for place, branch in enumerate(branches)
            ]
            if all(reason is not None for _, reason in sources):
                raise _unlike(written, read)
            if written.null is not None:
                sources.insert(written.null, self._or_raise(_NULL, read, "v"))
            return function(
                f"{name}(data, pos, end)",
                "n, pos = read_long(data, pos)",
                *(
                    lines(f"if n == {number}:", indented(lines(source, "return v, pos")))
                    for number, (source, _) in enumerate(sources)
                ),
                "raise no_branch(128)",
            )

        return self._pair("union", written, read, write)

    def _or_raise(
        self, written: Type, read: Type, v: str, others: Sequence[Type] = ()
    ) -> tuple[str, ValueMismatch | None]:
        """Source that reads a branch; and if it can't be resolved, the reason, which the source raises when a record has it."""
        try:
            return self._resolve(written, read, v, others), None
        except ValueMismatch as mismatch:
            refusal = partial(ValueMismatch, mismatch.reason, mismatch.path)
            return f"raise {self._source.name_of(refusal, 'refusal')}()", mismatch

    def _to_union(self, written: Type, read: UnionOf, v: str, others: Sequence[Type]) -> str:
        if written == _NULL and read.null is not None:
            return f"{v} = None"
        branches: list[Type] = [field.type.of for field in read.record.fields]  # type: ignore[union-attr]
        shape = self._types.record(read.record)
        differences = [_difference(written, branch) for branch in branches]
        for place in sorted(range(len(branches)), key=differences.__getitem__):
            try:
                source = self._resolve(written, branches[place], v, others)
            except ValueMismatch:
                if differences[place] <= 1:
                    raise
                continue
            values = tuple_of(v if other == place else "None" for other in range(len(branches)))
            steps = self._source.name_of(steps_of(shape.names), "steps")
            return lines(
                guarded(source, f"{steps}[{place}]"), f"{v} = {self._source.name_of(shape.make, 'make')}({values})"
            )
        raise _unlike(written, read)

    def _pair(self, hint: str, written: Type, read: Type, write: Callable[[str], str]) -> str:
        """The name of the function of two types; ``write`` returns its source. Raises ValueMismatch, the same again and again."""
        key = id(written), id(read)
        if key in self._refused:
            reason, path = self._refused[key]
            raise ValueMismatch(reason).inside(path)
        try:
            return self._source.function_of((written, read), hint, write)
        except ValueMismatch as mismatch:
            self._refused[key] = mismatch.reason, mismatch.path
            raise


def _found(written: RecordType, read: RecordType) -> list[str | None]:
    """For each of the reader's fields the name of the writer's; None if there is none."""
    names = {field.name for field in written.fields}
    return [next((name for name in (field.name, *field.aliases) if name in names), None) for field in read.fields]


def _is_nullable(field: RecordField) -> bool:
    return isinstance(field.type, Nullable) or (isinstance(field.type, UnionOf) and field.type.null is not None)


def _is_text(field: RecordField) -> bool:
    """Whether a field has JSON text in it: two schemas may mean different types by the same name."""
    return "JSONText(" in repr(field.type)


def _no_symbol(enum: str, symbol: str) -> ValueMismatch:
    return ValueMismatch(f"the enum {enum!r} has no symbol {symbol!r} and no default")


def _is_same_decimal(written: DecimalType, read: DecimalType) -> bool:
    return written.scale == read.scale and written.precision <= read.precision


def _plain(type_: Type) -> Type:
    """A type without its logical type, if that gives it another class."""
    if isinstance(type_, DecimalType):
        return _BYTES if type_.size is None else Fixed(type_.name, type_.size)
    return Fixed(type_.name, 12) if isinstance(type_, Duration) else type_


def _difference(written: Type, branch: Type) -> int:
    """How far a branch is from the written type: 0 for the same one, 1 for its simple name, 2 for its kind, 3 for a promotion."""
    written, branch = _plain(written), _plain(branch)
    if isinstance(written, Scalar) and isinstance(branch, Scalar):
        return 0 if written.name == branch.name else 2 if written.avro == branch.avro else 3
    if type(written) is not type(branch):
        return 3
    name, names = getattr(written, "name", ""), [getattr(branch, "name", ""), *getattr(branch, "aliases", ())]
    if name in names:
        return 0
    return 1 if name.rpartition(".")[2] in {other.rpartition(".")[2] for other in names} else 2


def _has_name_of(written: Type, read: Type) -> bool:
    """Whether both are a record, an enum or a fixed type, of one name or alias."""
    return isinstance(_plain(read), (RecordType, Enumeration, Fixed)) and _difference(written, read) <= 1


def _unlike(written: Type, read: Type) -> ValueMismatch:
    return ValueMismatch(f"{_shown(written)} of the writer's schema can't be read as {_shown(read)}")


def _shown(type_: Type) -> str:
    kind = getattr(type_, "name", "") or type(type_).__name__
    return repr(kind)
