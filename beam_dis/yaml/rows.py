"""The keys ``format``, ``schema`` and ``format_options``: the coder of a transform's rows."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from beam_dis.coders import AvroCoder, CSVCoder, JSONCoder
from beam_dis.coders.payload_coder import PayloadCoder
from beam_dis.coders.row_coders import RowsCoder
from beam_dis.errors import ConfigurationError
from beam_dis.names import did_you_mean
from beam_dis.plain_values import described, shown
from beam_dis.yaml.config import check_keys
from beam_dis.yaml.json_schema import avro_of_json_schema, is_json_schema

PAYLOADS = ("RAW", "STRING")
CODERS: dict[str, type[RowsCoder]] = {"JSON": JSONCoder, "CSV": CSVCoder, "AVRO": AvroCoder}
FORMATS = (*PAYLOADS, *CODERS)


def format_of(given: Any) -> str | None:
    """The word of the key ``format`` in capitals, as Beam's own sources take it in any case. Raises ConfigurationError."""
    if given is None:
        return None
    word = given.upper() if isinstance(given, str) else given
    if word not in FORMATS:
        raise ConfigurationError(
            f"format: {described(given)} is none of {', '.join(FORMATS)}{did_you_mean(given, FORMATS)}; without it, rows are by the"
            " schema of the stream"
        )
    return str(word)


def check_schema(format_: str | None, schema: Any, options: Any) -> None:
    """Raise ConfigurationError if a schema or options are given for a format that takes none."""
    if format_ is None:
        for key, value in (("schema", schema), ("format_options", options)):
            if value is not None:
                raise ConfigurationError(f"{key} needs format: give one of {', '.join(FORMATS)} too")
    elif format_ in PAYLOADS and schema is not None:
        raise ConfigurationError(f"format: {format_} takes no schema: leave out schema, or give JSON, CSV or AVRO")


def coder_of(format_: str, schema: Any, options: Any) -> RowsCoder:
    """The coder of a format. Raises ConfigurationError."""
    make: Any = PayloadCoder if format_ in PAYLOADS else CODERS[format_]
    given = _options(format_, make, options)
    arguments: list[Any] = []
    if format_ in PAYLOADS:
        given["text"] = format_ == "STRING"
    elif schema is None:
        raise ConfigurationError(
            f"format: {format_} needs schema: give an Avro or JSON schema, or leave out format if the stream has a schema"
        )
    else:
        arguments = [avro_schema(schema)]
    try:
        coder: RowsCoder = make(*arguments, **given)
    except ConfigurationError as error:
        raise ConfigurationError(f"format: {format_}: {error}") from error
    return coder


@contextmanager
def naming_format(word: str) -> Iterator[None]:
    """Name the key ``format`` in an error about the schema of a stream, which the Python argument ``word`` stands for."""
    try:
        yield
    except ConfigurationError as error:
        if not str(error).startswith(f"{word}='rows'"):
            raise
        raise ConfigurationError(
            f"without format: {error}. In YAML: give format, and for JSON, CSV and AVRO schema too"
        ) from error


def avro_schema(schema: Any) -> Any:
    """The Avro schema of the key ``schema``: an Avro or a JSON schema, as a mapping or as JSON text. Raises ConfigurationError."""
    if isinstance(schema, str):
        try:
            schema = json.loads(schema)
        except ValueError as error:
            raise ConfigurationError(
                f"schema: {shown(schema)} is not JSON text: {error}: give a mapping, JSON text, or the file itself with"
                " {% include 'schema.avsc' %}"
            ) from error
    if not isinstance(schema, Mapping):
        raise ConfigurationError(f"schema: {described(schema)} is neither a mapping nor JSON text")
    schema = _with_names_of_null(schema)
    return avro_of_json_schema(schema) if is_json_schema(schema) else schema


def _with_names_of_null(schema: Any) -> Any:
    """The same schema with ``null`` as text where it is a type: in YAML, null without quotes is no text."""
    if schema is None:
        return "null"
    if isinstance(schema, list):
        return [_with_names_of_null(branch) for branch in schema]
    if not isinstance(schema, Mapping):
        return schema
    made = dict(schema)
    for key in ("type", "items", "values", "additionalProperties"):
        if key in made:
            made[key] = _with_names_of_null(made[key])
    if isinstance(made.get("fields"), list):
        made["fields"] = [_with_names_of_null(field) for field in made["fields"]]
    if isinstance(made.get("properties"), Mapping):
        made["properties"] = {name: _with_names_of_null(property_) for name, property_ in made["properties"].items()}
    return made


def _options(format_: str, make: Any, options: Any) -> dict[str, Any]:
    """The arguments of a coder. In YAML the key null without quotes is no text, and a tuple is a list."""
    if options is None:
        return {}
    known = [name for name in inspect.signature(make).parameters if name not in ("schema", "text")]
    where = f"format_options of {format_}"
    if isinstance(options, Mapping):
        options = {"null" if key is None else key: value for key, value in options.items()}
    check_keys(where, options, known)
    given: dict[str, Any] = {key: tuple(value) if key == "booleans" else value for key, value in options.items()}
    if isinstance(given.get("writer_schemas"), list):
        given["writer_schemas"] = [avro_schema(schema) for schema in given["writer_schemas"]]
    if isinstance(given.get("schemas"), list):
        given["schemas"] = [avro_schema(schema) for schema in given["schemas"]]
    if isinstance(given.get("schemas"), Mapping):
        given["schemas"] = {number: avro_schema(schema) for number, schema in given["schemas"].items()}
    return given
