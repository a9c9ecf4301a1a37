"""The keys of a transform in a YAML file: which there are, and what their values mean."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from datetime import date
from functools import wraps
from importlib import import_module
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_type_hints

import apache_beam as beam

from beam_dis.connection import Connection, DISConnection
from beam_dis.errors import ConfigurationError
from beam_dis.names import did_you_mean
from beam_dis.positions import StartingPosition, StoppingPosition
from beam_dis.v3io.connection import V3IOConnection

TransformT = TypeVar("TransformT", bound=beam.PTransform[Any, Any])

_SECRETS = frozenset(
    [
        "ak",
        "sk",
        "access_key",
        "secret_key",
        "security_token",
        "token",
        "password",
        "auth_token",
        "access_key_id",
        "secret_access_key",
    ]
)
_NULL_IS_A_VALUE = frozenset({"discovery_interval"})
_UNION: Any = Union


def transform(name: str) -> Callable[[Callable[..., TransformT]], Callable[..., TransformT]]:
    """Make a function a transform of Beam YAML: its keys are checked, and Beam sees their types.

    A key without a value is left out, except if null is one of its values.
    """

    def complete(make: Callable[..., TransformT]) -> Callable[..., TransformT]:
        signature, hints = inspect.signature(make), get_type_hints(make)
        known = signature.parameters

        @wraps(make)
        def checked(**config: Any) -> TransformT:
            config = _without_rows(config)
            check_keys(name, config, known)
            given = {key: value for key, value in config.items() if value is not None or key in _NULL_IS_A_VALUE}
            for key, parameter in known.items():
                if parameter.default is parameter.empty and key not in given:
                    raise ConfigurationError(f"{name} needs the key {key!r}")
            return make(**given)

        typed = [parameter.replace(annotation=_typing(hints[key])) for key, parameter in known.items()]
        checked.__signature__ = signature.replace(parameters=typed)  # type: ignore[attr-defined]
        return checked

    return complete


def _without_rows(value: Any) -> Any:
    """The same value with mappings instead of rows, which pipelines in other languages send."""
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {key: _without_rows(inner) for key, inner in value.items()}
    return [_without_rows(inner) for inner in value] if isinstance(value, list | tuple) else value


def _typing(hint: Any) -> Any:
    """``str | None`` as ``Optional[str]``, which Beam knows."""
    return _UNION[get_args(hint)] if isinstance(hint, UnionType) else hint


def check_keys(where: str, given: Any, known: Collection[str]) -> None:
    """Raise ConfigurationError unless ``given`` is a mapping with known keys only. Its values aren't shown: one may be a secret."""
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"{where} is not a mapping: give it keys, such as {next(iter(known))}")
    for key in given:
        if key in known:
            continue
        if isinstance(key, str) and key.lower() in _SECRETS:
            raise ConfigurationError(
                f"{where}: {key!r} doesn't belong in a file, which is stored and shared: workers find keys in their environment, in"
                " the profile file or in the instance's metadata; or name a function that returns them, with"
                " connection: {credentials: package.function}"
            )
        raise ConfigurationError(f"{where} has no key {key!r}{did_you_mean(key, known)}; it has {', '.join(known)}")


def field_name(key: str, given: Any) -> str:
    """The name of a field that a key gives. Raises ConfigurationError."""
    if not isinstance(given, str) or not given:
        raise ConfigurationError(f"{key}: {given!r} is not the name of a field of the rows")
    return given


def require_field(key: str, name: str, known: Collection[str]) -> None:
    """Raise ConfigurationError unless the rows have the field that a key names."""
    if name not in known:
        raise ConfigurationError(
            f"{key}: the rows have no field {name!r}{did_you_mean(name, known)}; they have {', '.join(known)}"
        )


def connection_of(given: Any) -> Connection | None:
    """The connection of the key ``connection``, to V3IO if it names a container. Raises ConfigurationError."""
    if given is None:
        return None
    kind = V3IOConnection if isinstance(given, Mapping) and "container" in given else DISConnection
    check_keys("connection", given, [field.name for field in fields(kind)])
    values = {key: value for key, value in given.items() if value is not None}
    if "credentials" in values:
        values["credentials"] = _function(values["credentials"])
    try:
        return kind(**values)
    except ConfigurationError as error:
        raise ConfigurationError(f"connection: {error}") from error


def _function(path: Any) -> Any:
    """The function that a path names. A value that isn't one isn't shown: it may be a secret."""
    module, dot, name = path.rpartition(".") if isinstance(path, str) else ("", "", "")
    if not dot or not path.replace(".", "").isidentifier():
        raise ConfigurationError(
            "connection: credentials is not the path of a function, such as package.function, that returns Credentials or a Token"
        )
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigurationError(f"connection: credentials: {path!r} can't be imported: {error}") from error


def start_of(given: Any) -> Any:
    """The position of the key ``start``, or text, or None. Raises ConfigurationError."""
    if not isinstance(given, Mapping):
        return _text("start", given)
    check_keys("start", given, ("sequence_numbers", "checkpoint"))
    if len(given) != 1:
        raise ConfigurationError(f"start: {dict(given)!r} is not one position: give sequence_numbers or checkpoint")
    if "checkpoint" in given:
        return _position("start: checkpoint", lambda: StartingPosition.checkpoint(_text("start", given["checkpoint"])))
    return _position("start: sequence_numbers", lambda: StartingPosition.at_sequence_number(given["sequence_numbers"]))


def stop_of(given: Any) -> Any:
    """The position of the key ``stop``, or text, or None. Raises ConfigurationError."""
    if not isinstance(given, Mapping):
        return _text("stop", given)
    check_keys("stop", given, ("sequence_numbers", "records", "seconds"))
    if "sequence_numbers" not in given:
        return _position("stop", lambda: StoppingPosition.after(**given))
    if len(given) != 1:
        raise ConfigurationError(f"stop: {dict(given)!r}: give sequence_numbers, or records and seconds")
    return _position("stop: sequence_numbers", lambda: StoppingPosition.at_sequence_number(given["sequence_numbers"]))


def _text(key: str, given: Any) -> Any:
    """Text, or None. A time without quotes is an object in YAML, and Beam can't put it into the job."""
    if isinstance(given, date):
        raise ConfigurationError(
            f"{key}: {given.isoformat()} is a date in YAML: write the time as text, in quotes and with its zone, such as"
            " '2026-01-01T00:00:00Z'"
        )
    return given


def _position(where: str, make: Callable[[], Any]) -> Any:
    try:
        return make()
    except ConfigurationError as error:
        raise ConfigurationError(f"{where}: {error}") from error
