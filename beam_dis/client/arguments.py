"""Checks the arguments of the client's operations before anything is sent.

Rules:

1. Each argument has a check, which is found by its name: a name means the same in every operation. An operation with an argument
   that has no check can't be defined.
2. A wrong type or form raises ConfigurationError, which names operation, argument, value and type.
3. None is accepted if the argument's annotation has it.
4. Whether a stream exists, or how many partitions it may have, is left to the service.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

import msgspec

from beam_dis.errors import ConfigurationError
from beam_dis.names import (
    canonical_partition_id,
    checked_app,
    checked_int,
    checked_sequence_number,
    checked_stream,
    checked_text,
    checked_word,
)
from beam_dis.plain_values import SCHEMA_ADVICE, described, is_json, plain_text, plain_value, shown
from beam_dis.wire.dump_tasks import DESCRIPTOR_TYPES
from beam_dis.wire.limits import DUMP_TASK_NAME
from beam_dis.wire.messages import encode
from beam_dis.wire.monitoring import PARTITION_LABELS, STREAM_LABELS
from beam_dis.wire.records import CURSOR_TYPES
from beam_dis.wire.streams import (
    COMPRESSION_FORMATS,
    DATA_TYPES,
    POLICY_ACTIONS,
    POLICY_EFFECTS,
    STREAM_TYPES,
    UPDATE_TYPES,
)

MAX_COUNT = 2**31 - 1
"""The wire's counts are 32-bit integers."""

MAX_MILLISECONDS = 2**63 - 1

P = ParamSpec("P")
R = TypeVar("R")


def checks_arguments(operation: Callable[P, R]) -> Callable[P, R]:
    """Make a method check its arguments by the table, and convert them to plain values, before it runs."""
    name = operation.__name__
    signature = inspect.signature(operation)
    _, *parameters = signature.parameters.values()
    checks = {parameter.name: CHECKS[parameter.name] for parameter in parameters}
    optional = {parameter.name for parameter in parameters if "None" in str(parameter.annotation)}

    @wraps(operation)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            given = signature.bind(*args, **kwargs)
        except TypeError:
            return operation(*args, **kwargs)  # raises Python's own error, which names the operation
        for argument, check in checks.items():
            value = given.arguments.get(argument)
            if argument in given.arguments and not (value is None and argument in optional):
                given.arguments[argument] = check(f"{name}: {argument}", value)
        return operation(*given.args, **given.kwargs)

    return run


def required(operation: str, **values: Any) -> None:
    """Refuse None for arguments that only some calls need."""
    for name, value in values.items():
        if value is None:
            raise ConfigurationError(f"{operation}: {name}=None is missing")


def _partition(argument: str, value: Any) -> str:
    try:
        return canonical_partition_id(value)
    except ConfigurationError as error:
        raise ConfigurationError(f"{argument}: {error}") from error


def _milliseconds(argument: str, value: Any) -> int:
    advice = " milliseconds since 1970: give int(time.timestamp() * 1000)"
    return checked_int(argument, value, 0, MAX_MILLISECONDS, advice=advice)


def _cursor(argument: str, value: Any) -> str:
    cursor = checked_text(argument, value)
    if not cursor:
        raise ConfigurationError(f"{argument}='' is empty: get one with get_cursor")
    return cursor


def _schema(argument: str, value: Any) -> str:
    if value != "" and not is_json(value):
        raise ConfigurationError(f"{argument}={described(value)} is not JSON: {SCHEMA_ADVICE}")
    return checked_text(argument, value)


def _texts(argument: str, value: Any, least: int = 1) -> list[str]:
    plain = isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray | memoryview)
    if not plain or len(value) < least:
        raise ConfigurationError(f"{argument}={described(value)} is not a list of texts{', at least one' * least}")
    return [checked_text(f"{argument}[{index}]", text) for index, text in enumerate(value)]


def _text_map(argument: str, value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{argument}={described(value)} is not a map of text to text")
    return {
        checked_text(f"{argument}: key", key): checked_text(f"{argument}[{shown(key)}]", text)
        for key, text in value.items()
    }


def _text_lists(argument: str, value: Any) -> dict[str, list[str]]:
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{argument}={described(value)} is not a map of text to lists of texts")
    return {
        checked_text(f"{argument}: key", key): _texts(f"{argument}[{shown(key)}]", texts, least=0)
        for key, texts in value.items()
    }


def _path_text(argument: str, value: Any) -> str:
    text = checked_text(argument, value)
    if text in ("", ".", ".."):
        raise ConfigurationError(f"{argument}={text!r} can't be a part of a path: give another one")
    return text


def _stream_names(argument: str, value: Any) -> list[str]:
    return [checked_stream(f"{argument}[{index}]", name) for index, name in enumerate(_texts(argument, value))]


def _flag(argument: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{argument}={described(value)} is neither True nor False")
    return value


def _destination(argument: str, value: Any) -> Any:
    kind = type(value)
    if kind not in DESCRIPTOR_TYPES:
        kinds = ", ".join(known.__name__ for known in DESCRIPTOR_TYPES)
        raise ConfigurationError(f"{argument}={described(value)} is not a destination: give one of {kinds}")
    try:
        return msgspec.json.decode(encode(value), type=kind)
    except (msgspec.MsgspecError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{argument}: {kind.__name__}: {error}") from error


def _task(argument: str, value: Any) -> str:
    if not isinstance(value, str) or DUMP_TASK_NAME.fullmatch(plain_value(value)) is None:
        raise ConfigurationError(
            f"{argument}={described(value)} is not the name or the id of a dump task (1 to 64 of A-Z, a-z, 0-9, _ and -)"
        )
    return plain_text(value)


def _records(_argument: str, value: Any) -> Any:
    return value  # put_records checks them, because its errors name the stream


def _one_of(words: Sequence[str]) -> Callable[[str, Any], str]:
    return partial(checked_word, words=words)


def _labels(argument: str, value: Any) -> list[str]:
    words = (*STREAM_LABELS, *PARTITION_LABELS)
    return [checked_word(f"{argument}[{index}]", label, words) for index, label in enumerate(_texts(argument, value))]


_second = partial(checked_int, lowest=0, highest=9_999_999_999, advice=" seconds since 1970")

_count = partial(checked_int, lowest=1, highest=MAX_COUNT)

CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "action_type": _one_of(POLICY_ACTIONS),
    "all_tags": _text_lists,
    "any_tags": _text_lists,
    "app_name": checked_app,
    "auto_scale_enabled": _flag,
    "auto_scale_max_partition_count": _count,
    "auto_scale_min_partition_count": _count,
    "client_id": _path_text,
    "compression_format": _one_of(COMPRESSION_FORMATS),
    "count_only": _flag,
    "csv_delimiter": checked_text,
    "cursor_type": _one_of(CURSOR_TYPES),
    "data_duration": _count,
    "data_schema": _schema,
    "data_type": _one_of(DATA_TYPES),
    "destination": _destination,
    "effect": _one_of(POLICY_EFFECTS),
    "end_time": _second,
    "generation_id": partial(checked_int, lowest=0, highest=MAX_COUNT),
    "key": _path_text,
    "keys": _texts,
    "labels": _labels,
    "limit": _count,
    "limit_partitions": _count,
    "max_fetch_bytes": _count,
    "metadata": checked_text,
    "not_all_tags": _text_lists,
    "not_any_tags": _text_lists,
    "offset": partial(checked_int, lowest=0, highest=MAX_COUNT),
    "partition_count": _count,
    "partition_cursor": _cursor,
    "partition_id": _partition,
    "principal_ids": _texts,
    "principal_names": _texts,
    "records": _records,
    "resource_name": checked_stream,
    "retry_lost": _flag,
    "sequence_number": checked_sequence_number,
    "start_app_name": checked_app,
    "start_partition_id": _partition,
    "start_stream_name": checked_stream,
    "start_time": _second,
    "start_task_name": _task,
    "starting_sequence_number": checked_sequence_number,
    "stream_id": checked_stream,
    "stream_ids": _stream_names,
    "stream_name": checked_stream,
    "stream_names": _stream_names,
    "stream_pattern": checked_text,
    "stream_type": _one_of(STREAM_TYPES),
    "tags": _text_map,
    "target_partition_count": _count,
    "task_ids": _texts,
    "task_name": _task,
    "timestamp": _milliseconds,
    "update_type": _one_of(UPDATE_TYPES),
    "value": checked_text,
}
"""Argument → its check, which takes the argument's name for messages and the value, and returns the plain value."""
