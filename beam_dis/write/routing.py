"""Where an element goes, and under which key.

Law: pure, no Beam. What the user gave (``"field"`` or a function) becomes a function of the element once, when the
pipeline is built; what it returns is checked on every element, so that nothing the service must refuse is sent.
``partition_id`` wins over ``explicit_hash_key`` over ``partition_key`` over none; all that are given are written, and a
function that returns None gives none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from beam_dis.errors import ConfigurationError, EncodeError
from beam_dis.names import canonical_partition_id
from beam_dis.record import PutRecord
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import STREAM_NAME
from beam_dis.wire.ranges import explicit_hash

Rule = str | Callable[[Any], Any] | None

canonical_partition = lru_cache(maxsize=4096)(canonical_partition_id)


@dataclass(frozen=True, slots=True)
class Field:
    """The value of one field of an element: an attribute (NamedTuple, row, dataclass) or a key of a dict."""

    name: str

    def __call__(self, element: Any) -> Any:
        """Look it up; EncodeError where there is no such field."""
        try:
            return element[self.name] if isinstance(element, dict) else getattr(element, self.name)
        except (AttributeError, KeyError):
            raise EncodeError(
                f"an element of type {type(element).__name__} has no field {self.name!r};"
                " name one that it has, or give a function of the element"
            ) from None


@dataclass(frozen=True, slots=True)
class PartitionKey:
    """A partition key: text, or None for none."""

    value_of: Callable[[Any], Any]

    def __call__(self, element: Any) -> str | None:
        """Compute and check it; EncodeError where it is something else."""
        try:
            key = self.value_of(element)
        except Exception as error:
            raise _encode_error(error, "partition_key raised ") from error
        if key is None or (isinstance(key, str) and (key.isascii() or _is_utf8(key))):
            return key
        wrong = "UTF-8 can't hold" if isinstance(key, str) else "is not a str"
        raise EncodeError(f"partition_key gave {key!r}, which {wrong}: give a function that returns text, or None")


@dataclass(frozen=True, slots=True)
class ExplicitHashKey:
    """A place among the hash ranges: an int, or a decimal text, of 0 to 2^63-1, or None for none."""

    value_of: Callable[[Any], Any]

    def __call__(self, element: Any) -> str | None:
        """Compute and check it; EncodeError where it is something else."""
        try:
            key = self.value_of(element)
        except Exception as error:
            raise _encode_error(error, "explicit_hash_key raised ") from error
        if key is None:
            return None
        try:
            return str(explicit_hash(key if isinstance(key, str) else f"{key:d}"))
        except (Refusal, TypeError, ValueError):
            raise EncodeError(f"explicit_hash_key gave {key!r}, which is not a number of 0 to 2**63 - 1") from None


@dataclass(frozen=True, slots=True)
class PartitionId:
    """A partition: its number or its id, or None for none."""

    value_of: Callable[[Any], Any]

    def __call__(self, element: Any) -> str | None:
        """Compute and check it; EncodeError where it is something else."""
        try:
            partition = self.value_of(element)
        except Exception as error:
            raise _encode_error(error, "partition_id raised ") from error
        if partition is None:
            return None
        try:
            return canonical_partition(partition)
        except (ConfigurationError, TypeError) as error:
            raise EncodeError(f"partition_id gave a wrong value: {error}") from error


@dataclass(frozen=True, slots=True)
class StreamOf:
    """A stream for each element, by its name or id."""

    value_of: Callable[[Any], Any]

    def __call__(self, element: Any) -> str:
        """Compute and check it; EncodeError where it is something else."""
        try:
            stream = self.value_of(element)
        except Exception as error:
            raise _encode_error(error, "stream raised ") from error
        if isinstance(stream, str) and STREAM_NAME.fullmatch(stream):
            return stream
        raise EncodeError(f"stream gave {stream!r}, which is not a stream's name (1 to 64 of A-Z, a-z, 0-9, _ and -)")


@dataclass(frozen=True, slots=True)
class RecordOf:
    """An element as the record that will be written. Whatever goes wrong in it is an EncodeError."""

    encode: Callable[[Any], bytes]
    partition_key: PartitionKey | None = None
    explicit_hash_key: ExplicitHashKey | None = None
    partition_id: PartitionId | None = None

    def __call__(self, element: Any) -> PutRecord:
        """Encode and route."""
        try:
            return PutRecord(
                self.encode(element),
                None if self.partition_key is None else self.partition_key(element),
                None if self.explicit_hash_key is None else self.explicit_hash_key(element),
                None if self.partition_id is None else self.partition_id(element),
            )
        except Exception as error:
            raise _encode_error(error) from error


def record_of(
    encode: Callable[[Any], bytes],
    *,
    partition_key: Rule = None,
    explicit_hash_key: Rule = None,
    partition_id: Rule = None,
) -> RecordOf:
    """How elements become records; ConfigurationError where a rule is neither a field's name nor a function."""
    return RecordOf(
        encode,
        None if partition_key is None else PartitionKey(rule("partition_key", partition_key)),
        None if explicit_hash_key is None else ExplicitHashKey(rule("explicit_hash_key", explicit_hash_key)),
        None if partition_id is None else PartitionId(rule("partition_id", partition_id)),
    )


def rule(argument: str, given: Any) -> Callable[[Any], Any]:
    """``"field"`` or a function of the element, as a function."""
    if isinstance(given, str) and given:
        return Field(given)
    if callable(given):
        return given  # type: ignore[no-any-return]
    raise ConfigurationError(
        f"{argument}={given!r} is neither a field's name nor a function of the element;"
        f" for a constant give {argument}=lambda _: {given!r}"
    )


def stream_rule(given: Any) -> str | StreamOf:
    """A stream's name or id as it is, a function of the element as a checked one."""
    if isinstance(given, str) and STREAM_NAME.fullmatch(given):
        return given
    if callable(given):
        return StreamOf(given)
    raise ConfigurationError(
        f"stream={given!r} is not a stream's name (1 to 64 of A-Z, a-z, 0-9, _ and -), nor a function of the element"
    )


def require_fields(fields: Collection[str], **rules: Rule) -> None:
    """ConfigurationError where a rule names a field that elements of these fields don't have."""
    for argument, given in rules.items():
        if isinstance(given, str) and given not in fields:
            raise ConfigurationError(
                f"{argument}={given!r}: the elements have no such field; they have {', '.join(sorted(fields))}."
                f" For a constant give {argument}=lambda _: {given!r}"
            )


def _is_utf8(text: str) -> bool:
    """Half of a surrogate pair is a str, but no text that can be sent."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _encode_error(error: Exception, where: str = "") -> EncodeError:
    """The same as an EncodeError, so that a user's function fails like a coder."""
    return error if isinstance(error, EncodeError) else EncodeError(f"{where}{type(error).__name__}: {error}")
