"""Putting records: one from a form, and a stored one again.

A record goes the way of every put: it is routed and limited like that of a client.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from beam_dis.errors import EncodeError
from beam_dis.local.console.parts import ConsoleError, Parts
from beam_dis.local.console.queries import Fields, query_of
from beam_dis.local.console.record_values import RecordValues
from beam_dis.local.console.record_window import MOST_BYTES, FoundRecord, read_records
from beam_dis.local.console.records import partition_of, record_of
from beam_dis.local.console.rendering import page
from beam_dis.local.console.settings import ROOT
from beam_dis.local.handlers.records import put_records
from beam_dis.local.store import Stream
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.ranges import partition_number
from beam_dis.wire.records import PutRecordsRequest, PutRecordsRequestEntry

TEXT, BASE64, HEX, JSON = "text", "base64", "hex", "json"
_WAYS = {TEXT: "text in UTF-8", BASE64: "base64", HEX: "hexadecimal digits", JSON: "JSON, encoded by the schema"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PutForm:
    """The fields of the form, as texts."""

    data: str = ""
    way: str = TEXT
    key: str = ""
    partition: str = ""
    hash: str = ""


def put_form(parts: Parts, request: Request) -> Response:
    """The form, empty or with the data of a record."""
    stream = parts.stream(request.path_params["stream_id"])
    fields = query_of(request)
    form = PutForm()
    if fields.text("number"):
        partition = partition_of(stream, fields.whole("partition", 0))
        found = read_records(parts.store, stream, partition, fields.whole("number", 0), 1, MOST_BYTES)
        form = _form_of(found[0]) if found else form
    return _page(stream, form, notice=parts.notices.take(fields.text("notice") or None))


async def put(parts: Parts, request: Request, fields: Fields) -> Response:
    """Put the record of the form; the form again, with the reason, if that isn't possible."""
    stream = parts.stream(request.path_params["stream_id"])
    form = PutForm(
        data=fields.exact("data").replace("\r\n", "\n"),
        way=fields.choice("as", _WAYS, TEXT),
        key=fields.exact("key"),
        partition=fields.text("partition"),
        hash=fields.text("hash"),
    )
    try:
        entry = PutRecordsRequestEntry(
            data=_data(stream, form),
            partition_key=form.key or None,
            partition_id=form.partition or None,
            explicit_hash_key=form.hash or None,
        )
        text = await _put(parts, stream, entry)
    except (ValueError, EncodeError) as error:
        return _page(stream, form, problem=f"The data can't be read as {_WAYS[form.way]}: {error}")
    except (Refusal, ConsoleError) as refusal:
        return _page(stream, form, problem=str(refusal))
    return _redirect(f"/streams/{stream.stream_id}/put?notice={parts.notices.add(text)}")


async def resend(parts: Parts, request: Request, fields: Fields) -> Response:
    """Put the data of a record again, into its stream or another one of the project."""
    stream, partition, record = record_of(parts, request)
    name = fields.text("target", stream.name)
    target = parts.store.stream(stream.project, name)
    if target is None:
        raise ConsoleError(404, f"Project {stream.project} has no stream {name[:100]!r}.")
    key = record.key if fields.choice("key", ("same", "none"), "same") == "same" else None
    text = await _put(parts, target, PutRecordsRequestEntry(data=record.data, partition_key=key))
    notice = parts.notices.add(text)
    return _redirect(f"/streams/{stream.stream_id}/records/{partition.number}/{record.number}?notice={notice}")


async def _put(parts: Parts, stream: Stream, entry: PutRecordsRequestEntry) -> str:
    """Put one record; returns what to say about it. Raises Refusal."""
    request = PutRecordsRequest(stream.name, stream.stream_id, [entry])
    (result,) = (await put_records(parts.call(stream.project), request)).records
    if result.error_code is not None:
        raise ConsoleError(400, f"The record is refused: {result.error_code}: {result.error_message}")
    number = partition_number(result.partition_id or "")
    return f"Put into {stream.name}: record {result.sequence_number} of partition {number}."


def _data(stream: Stream, form: PutForm) -> bytes:
    if form.way == TEXT:
        return form.data.encode()
    if form.way == HEX:
        return bytes.fromhex(form.data)
    if form.way == BASE64:
        return base64.b64decode("".join(form.data.split()), validate=True)
    return RecordValues(stream).encoded(form.data)


def _form_of(record: FoundRecord) -> PutForm:
    """The form of a record: its data as text if a form keeps that as it is, else as base64."""
    try:
        text = record.data.decode()
        way = TEXT if all(character >= " " or character in "\n\t" for character in text) else BASE64
    except UnicodeDecodeError:
        text, way = "", BASE64
    return PutForm(data=text if way == TEXT else base64.b64encode(record.data).decode(), way=way, key=record.key or "")


def _page(stream: Stream, form: PutForm, problem: str = "", notice: str | None = None) -> Response:
    has_schema = RecordValues(stream).has_schema
    ways = [(way, text) for way, text in _WAYS.items() if way != JSON or has_schema]
    return page(
        "put.html",
        400 if problem else 200,
        here="streams",
        stream=stream,
        form=form,
        ways=ways,
        problem=problem,
        notice=notice,
    )


def _redirect(path: str) -> Response:
    return RedirectResponse(ROOT + path, 303)
