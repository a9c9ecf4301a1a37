"""How a Python value becomes the value of a scalar type, in every format.

Rules:
1. A subclass of a type that is written is that type: enum members, pandas.Timestamp, numpy's scalars.
2. A number counts by its value: 5.0 is the int 5, and 5 is the double 5.0. Nothing is rounded: a float that isn't a whole
   number below 2**53 is no int, and an int that no double has is no double.
3. A ``float`` has 32 bits in every format, so its value is the nearest one of 32 bits.
4. Values out of range are refused, alike in reading and in writing.
"""

from __future__ import annotations

import math
import struct
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation
from functools import lru_cache
from typing import Any
from uuid import UUID

from beam_dis.formats.mismatch import ValueMismatch, expected
from beam_dis.formats.type_tree import DecimalType, Enumeration, Fixed, Scalar
from beam_dis.plain_values import plain_bytes, plain_value, shown

Convert = Callable[[Any], Any]

_SINGLE = struct.Struct("<f")
_EXACT_FLOAT = 2**53
MAX_DOUBLE = 1.7976931348623157e308
RANGES = {"int": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1), "unsigned-int": (0, 2**32 - 1)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """How a value of one scalar type is checked.

    Attributes:
        is_right: an expression of ``{v}`` that is true for values that need no conversion.
        convert: returns the value that is written; raises ValueMismatch.
    """

    is_right: str
    convert: Convert


def python_value(value: Any) -> Any:
    """A value in Python's own types; None for pandas' NA and NaT."""
    plain = plain_value(value)
    kind: type = type(plain)
    convert = _conversion(kind)
    return plain if convert is None else convert(plain)


@lru_cache(maxsize=256)
def _conversion(kind: type) -> Convert | None:
    """What makes Python's own value of one of a type that :func:`plain_value` leaves as it is; None if such values stay."""
    if issubclass(kind, (bytearray, memoryview)):
        return plain_bytes
    if issubclass(kind, Decimal):
        return Decimal
    is_missing_value = kind.__module__.startswith("pandas.") and kind.__name__ in {"NAType", "NaTType"}
    return (lambda _: None) if is_missing_value else None


def single(value: float) -> float:
    """The nearest float of 32 bits. Raises ValueMismatch if there is none."""
    try:
        return _SINGLE.unpack(_SINGLE.pack(value))[0]  # type: ignore[no-any-return]
    except OverflowError as error:
        raise ValueMismatch(f"{shown(value)} is out of range: more than 32 bits hold") from error


def integral(value: float | Decimal, low: int, high: int) -> int:
    """A whole number that was written as a float, as the int that it is."""
    if not math.isfinite(value) or value != int(value) or (type(value) is float and abs(value) >= _EXACT_FLOAT):
        raise expected("int", value)
    return in_range(int(value), low, high)


def in_range(value: int, low: int, high: int) -> int:
    """An int of a range, as it is."""
    if value > high:
        raise ValueMismatch(f"Expected `int` <= {high}: {shown(value)}")
    if value < low:
        raise ValueMismatch(f"Expected `int` >= {low}: {shown(value)}")
    return value


def to_integer(low: int, high: int) -> Convert:
    """The conversion to an int of a range."""

    def convert(given: Any) -> int:
        value = python_value(given)
        if type(value) is int:
            return in_range(value, low, high)
        if type(value) is float or type(value) is Decimal:
            return integral(value, low, high)
        raise expected("int", value)

    return convert


def to_double(given: Any) -> float:
    """A float of 64 bits."""
    value = python_value(given)
    if type(value) is float:
        return value
    if type(value) is Decimal:
        return float(value)
    if type(value) is not int:
        raise expected("float", value)
    if abs(value) > MAX_DOUBLE or int(float(value)) != value:
        raise ValueMismatch(f"{shown(value)} is out of range: no double has this value")
    return float(value)


def to_single(given: Any) -> float:
    """A float of 32 bits."""
    return single(to_double(given))


def finite(convert: Convert) -> Convert:
    """A conversion to a float that refuses NaN and infinities, which JSON doesn't have."""

    def convert_finite(given: Any) -> float:
        value: float = convert(given)
        if not math.isfinite(value):
            raise ValueMismatch(f"Expected `float` that is finite, as JSON has them: {shown(value)}")
        return value

    return convert_finite


def _exactly(kind: type, name: str) -> Convert:
    def convert(given: Any) -> Any:
        value = python_value(given)
        if type(value) is not kind:
            raise expected(name, value)
        return value

    return convert


def to_uuid(given: Any) -> str:
    """The canonical text of a UUID."""
    value = python_value(given)
    if isinstance(value, UUID):
        return str(value)
    if type(value) is not str:
        raise expected("uuid", value)
    try:
        return str(UUID(value))
    except ValueError as error:
        raise ValueMismatch(f"{shown(value)} is not a UUID") from error


def to_null(given: Any) -> None:
    """None."""
    if python_value(given) is not None:
        raise expected("null", given)


def is_missing(value: Any) -> bool:
    """Whether a value means null: None, pandas' NA and NaT, numpy's NaT."""
    return value is None or (type(value).__module__.startswith(("pandas", "numpy")) and python_value(value) is None)


def to_symbol(enumeration: Enumeration) -> Convert:
    """The conversion to a symbol of an enumeration."""
    symbols = frozenset(enumeration.symbols)

    def convert(given: Any) -> str:
        value = python_value(given)
        if type(value) is not str:
            raise expected("str", value)
        if value not in symbols:
            raise ValueMismatch(f"Invalid enum value {shown(value)}: not one of {', '.join(enumeration.symbols)[:200]}")
        return value

    return convert


def to_fixed(fixed: Fixed) -> Convert:
    """The conversion to so many bytes."""

    def convert(given: Any) -> bytes:
        value = python_value(given)
        if type(value) is not bytes:
            raise expected("bytes", value)
        if len(value) != fixed.size:
            raise ValueMismatch(f"Expected {fixed.size} bytes, got {len(value)}: {shown(value)}")
        return value

    return convert


def to_decimal(type_: DecimalType) -> Convert:
    """The conversion to a Decimal of a precision and a scale; a float counts as it is printed."""
    step = Decimal((0, (1,), -type_.scale))
    context = Context(prec=type_.precision, traps=[Inexact, InvalidOperation])

    to_whole = _exactly(int, "decimal")

    def convert(given: Any) -> Decimal:
        value = python_value(given)
        try:
            if type(value) is float:
                exact = Decimal(repr(value))
            else:
                exact = Decimal(value if type(value) is Decimal else to_whole(value))
            if not exact.is_finite():
                raise InvalidOperation("it is no number")
            exact = exact.quantize(step, context=context)
        except DecimalException as error:
            raise ValueMismatch(
                f"{shown(value)} is not a decimal of {type_.precision} digits, {type_.scale} of them after the point"
            ) from error
        return exact or abs(exact)  # Avro has no negative zero

    return convert


def decimal_text(value: Decimal) -> str:
    """The digits of a decimal, with all those after the point and without an exponent."""
    return f"{value:f}"


def unscaled(value: Decimal, scale: int) -> int:
    """The whole number of a decimal, its digits without the point."""
    sign, digits, exponent = value.as_tuple()
    number: int = int("".join(map(str, digits))) * 10 ** (int(exponent) + scale)
    return -number if sign else number


def from_unscaled(number: int, type_: DecimalType) -> Decimal:
    """The decimal of its digits. Raises ValueMismatch if these are too many."""
    if abs(number) >= 10**type_.precision:
        raise ValueMismatch(f"{shown(number)} has more than {type_.precision} digits")
    return Decimal((int(number < 0), tuple(map(int, str(abs(number)))), -type_.scale))


CHECKS: dict[str, Check] = {
    "null": Check(is_right="{v} is None", convert=to_null),
    "boolean": Check(is_right="type({v}) is bool", convert=_exactly(bool, "bool")),
    "int": Check(is_right="type({v}) is int and -2147483648 <= {v} <= 2147483647", convert=to_integer(*RANGES["int"])),
    "long": Check(
        is_right="type({v}) is int and -9223372036854775808 <= {v} <= 9223372036854775807",
        convert=to_integer(*RANGES["long"]),
    ),
    "unsigned-int": Check(
        is_right="type({v}) is int and 0 <= {v} <= 4294967295", convert=to_integer(*RANGES["unsigned-int"])
    ),
    "float": Check(is_right="False", convert=to_single),
    "double": Check(is_right="type({v}) is float", convert=to_double),
    "string": Check(is_right="type({v}) is str", convert=_exactly(str, "str")),
    "bytes": Check(is_right="type({v}) is bytes", convert=_exactly(bytes, "bytes")),
    "uuid": Check(is_right="False", convert=to_uuid),
}


def check_of(type_: Scalar | Enumeration | Fixed | DecimalType, *, allow_nan: bool = True) -> Check:
    """How values of a type are checked that has no number of its own. ``allow_nan`` is about infinities too."""
    if isinstance(type_, Enumeration):
        return Check(is_right="type({v}) is str and {v} in symbols", convert=to_symbol(type_))
    if isinstance(type_, Fixed):
        return Check(is_right="False", convert=to_uuid if type_.uuid else to_fixed(type_))
    if isinstance(type_, DecimalType):
        return Check(is_right="False", convert=to_decimal(type_))
    check = CHECKS[type_.name]
    if allow_nan or type_.name not in {"float", "double"}:
        return check
    is_right = (
        check.is_right if type_.name == "float" else f"type({{v}}) is float and -{MAX_DOUBLE} <= {{v}} <= {MAX_DOUBLE}"
    )
    return Check(is_right=is_right, convert=finite(check.convert))


def base64_text(data: bytes) -> str:
    """Bytes in base64."""
    return b64encode(data).decode("ascii")


def mapping_of(value: Any) -> Mapping[str, Any] | None:
    """A value with named fields as a mapping; None for anything else.

    It may be a dict, a NamedTuple, a beam.Row, or an instance of a class of dataclasses, attrs, msgspec or pydantic.
    """
    if isinstance(value, Mapping):
        return value
    if hasattr(value, "_asdict") and not isinstance(value, type):
        fields: Mapping[str, Any] = value._asdict()
        return fields
    kind: type = type(value)
    names = _field_names(kind)
    return None if names is None else {name: getattr(value, name) for name in names}


@lru_cache(maxsize=256)
def _field_names(kind: type) -> tuple[str, ...] | None:
    """The names of the fields that a class declares; None if it declares none."""
    for attribute in ("__dataclass_fields__", "__struct_fields__", "model_fields"):
        declared = getattr(kind, attribute, None)
        if isinstance(declared, (tuple, Mapping)):
            return tuple(declared)
    declared = getattr(kind, "__attrs_attrs__", None)
    return None if declared is None else tuple(attribute.name for attribute in declared)
