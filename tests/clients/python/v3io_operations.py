"""Calls functions of V3IO's official Python client: reads a step from each line of standard input, writes its answer as a line of JSON.

A step is ``{"open": settings}``, which makes a new client, or ``{"call": method, "request": arguments}`` with a method of the
client's ``stream``. The first argument is the transport: ``httpclient``, ``requests`` or ``aiohttp``. Bytes are text here. An
answer is ``{"result": value}`` or ``{"error": class, "message": text}``, both with the answer's HTTP status.

This runs in the client's own environment, which has nothing of this project.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import sys
from typing import Any

import v3io.aio.dataplane
import v3io.dataplane


async def open_client(transport: str, settings: dict[str, Any]) -> Any:
    """A new client, made while the event loop runs: that of aiohttp needs one."""
    if transport == "aiohttp":
        return v3io.aio.dataplane.Client(**settings)
    return v3io.dataplane.Client(**settings, transport_kind=transport)


async def call(client: Any, method: str, request: dict[str, Any]) -> dict[str, Any]:
    """Call a method; the answer of an asynchronous client is awaited."""
    records = [{**record, "data": record["data"].encode()} for record in request.get("records", [])]
    given = {**request, "records": records} if records else request
    try:
        answer = getattr(client.stream, method)(**given)
        if inspect.isawaitable(answer):
            answer = await answer
    except v3io.dataplane.response.HttpResponseError as error:
        return {"error": type(error).__name__, "message": str(error), "status": error.status_code}
    return {"result": answer.output, "status": answer.status_code}


def plain(value: Any) -> Any:
    """An object of the client as its fields, and bytes as text."""
    return value.decode() if isinstance(value, bytes) else vars(value)


def main() -> None:
    """Do the steps. What the client prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    sys.stdout = sys.stderr
    client: Any = None
    loop = asyncio.new_event_loop()
    for line in sys.stdin:
        step = json.loads(line)
        try:
            if "open" in step:
                client, answer = loop.run_until_complete(open_client(sys.argv[1], step["open"])), {"result": None}
            else:
                answer = loop.run_until_complete(call(client, step["call"], step["request"] or {}))
        except Exception as error:  # noqa: BLE001 - the test sees it
            answer = {"error": type(error).__name__, "message": str(error)}
        answers.write(json.dumps(answer, default=plain) + "\n")
        answers.flush()


main()
