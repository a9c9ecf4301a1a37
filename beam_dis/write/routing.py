"""Chooses the stream, the partition and the partition key of each element's record.

Rules:
1. Pure, no Beam. Every class here pickles, since its objects travel to the workers.
2. The arguments of WriteToDIS are checked when the pipeline is built. The value for each element is checked before the
   record is sent, so that one wrong value never makes the service refuse a whole request.
3. ``partition_id`` wins over ``explicit_hash_key``, which wins over ``partition_key``. All values are sent; a function
   that returns None leaves its value out.
4. Whatever a user's function raises is an EncodeError, as if a coder had failed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from beam_dis.errors import ConfigurationError, EncodeError
from beam_dis.field_values import FieldValue
from beam_dis.instants import micros_of
from beam_dis.names import (
    canonical_partition_id,
    checked_hash_key,
    checked_partition_key,
    checked_stream,
    checked_timestamp,
    did_you_mean,
)
from beam_dis.plain_values import plain_bytes, shown
from beam_dis.record import PutRecord

FieldOrFunction = str | Callable[[Any], Any] | None
"""The name of a field of the element, or a function of the element, or nothing."""

MOST_CLIENT_INFO = 16
"""The bytes of client information that V3IO takes: the only service that takes any."""

_partition_id_of = lru_cache(maxsize=4096, typed=True)(canonical_partition_id)  # typed: True is not 1


@dataclass(frozen=True, slots=True)
class PartitionKey:
    """The partition key of an element: a string, or None."""

    value_of: Callable[[Any], Any]

    def __call__(self, element: Any) -> str | None:
        """The checked key. Raises EncodeError."""
        try:
            key = self.value_of(element)
        except Exception as error:
            raise _encode_error(error, "partition_key raised ") from error
        if type(key) is str and key and key.isascii():  # the usual key, as it is checked below too
            return key
        try:
            return None if key is None else checked_partition_key("partition_key", key)
        except ConfigurationError as error:
            raise EncodeError(f"wrong result of partition_key: {error}") from error


@dataclass(frozen=True, slots=True)
class ExplicitHashKey:
    """The explicit hash key of an element: an int or decimal text, 0 to 2^63-1, or None."""

    value_of: Callable[[Any], Any]

    def __call__(self, element: Any) -> str | None:
        """The checked key, as decimal text. Raises EncodeError."""
        try:
            key = self.value_of(element)
        except Exception as error:
            raise _encode_error(error, "explicit_hash_key raised ") from error
        try:
            return None if key is None else checked_hash_key("explicit_hash_key", key)
        except ConfigurationError as error:
            raise EncodeError(f"wrong result of explicit_hash_key: {error}") from error


@dataclass(frozen=True, slots=True)
class PartitionId:
    """The partition of an element: its number or its id, or None."""

    value_of: Callable[[Any], Any]

    def __call__(self, element: Any) -> str | None:
        """The checked id, such as ``"shardId-0000000000"``. Raises EncodeError."""
        try:
            partition = self.value_of(element)
        except Exception as error:
            raise _encode_error(error, "partition_id raised ") from error
        try:
            return None if partition is None else _partition_id_of(partition)
        except (ConfigurationError, TypeError) as error:
            raise EncodeError(f"wrong result of partition_id: {error}") from error


@dataclass(frozen=True, slots=True)
class RecordTime:
    """The time of an element's record in milliseconds since 1970, or None."""

    value_of: Callable[[Any], Any]

    def __call__(self, element: Any) -> int | None:
        """The time, rounded down. Raises EncodeError."""
        try:
            time = self.value_of(element)
        except Exception as error:
            raise _encode_error(error, "timestamp raised ") from error
        try:
            return None if time is None else checked_timestamp("timestamp", micros_of(time) // 1000)
        except (ConfigurationError, TypeError, ValueError, OverflowError) as error:
            raise EncodeError(f"wrong result of timestamp: {error}") from error


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """The client information of an element's record: up to 16 bytes, or None."""

    value_of: Callable[[Any], Any]

    def __call__(self, element: Any) -> bytes | None:
        """The checked bytes. Raises EncodeError."""
        try:
            info = self.value_of(element)
        except Exception as error:
            raise _encode_error(error, "client_info raised ") from error
        try:
            data = None if info is None else plain_bytes(info)
        except TypeError:
            raise EncodeError(f"wrong result of client_info: {shown(info)} is not bytes") from None
        if data is not None and len(data) > MOST_CLIENT_INFO:
            raise EncodeError(f"wrong result of client_info: {len(data)} bytes are more than {MOST_CLIENT_INFO}")
        return data


@dataclass(frozen=True, slots=True)
class StreamFunction:
    """A function that returns the stream of each element, by name or id; ``checked`` is that of the connection."""

    function: Callable[[Any], Any]
    checked: Callable[..., str] = checked_stream

    def __call__(self, element: Any) -> str:
        """The checked name or id. Raises EncodeError."""
        try:
            stream = self.function(element)
        except Exception as error:
            raise _encode_error(error, "stream raised ") from error
        try:
            return self.checked("stream", stream)
        except ConfigurationError as error:
            raise EncodeError(f"wrong result of stream: {error}") from error


@dataclass(frozen=True, slots=True)
class ElementEncoder:
    """Makes the record of an element: its data and where it goes. Every failure is an EncodeError."""

    encode: Callable[[Any], bytes]
    partition_key: PartitionKey | None = None
    explicit_hash_key: ExplicitHashKey | None = None
    partition_id: PartitionId | None = None
    timestamp: RecordTime | None = None
    client_info: ClientInfo | None = None

    def __call__(self, element: Any) -> PutRecord:
        """The record of an element. Raises EncodeError."""
        try:
            return PutRecord(
                self.encode(element),
                None if self.partition_key is None else self.partition_key(element),
                None if self.explicit_hash_key is None else self.explicit_hash_key(element),
                None if self.partition_id is None else self.partition_id(element),
                None if self.timestamp is None else self.timestamp(element),
                None if self.client_info is None else self.client_info(element),
            )
        except Exception as error:
            raise _encode_error(error) from error


def element_encoder(
    encode: Callable[[Any], bytes],
    *,
    partition_key: FieldOrFunction = None,
    explicit_hash_key: FieldOrFunction = None,
    partition_id: FieldOrFunction = None,
    timestamp: FieldOrFunction = None,
    client_info: FieldOrFunction = None,
) -> ElementEncoder:
    """An encoder from the arguments of WriteToDIS. Raises ConfigurationError if one is neither a name nor a function."""
    return ElementEncoder(
        encode,
        None if partition_key is None else PartitionKey(_function("partition_key", partition_key)),
        None if explicit_hash_key is None else ExplicitHashKey(_function("explicit_hash_key", explicit_hash_key)),
        None if partition_id is None else PartitionId(_function("partition_id", partition_id)),
        None if timestamp is None else RecordTime(_function("timestamp", timestamp)),
        None if client_info is None else ClientInfo(_function("client_info", client_info)),
    )


def stream_or_function(given: Any, checked: Callable[..., str] = checked_stream) -> str | StreamFunction:
    """The argument ``stream``: a name or id as it is, a function with its results checked. Raises ConfigurationError."""
    if callable(given):
        return StreamFunction(given, checked)
    return checked("stream", given, otherwise=", nor a function of the element")


def require_fields(known: Collection[str], **arguments: FieldOrFunction) -> None:
    """Raises ConfigurationError if an argument names a field that the elements don't have."""
    for argument, given in arguments.items():
        if isinstance(given, str) and given not in known:
            raise ConfigurationError(
                f"{argument}={given!r}: the elements have no such field{did_you_mean(given, known)};"
                f" they have {', '.join(sorted(known))}."
                f" For a constant give {argument}=lambda _: {given!r}"
            )


def _function(argument: str, given: Any) -> Callable[[Any], Any]:
    if isinstance(given, str) and given:
        return FieldValue(given)
    if callable(given):
        return given  # type: ignore[no-any-return]
    raise ConfigurationError(
        f"{argument}={given!r} is neither the name of a field nor a function of the element;"
        f" for a constant give {argument}=lambda _: {given!r}"
    )


def _encode_error(error: Exception, where: str = "") -> EncodeError:
    return error if isinstance(error, EncodeError) else EncodeError(f"{where}{type(error).__name__}: {error}")
