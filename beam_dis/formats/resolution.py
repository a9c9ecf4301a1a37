"""Schema resolution: writes the source of a function that reads what one schema wrote straight as a value of another one.

Rules:
1. Fields are found by name, then by the aliases of the reader's field. What only the writer has is left out; what only the
   reader has is its default, or null if it is nullable.
2. Numbers are promoted as Avro says (int to long, float and double, long to float and double, float to double), and string and
   bytes are read as each other.
3. A symbol that the reader's enum doesn't have is its default. A branch of a union that the reader can't read is an error if a
   record has it.
4. The names of records count in unions alone: outside of them there is nothing to choose.
5. Schemas that can't be resolved raise ValueMismatch when the function is made, not at a record.
6. A pair of types is resolved once, whether it can be or not, so that schemas of shared types cost what their text costs.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import partial

from beam_dis.formats.avro_reader import AvroReader, Read, canonical_uuid
from beam_dis.formats.defaults import default_of
from beam_dis.formats.json_writer import JSONTexts
from beam_dis.formats.mismatch import ValueMismatch
from beam_dis.formats.scalars import single
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
from beam_dis.formats.value_types import RecordShape, ValueTypes

_NULL = Scalar("null")

_PROMOTED = {
    ("int", "long"): "{v}",
    ("int", "float"): "single({v})",
    ("long", "float"): "single({v})",
    ("int", "double"): "float({v})",
    ("long", "double"): "float({v})",
    ("float", "double"): "{v}",
}
"""The types of two numbers → source of the second, by the first."""


class WrittenValues(ValueTypes):
    """Values as they are written: records are tuples, times and dates numbers."""

    def record(self, record: RecordType) -> RecordShape:
        """What a record is: the tuple of its values."""
        return RecordShape(tuple, tuple, tuple(field.name for field in record.fields))

    def number(self, scalar: Scalar) -> None:
        """None: each is just its number."""


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
        self._refused: dict[tuple[int, int], ValueMismatch] = {}
        source.use(single=single, deepcopy=deepcopy)

    def function(self) -> Read:
        """The function that reads the schema's record. Raises ValueMismatch if the schemas can't be resolved."""
        return self._source.compile(self._resolved_record(self._writer.record, self._schema.record))

    def _resolve(self, written: Type, read: Type, v: str) -> str:
        """Source that sets ``v`` to the value of type ``read`` that is written at ``pos``, and ``pos`` to the position after it."""
        if isinstance(written, Nullable):
            return self._from_nullable(written, read, v)
        if isinstance(written, UnionOf):
            return f"{v}, pos = {self._from_union(written, read)}(data, pos, end)"
        if isinstance(read, Nullable):
            return f"{v} = None" if written == _NULL else self._resolve(written, read.of, v)
        if isinstance(read, UnionOf):
            return self._to_union(written, read, v)
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
        if isinstance(written, Duration) and isinstance(read, Duration):
            return self.read(read, v)
        if _is_same_plain_type(written, read):
            return self._written.read(written, v)
        raise _unlike(written, read)

    def _resolved_scalar(self, written: Scalar, read: Scalar, v: str) -> str:
        if {written.avro, read.avro} == {"string", "bytes"}:
            source = self._primitive(read.avro, v)
        elif written.avro == read.avro:
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

    def _record_of(self, name: str, written: RecordType, read: RecordType) -> str:
        use = self._source.name_of
        names = [field.name for field in written.fields]
        found = [next((name for name in (field.name, *field.aliases) if name in names), None) for field in read.fields]
        steps: list[str] = []
        body: list[str] = []
        for given in written.fields:
            places = [place for place, name in enumerate(found) if name == given.name]
            if not places:
                body.append(lines(f"at = {len(steps)}", self._written.read(given.type, "v")))
                steps.append(given.name)
            for again, place in enumerate(places):
                field = read.fields[place]
                start = "pos = start" if again else "start = pos" if len(places) > 1 else ""
                body.append(lines(start, f"at = {len(steps)}", self._inside(field, given.type, f"v{place}")))
                steps.append(field.name)
        absent = [f"v{place} = {self._absent(read.fields[place])}" for place, name in enumerate(found) if name is None]
        step = f"{use(steps_of(steps), 'steps')}[at]"
        make = use(self._types.record(read).make, "make")
        return function(
            f"{name}(data, pos, end)",
            guarded(lines(*body), step) if body else "",
            *absent,
            f"return {make}({tuple_of(f'v{place}' for place in range(len(read.fields)))}), pos",
        )

    def _inside(self, field: RecordField, written: Type, v: str) -> str:
        try:
            return self._resolve(written, field.type, v)
        except ValueMismatch as mismatch:
            raise mismatch.inside(f".{field.name}") from mismatch

    def _absent(self, field: RecordField) -> str:
        """An expression of the value of a field that the writer doesn't have."""
        if field.default is not NO_DEFAULT:
            default = self._source.name_of(default_of(self._schema, field, self._types), "default")
            inner = field.type.of if isinstance(field.type, Nullable) else field.type
            is_shared = isinstance(inner, (Scalar, Enumeration, Fixed, DecimalType, JSONText))
            return default if is_shared else f"deepcopy({default})"
        if isinstance(field.type, Nullable) or (isinstance(field.type, UnionOf) and field.type.null is not None):
            return "None"
        raise ValueMismatch("it isn't in the writer's schema, and has no default", f".{field.name}")

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
            sources = [self._or_raise(branch, read, "v") for branch in branches]
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

    def _or_raise(self, written: Type, read: Type, v: str) -> tuple[str, ValueMismatch | None]:
        """Source that reads a branch; and if it can't be resolved, the reason, which the source raises when a record has it."""
        try:
            return self._resolve(written, read, v), None
        except ValueMismatch as mismatch:
            refusal = partial(ValueMismatch, mismatch.reason, mismatch.path)
            return f"raise {self._source.name_of(refusal, 'refusal')}()", mismatch

    def _to_union(self, written: Type, read: UnionOf, v: str) -> str:
        if written == _NULL and read.null is not None:
            return f"{v} = None"
        branches: list[Type] = [field.type.of for field in read.record.fields]  # type: ignore[union-attr]
        shape = self._types.record(read.record)
        for place in sorted(range(len(branches)), key=lambda place: _difference(written, branches[place])):
            try:
                source = self._resolve(written, branches[place], v)
            except ValueMismatch:
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
            raise self._refused[key].inside("")
        try:
            return self._source.function_of((written, read), hint, write)
        except ValueMismatch as mismatch:
            self._refused[key] = mismatch
            raise


def _no_symbol(enum: str, symbol: str) -> ValueMismatch:
    return ValueMismatch(f"the enum {enum!r} has no symbol {symbol!r} and no default")


def _is_same_plain_type(written: Type, read: Type) -> bool:
    if isinstance(written, Fixed) and isinstance(read, Fixed):
        return (written.size, written.uuid) == (read.size, read.uuid)
    if isinstance(written, DecimalType) and isinstance(read, DecimalType):
        return written.scale == read.scale and written.precision <= read.precision
    return isinstance(written, JSONText) and isinstance(read, JSONText)


def _difference(written: Type, branch: Type) -> int:
    """How far a branch is from the written type: 0 for the same type or name, 1 for the same kind, 2 for a promotion."""
    if isinstance(written, Scalar) and isinstance(branch, Scalar):
        return 0 if written.name == branch.name else 1 if written.avro == branch.avro else 2
    if type(written) is not type(branch):
        return 2
    names = [getattr(branch, "name", ""), *getattr(branch, "aliases", ())]
    simple = {name.rpartition(".")[2] for name in names}
    return 0 if getattr(written, "name", "").rpartition(".")[2] in simple else 1


def _unlike(written: Type, read: Type) -> ValueMismatch:
    return ValueMismatch(f"{_shown(written)} of the writer's schema can't be read as {_shown(read)}")


def _shown(type_: Type) -> str:
    kind = getattr(type_, "name", "") or type(type_).__name__
    return repr(kind)
