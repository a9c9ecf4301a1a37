"""Checks for the names, numbers and keys that users give, before anything is sent.

Rules:

1. A wrong value raises ConfigurationError, which names the argument, the value with its type, and what to give instead. Text that
   can't be encoded raises EncodeError.
2. Only the form is checked: whether a stream or an app exists is for the service to say.
3. What is returned has Python's plain type (``plain_values``): an enum member with text is that text. A bool is no number.
4. An empty partition key, hash key or partition id is refused. The service takes it for none, so records of one key would be
   spread over all partitions although their order was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from beam_dis.errors import ConfigurationError, EncodeError
from beam_dis.plain_values import described, plain_int, plain_text, plain_value
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import APP_NAME, STREAM_NAME
from beam_dis.wire.ranges import MAX_HASH, MAX_SEQUENCE_NUMBER, explicit_hash, partition_id, partition_number

_LATEST_TIMESTAMP = 253_402_300_799_999
"""The last millisecond of the year 9999."""


def is_stream_name(value: Any) -> bool:
    """Whether a value has the form of a stream's name or id."""
    text = plain_value(value)
    return type(text) is str and STREAM_NAME.fullmatch(text) is not None


def checked_stream(argument: str, value: Any, *, otherwise: str = "") -> str:
    """Return a stream's name or id.

    Args:
        argument: the name of the argument, for the message.
        value: what the user gave.
        otherwise: what else the argument takes, to complete the message: ``", nor a function of the element"``.

    Raises:
        ConfigurationError: it has another form.
    """
    if not is_stream_name(value):
        raise ConfigurationError(
            f"{argument}={described(value)} is not the name or the id of a stream (1 to 64 of A-Z, a-z, 0-9, _ and -)"
            f"{otherwise}"
        )
    return plain_text(value)


def checked_app(argument: str, value: Any) -> str:
    """Return an app's name. Raises ConfigurationError if it has another form."""
    text = plain_value(value)
    if type(text) is not str or APP_NAME.fullmatch(text) is None:
        raise ConfigurationError(
            f"{argument}={described(value)} is not the name of an app (1 to 200 of A-Z, a-z, 0-9, _ and -)"
        )
    return text


def canonical_partition_id(partition: int | str) -> str:
    """``3`` or ``"3"`` or ``"shardId-0000000003"`` → ``"shardId-0000000003"``; ConfigurationError otherwise."""
    plain = plain_value(partition)
    try:
        if type(plain) is int and 0 <= plain < 10**10:
            return partition_id(plain)
        return partition_id(partition_number(plain_text(plain)))
    except (Refusal, TypeError) as error:
        raise ConfigurationError(
            f"partition {described(partition)} is neither a number nor a partition id such as 'shardId-0000000000'"
        ) from error


def checked_sequence_number(argument: str, value: Any) -> int:
    """Return a sequence number. Raises ConfigurationError unless it is an int of 0 to 2^63-1."""
    return checked_int(argument, value, 0, MAX_SEQUENCE_NUMBER)


def checked_int(argument: str, value: Any, lowest: int, highest: int, *, advice: str = "") -> int:
    """Return an int of a range, both ends included. Raises ConfigurationError, with ``advice``, for anything else."""
    number = plain_value(value)
    if type(number) is not int or not lowest <= number <= highest:
        raise ConfigurationError(f"{argument}={described(value)} is not an int of {lowest} to {highest}{advice}")
    return number


def checked_bool(argument: str, value: Any) -> bool:
    """Return True or False. Raises ConfigurationError for anything else."""
    if not isinstance(value, bool):
        raise ConfigurationError(f"{argument}={value!r}: give True or False")
    return value


def checked_text(argument: str, value: Any) -> str:
    """Return text.

    Raises:
        ConfigurationError: it is something else.
        EncodeError: it has half of a surrogate pair, and can't be sent.
    """
    try:
        text = plain_text(value)
        text.encode()
    except TypeError:
        advice = ": decode it" if isinstance(value, bytes) else ": give text"
        raise ConfigurationError(f"{argument}={described(value)} is not text{advice}") from None
    except UnicodeEncodeError:
        raise EncodeError(f"{argument}={described(value)} can't be encoded as UTF-8") from None
    return text


def checked_word(argument: str, value: Any, words: Sequence[str]) -> str:
    """Return one of some words. Raises ConfigurationError, which lists them, for anything else."""
    word = plain_value(value)
    if type(word) is not str or word not in words:
        choice = ", ".join(map(repr, words))
        raise ConfigurationError(f"{argument}={described(value)} is none of {choice}{did_you_mean(value, words)}")
    return word


def checked_partition_key(argument: str, value: Any) -> str:
    """Return a partition key: text that isn't empty. Raises as ``checked_text`` does."""
    if type(value) is str and value and value.isascii():
        return value
    key = checked_text(argument, value)
    if not key:
        raise ConfigurationError(f"{argument}='' is empty: give text, or None if the record has no key")
    return key


def checked_hash_key(argument: str, value: Any) -> str:
    """Return an explicit hash key as decimal text. Raises ConfigurationError unless it is a number of 0 to 2^63-1."""
    key = plain_value(value)
    try:
        return str(explicit_hash(key if type(key) is str else _decimal(key)))
    except (Refusal, TypeError):
        raise ConfigurationError(
            f"{argument}={described(value)} is not an int of 0 to 2**63 - 1, nor its decimal text: give one, or None"
        ) from None


def _decimal(value: Any) -> str:
    number = plain_int(value)
    if not 0 <= number <= MAX_HASH:
        raise TypeError(number)
    return str(number)


def checked_timestamp(argument: str, value: Any) -> int:
    """Return a time in milliseconds since 1970. Raises ConfigurationError unless it is an int from 0 to the year 9999."""
    try:
        time = plain_int(value)
    except TypeError:
        time = -1
    if not 0 <= time <= _LATEST_TIMESTAMP:
        raise ConfigurationError(
            f"{argument}={described(value)} is not a time in milliseconds since 1970: give an int of 0 to {_LATEST_TIMESTAMP}"
        )
    return time


def did_you_mean(value: Any, words: Iterable[str]) -> str:
    """``" (did you mean 'LATEST'?)"`` for a value that is close to one of the words, else ``""``; to complete a message."""
    folded = {word.casefold(): word for word in words}
    close = get_close_matches(value.casefold(), folded, n=1) if isinstance(value, str) else []
    return f" (did you mean {folded[close[0]]!r}?)" if close else ""
