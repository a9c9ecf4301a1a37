"""Checks for the names and numbers that users give, before anything is sent.

Rules:

1. A wrong value raises ConfigurationError, which names the argument, the value and what to give instead.
2. Only the form is checked: whether a stream or an app exists is for the service to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from beam_dis.errors import ConfigurationError
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import APP_NAME, STREAM_NAME
from beam_dis.wire.ranges import MAX_SEQUENCE_NUMBER, partition_id, partition_number


def is_stream_name(value: Any) -> bool:
    """Whether a value has the form of a stream's name or id."""
    return isinstance(value, str) and STREAM_NAME.fullmatch(value) is not None


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
            f"{argument}={value!r} is not the name or the id of a stream (1 to 64 of A-Z, a-z, 0-9, _ and -){otherwise}"
        )
    return str(value)


def checked_app(argument: str, value: Any) -> str:
    """Return an app's name. Raises ConfigurationError if it has another form."""
    if not (isinstance(value, str) and APP_NAME.fullmatch(value)):
        raise ConfigurationError(f"{argument}={value!r} is not the name of an app (1 to 200 of A-Z, a-z, 0-9, _ and -)")
    return value


def canonical_partition_id(partition: int | str) -> str:
    """``3`` or ``"3"`` or ``"shardId-0000000003"`` → ``"shardId-0000000003"``; ConfigurationError otherwise."""
    try:
        return partition_id(partition_number(str(partition)))
    except Refusal as error:
        raise ConfigurationError(
            f"partition {partition!r} is neither a number nor a partition id such as 'shardId-0000000000'"
        ) from error


def checked_sequence_number(argument: str, value: Any) -> int:
    """Return a sequence number. Raises ConfigurationError unless it is an int of 0 to 2^63-1."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_SEQUENCE_NUMBER:
        raise ConfigurationError(f"{argument}={value!r} is not an int of 0 to {MAX_SEQUENCE_NUMBER}")
    return value


def did_you_mean(value: Any, words: Iterable[str]) -> str:
    """``" (did you mean 'LATEST'?)"`` for a value that is close to one of the words, else ``""``; to complete a message."""
    folded = {word.casefold(): word for word in words}
    close = get_close_matches(value.casefold(), folded, n=1) if isinstance(value, str) else []
    return f" (did you mean {folded[close[0]]!r}?)" if close else ""
