"""Schema resolution: values that were written with one schema, as values of another one.

Rules:
1. Fields are found by name, then by the aliases of the reader's field. What only the writer has is left out; what only the
   reader has is its default, or null if it is nullable.
2. Numbers are promoted as Avro says (int to long, float and double, long to float and double, float to double), and string and
   bytes are read as each other.
3. A symbol that the reader's enum doesn't have is its default. A branch of a union that the reader can't read is an error if a
   record has it.
4. The names of records count in unions alone: outside of them there is nothing to choose.
5. Schemas that can't be resolved raise ValueMismatch when the function is made, not at a record.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from beam_dis.formats.defaults import default_of
from beam_dis.formats.mismatch import FAULTS, ValueMismatch, at_step
from beam_dis.formats.scalars import single
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

Adapt = Callable[[Any], Any]

_NULL = Scalar("null")


class WrittenValues(ValueTypes):
    """Values as they are written: records are tuples, times and dates numbers."""

    def record(self, record: RecordType) -> RecordShape:
        """What a record is: the tuple of its values."""
        return RecordShape(tuple, _same, tuple(field.name for field in record.fields))

    def number(self, scalar: Scalar) -> None:
        """None: each is just its number."""


def _same(value: Any) -> Any:
    return value


_PROMOTED: dict[tuple[str, str], Adapt] = {
    ("int", "long"): _same,
    ("int", "float"): lambda value: single(float(value)),
    ("long", "float"): lambda value: single(float(value)),
    ("int", "double"): float,
    ("long", "double"): float,
    ("float", "double"): _same,
    ("string", "bytes"): str.encode,
    ("bytes", "string"): bytes.decode,
}


class SchemaResolver:
    """Makes the functions from written values to those of the reader's schema; ``types`` says what these are."""

    def __init__(self, schema: Schema, types: ValueTypes) -> None:
        self._schema = schema
        self._types = types
        self._known: dict[tuple[int, int], tuple[Type, Type, Adapt]] = {}

    def adapter(self, written: Type, read: Type) -> Adapt:
        """The function from a written value to the one that is read. Raises ValueMismatch if there is none."""
        key = (id(written), id(read))
        if key not in self._known:
            self._known[key] = (written, read, self._adapter(written, read))
        return self._known[key][2]

    def _adapter(self, written: Type, read: Type) -> Adapt:
        if isinstance(written, (Nullable, UnionOf)):
            return self._from_union(written, read)
        if isinstance(read, Nullable):
            return _same if written == _NULL else self.adapter(written, read.of)
        if isinstance(read, UnionOf):
            return self._to_union(written, read)
        if isinstance(written, RecordType) and isinstance(read, RecordType):
            return self._record(written, read)
        if isinstance(written, (ArrayOf, MapOf)) and type(written) is type(read):
            return self._items(written, read)
        if isinstance(written, Scalar) and isinstance(read, Scalar):
            return self._scalar(written, read)
        if isinstance(written, Enumeration) and isinstance(read, Enumeration):
            return _symbol(written, read)
        if isinstance(written, Duration) and isinstance(read, Duration):
            return self._types.record(read.record).make
        if _is_same_plain_type(written, read):
            return _same
        raise _unlike(written, read)

    def _scalar(self, written: Scalar, read: Scalar) -> Adapt:
        promote = _same if written.avro == read.avro else _PROMOTED.get((written.avro, read.avro))
        if promote is None:
            raise _unlike(written, read)
        if read.name == "uuid":
            return lambda value: str(UUID(promote(value)))
        number = self._types.number(read)
        if number is None:
            return promote
        value_of = number.value
        return value_of if promote is _same else lambda value: value_of(promote(value))

    def _items(self, written: ArrayOf | MapOf, read: Any) -> Adapt:
        adapt = self.adapter(written.of, read.of)
        if adapt is _same:
            return _same
        if isinstance(written, MapOf):
            return lambda items: {key: adapt(value) for key, value in items.items()}
        return lambda items: [adapt(value) for value in items]

    def _record(self, written: RecordType, read: RecordType) -> Adapt:
        places = {field.name: place for place, field in enumerate(written.fields)}
        takes: list[Adapt] = []
        for field in read.fields:
            place = next((places[name] for name in (field.name, *field.aliases) if name in places), None)
            try:
                if place is None:
                    takes.append(self._missing(field))
                else:
                    takes.append(_at(place, self.adapter(written.fields[place].type, field.type)))
            except ValueMismatch as mismatch:
                raise mismatch.inside(f".{field.name}") from mismatch
        make = self._types.record(read).make

        def adapt(values: tuple[Any, ...]) -> Any:
            taken: list[Any] = []
            try:
                for take in takes:
                    taken.append(take(values))  # noqa: PERF401 - its length says which field is wrong
            except (*FAULTS, ValueMismatch) as error:
                raise at_step(error, f".{read.fields[len(taken)].name}") from error
            return make(tuple(taken))

        return adapt

    def _missing(self, field: RecordField) -> Adapt:
        if field.default is not NO_DEFAULT:
            default = default_of(self._schema, field, self._types)
            return lambda _values: deepcopy(default)
        if isinstance(field.type, Nullable) or (isinstance(field.type, UnionOf) and field.type.null is not None):
            return lambda _values: None
        raise ValueMismatch("it isn't in the writer's schema, and has no default")

    def _from_union(self, written: Nullable | UnionOf, read: Type) -> Adapt:
        if isinstance(written, Nullable):
            branches, has_null = [written.of], True
        else:
            branches = [field.type.of for field in written.record.fields]  # type: ignore[union-attr]
            has_null = written.null is not None
        adapts = [self._or_refuse(branch, read) for branch in branches]
        if all(isinstance(adapt, _Refusal) for adapt in adapts):
            raise _unlike(written, read)
        from_null = self._or_refuse(_NULL, read) if has_null else _same
        if isinstance(written, Nullable):
            inner = adapts[0]
            return lambda value: from_null(None) if value is None else inner(value)

        def adapt(branch_values: tuple[Any, ...] | None) -> Any:
            if branch_values is None:
                return from_null(None)
            place = next(place for place, value in enumerate(branch_values) if value is not None)
            return adapts[place](branch_values[place])

        return adapt

    def _or_refuse(self, written: Type, read: Type) -> Adapt:
        """The function of a branch; if it can't be resolved, one that raises that when a record has it."""
        try:
            return self.adapter(written, read)
        except ValueMismatch as mismatch:
            return _Refusal(mismatch)

    def _to_union(self, written: Type, read: UnionOf) -> Adapt:
        if written == _NULL and read.null is not None:
            return _same
        branches = [field.type.of for field in read.record.fields]  # type: ignore[union-attr]
        make, count = self._types.record(read.record).make, len(branches)
        for place in sorted(range(count), key=lambda place: _difference(written, branches[place])):
            try:
                adapt = self.adapter(written, branches[place])
            except ValueMismatch:
                continue
            before, after = (None,) * place, (None,) * (count - place - 1)
            return partial(_in_branch, make, before, adapt, after)
        raise _unlike(written, read)


def _at(place: int, adapt: Adapt) -> Adapt:
    return lambda values: adapt(values[place])


def _in_branch(make: Adapt, before: tuple[None, ...], adapt: Adapt, after: tuple[None, ...], value: Any) -> Any:
    return make((*before, adapt(value), *after))


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Raises why a branch can't be read, when a record has it."""

    mismatch: ValueMismatch

    def __call__(self, _value: Any) -> Any:
        raise ValueMismatch(self.mismatch.reason, self.mismatch.path)


def _symbol(written: Enumeration, read: Enumeration) -> Adapt:
    known = frozenset(read.symbols)
    if known.issuperset(written.symbols):
        return _same

    def adapt(symbol: str) -> str:
        if symbol in known:
            return symbol
        if read.default is None:
            raise ValueMismatch(f"the enum {read.name!r} has no symbol {symbol!r} and no default")
        return read.default

    return adapt


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
