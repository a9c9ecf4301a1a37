"""The API of a local DIS as an OpenAPI 3.1 document, made from the tables.

Rules:

1. Operations, paths and statuses come from the route table, fields from the messages, summaries from the handlers, error
   codes from their table.
2. Only the values that a field of a request may have are written here. A fuzzer compares them with the server.
"""

from __future__ import annotations

import re
from functools import cache
from http import HTTPStatus
from inspect import cleandoc
from typing import Any

import msgspec

from beam_dis.local.dump.files import DELIMITERS
from beam_dis.local.handlers import HANDLERS
from beam_dis.local.http.reply import ErrorBody
from beam_dis.version import __version__
from beam_dis.wire import apps, checkpoints, consumer_groups, dump_tasks, monitoring, quotas, records, streams, tags
from beam_dis.wire.error_codes import ERROR_CODES
from beam_dis.wire.limits import (
    APP_NAME,
    BUCKET_NAME,
    DELIVER_MEGABYTES,
    DELIVER_SECONDS,
    DUMP_TASK_NAME,
    FILE_PREFIX,
    MAX_CLIENT_ID_CHARS,
    MAX_METADATA_CHARS,
    MAX_TAGS,
    RETENTION_HOURS,
    STREAM_NAME,
)
from beam_dis.wire.messages import Query, encode
from beam_dis.wire.routes import ROUTES, Route

Schema = dict[str, Any]

_REF = "#/components/schemas/{name}"
_PLACEHOLDER = re.compile(r"{(\w+)}")

_STREAM: Schema = {"pattern": f"^{STREAM_NAME.pattern}$"}
_APP: Schema = {"pattern": f"^{APP_NAME.pattern}$"}
_PARTITION: Schema = {"pattern": "^(shardId-)?[0-9]{1,10}$"}

_EMPTY: Schema = {"const": ""}

_ANY: Schema = {}

_RULES: dict[str, Schema] = {
    "DumpTasksAction.action": {"enum": list(dump_tasks.ACTIONS)},
    "ChangeTagsRequest.action": {"enum": [tags.CREATE, tags.DELETE]},
    "ChangeTagsRequest.tags": {"minItems": 1},
    "FindResourcesRequest.action": {"enum": [tags.FILTER, tags.COUNT]},
    "ResourceMatch.key": {"enum": [tags.RESOURCE_NAME]},
    "update_type": {"enum": list(streams.UPDATE_TYPES)},
    "action_type": {"enum": list(streams.POLICY_ACTIONS)},
    "consumer_strategy": {"enum": ["", *dump_tasks.CONSUMER_STRATEGIES]},
    "CreateAppRequest.app_name": _APP,
    "CreateStreamRequest.stream_name": _STREAM,
    "checkpoint_type": {"enum": [checkpoints.LAST_READ]},
    "compression_format": {"enum": list(streams.COMPRESSION_FORMATS)},
    "cursor-type": {"enum": list(records.CURSOR_TYPES)},
    "data_duration": {"minimum": RETENTION_HOURS[0], "maximum": RETENTION_HOURS[-1]},
    "data_type": {"enum": list(streams.DATA_TYPES)},
    "deliver_size_interval": {"minimum": DELIVER_MEGABYTES[0], "maximum": DELIVER_MEGABYTES[-1]},
    "deliver_time_interval": {"minimum": 0, "maximum": DELIVER_SECONDS[-1]},
    "destination_file_type": {"enum": ["", *dump_tasks.FILE_TYPES]},
    "destination_type": {"enum": ["", *dump_tasks.DESTINATION_TYPES]},
    "DumpTasksAction.tasks": {"minItems": 1},
    "effect": {"enum": ["accept"]},
    "limit": {"minimum": 1},
    "limit_partitions": {"minimum": 1},
    "max_fetch_bytes": {"minimum": 1},
    "MRSDestination.compression_format": _ANY,
    "MRSDestination.destination_file_type": _ANY,
    "MRSDestination.partition_format": _ANY,
    "OBSDescription.compression_format": {"enum": [dump_tasks.GZIP]},
    "OBSDestination.agency_name": {"maxLength": 64},
    "OBSDestination.compression_format": {"enum": ["", "none", dump_tasks.GZIP]},
    "OBSDestination.file_prefix": {"pattern": f"^{FILE_PREFIX.pattern}$"},
    "OBSDestination.obs_bucket_path": {"pattern": f"^{BUCKET_NAME.pattern}$"},
    "OBSDestination.task_name": {"pattern": f"^{DUMP_TASK_NAME.pattern}$"},
    "OpenTSDBSchema.tags": _ANY,
    "metadata": {"maxLength": MAX_METADATA_CHARS},
    "partition-id": _PARTITION,
    "partition_count": {"minimum": 1},
    "partition_id": _PARTITION,
    "partition_format": {"enum": ["", "N/A", *dump_tasks.PARTITION_FORMATS]},
    "path.app_name": _APP,
    "JoinGroupRequest.clientId": {"minLength": 1, "maxLength": MAX_CLIENT_ID_CHARS},
    "path.client_id": {"pattern": "^[^/]+$"},
    "path.key": {"pattern": "^[^/]+$"},
    "path.project_id": {"pattern": "^[^/]+$"},
    "path.stream_id": {"pattern": "^[^/]+$"},
    "path.stream_name": {"pattern": "^[^/]+$"},
    "path.task_name": {"pattern": "^[^/]+$"},
    "record_delimiter": {"enum": list(DELIMITERS)},
    "sequence_number": {"pattern": "^[0-9]{1,19}$"},
    "start_partition_id": _PARTITION,
    "start_partitionId": _PARTITION,
    "starting-sequence-number": {"pattern": "^-?[0-9]{1,19}$"},
    "stream_type": {"enum": list(streams.STREAM_TYPES)},
    "tags": {"maxItems": MAX_TAGS},
    "target_partition_count": {"minimum": 1},
    "timestamp_name": {"minLength": 1},
    "timestamp_type": {"enum": list(dump_tasks.TIMESTAMP_TYPES)},
}
"""The values that a field of a request may have, by the field's name or by the message's and the field's name."""

_MESSAGES: dict[str, type[msgspec.Struct]] = {
    name: kind
    for module in (apps, checkpoints, consumer_groups, dump_tasks, monitoring, quotas, records, streams, tags)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind.__module__ == module.__name__
    if not name.startswith("_")  # what several messages have in common
} | {"ErrorBody": ErrorBody}

_LIMITS = {
    "list_streams": 100,
    "describe_stream": 1000,
    "list_apps": 100,
    "list_dump_tasks": 100,
    "consumer_state": 1000,
    "get_records": 10_000,
}
"""The largest page that may be asked for."""

_PAGED = ("limit", "limit_partitions")

_HTTP_ERRORS = {
    401: "The token is unknown.",
    408: "The request did not come in time.",
    413: "The body is too large.",
    431: "The headers are too large.",
}

_SECURITY: dict[str, Schema] = {
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "SDK-HMAC-SHA256 … or V11-HMAC-SHA256 …",
    },
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Auth-Token",
        "description": "The token of the server, if it has one.",
    },
}


@cache
def document_json() -> bytes:
    """The document as it is served."""
    return encode(document())


def document() -> dict[str, Any]:
    """The document as JSON values."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Data Ingestion Service: a local DIS", "version": __version__},
        "security": [{}, *({name: []} for name in _SECURITY)],
        "paths": _paths(),
        "components": {
            "schemas": {
                name: _schema(name, schema)
                for name, schema in _components().items()
                if not issubclass(_MESSAGES[name], Query)
            },
            "responses": {str(status): _error(text) for status, text in _error_statuses().items()},
            "securitySchemes": _SECURITY,
        },
    }


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for route in ROUTES.values():
        paths.setdefault(route.path, {}).setdefault(route.method.lower(), _operation(route))
    return paths


def _operation(route: Route) -> dict[str, Any]:
    names = _PLACEHOLDER.findall(route.path)
    found: dict[str, Any] = {
        "operationId": "_or_".join(sharing(route)),
        "tags": [route.group],
        "summary": "\n".join(cleandoc(HANDLERS[name].__doc__ or "") for name in sharing(route)),
        "parameters": [
            _parameter(name, "path", _ruled("path", name, {"type": "string"}), required=True) for name in names
        ],
        "responses": _responses(route),
    }
    if route.request is None:
        return found
    if issubclass(route.request, Query):
        found["parameters"] += _query(route)
    else:
        found["requestBody"] = {"required": True, "content": _json({"$ref": _REF.format(name=route.request.__name__)})}
    return found


def sharing(route: Route) -> list[str]:
    """The operations with the method and the path of a route: OpenAPI has one for them."""
    return [name for name, other in ROUTES.items() if (other.method, other.path) == (route.method, route.path)]


def _query(route: Route) -> list[dict[str, Any]]:
    kind = route.request.__name__ if route.request else ""
    schema = _components()[kind]
    found = []
    for name, described in schema["properties"].items():
        limit = {"maximum": _LIMITS[route.operation]} if name in _PAGED else {}
        required = name in schema["required"]
        found.append(_parameter(name, "query", _query_schema(_ruled(kind, name, described), limit), required=required))
    return found


def _query_schema(schema: Schema, limit: Schema) -> Schema:
    """The schema of a query parameter, which may also be empty; an integer may also be ``null``."""
    if "anyOf" not in schema:
        return schema
    kind, null = schema["anyOf"]
    if kind["type"] == "integer":
        return {"anyOf": [{**kind, **limit}, null, _EMPTY]}
    return {"anyOf": [kind, _EMPTY]} if kind.keys() > {"type"} else kind


def _parameter(name: str, location: str, schema: Schema, *, required: bool) -> dict[str, Any]:
    return {"name": name, "in": location, "required": required, "schema": schema}


def _responses(route: Route) -> dict[str, Any]:
    success: dict[str, Any] = {"description": HTTPStatus(route.status).phrase}
    if route.answer is not None:
        success["content"] = _json({"$ref": _REF.format(name=route.answer.__name__)})
    errors = {str(status): {"$ref": f"#/components/responses/{status}"} for status in _error_statuses()}
    return {str(route.status): success, **errors}


def _error_statuses() -> dict[int, str]:
    """Each status of an error with the errors that have it."""
    texts = dict(_HTTP_ERRORS)
    for row in ERROR_CODES.values():
        texts[row.status] = f"{texts[row.status]} " if row.status in texts else ""
        texts[row.status] += f"{row.code}: {row.text}"
    return dict(sorted(texts.items()))


def _error(description: str) -> dict[str, Any]:
    return {"description": description, "content": _json({"$ref": _REF.format(name=ErrorBody.__name__)})}


def _json(schema: Schema) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


@cache
def _components() -> dict[str, Schema]:
    _, found = msgspec.json.schema_components([*_MESSAGES.values()], ref_template=_REF)
    return dict(sorted(found.items()))


def _schema(name: str, schema: Schema) -> Schema:
    """The schema of a message with our rules; fields are optional only in messages that omit defaults."""
    fields = {field: _ruled(name, field, described) for field, described in schema["properties"].items()}
    required = schema["required"] if _MESSAGES[name].__struct_config__.omit_defaults else list(fields)
    return {**schema, "description": cleandoc(schema["description"]), "properties": fields, "required": required}


def _ruled(owner: str, field: str, described: Schema) -> Schema:
    """The schema of a field with its rule; a field that may be null still may."""
    rule = _RULES.get(f"{owner}.{field}", _RULES.get(field, {}))
    if "anyOf" not in described:
        return {**described, **rule}
    first, *others = described["anyOf"]
    return {**described, "anyOf": [{**first, **rule}, *others]}
