"""Makes calls of a local DIS fail as the injected rules say.

Rules:

1. A call of an operation that no rule is for is answered as if there were no rules.
2. Faults are looked up after the request is read and before it is authenticated.
3. A call is delayed after its work is done and the room for its request is free again.
4. A delay ends when the client disconnects, so that a server that stops waits for no client that has left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from email.utils import formatdate
from functools import partial
from typing import Any

from starlette.types import Receive, Scope, Send

from beam_dis.local.faults.call_target import CallTarget, find_target
from beam_dis.local.faults.empty_pages import get_empty_page
from beam_dis.local.faults.refused_records import put_with_refusals
from beam_dis.local.faults.rules import Rule, Rules
from beam_dis.local.faults.values import AnyFault, ClockSkew, EmptyPages, Failing, Latency, RecordsRefused, Reset
from beam_dis.local.handlers import Handler
from beam_dis.local.handlers.call import ServerContext
from beam_dis.local.http.fault_answers import Sleep, altered, breaks_connection, replacement, reset, send_broken
from beam_dis.local.http.reply import Headers, Reply, SentAnswer
from beam_dis.local.http.request_body import message_of
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.routes import Route


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultHits:
    """The faults that hit one call: at most one that isn't a condition, and the conditions.

    ``skew`` and ``delay`` are in seconds; ``refusing`` are the rules that refuse single records of a put, ``kinds`` the names of all.
    """

    fault: AnyFault | None
    skew: float
    delay: float
    refusing: Sequence[Rule]
    kinds: tuple[str, ...] = ()

    @property
    def resets(self) -> bool:
        """Whether the connection is reset instead of an answer."""
        return isinstance(self.fault, Reset)

    @property
    def reply(self) -> Reply | None:
        """The reply that is sent in place of the handler's."""
        return None if self.fault is None else replacement(self.fault)

    @property
    def handled(self) -> bool:
        """Whether the handler is called at all."""
        if isinstance(self.fault, Reset | Failing):
            return self.fault.when == "after"
        return self.reply is None

    def handler(self, handler: Handler) -> Handler:
        """The handler, or one that answers with an empty page, or one that refuses single records."""
        if isinstance(self.fault, EmptyPages):
            return get_empty_page
        return partial(put_with_refusals, self.refusing, handler) if self.refusing else handler


class FaultInjector:
    """Looks up the faults that hit a call, and sends its answer as they change it.

    Args:
        context: The store that rules select streams by, and the room for answers.
        rules: The injected faults.
        sleep: Waits a number of seconds without blocking other calls.
    """

    def __init__(self, context: ServerContext, rules: Rules, sleep: Sleep = asyncio.sleep) -> None:
        self._context = context
        self._rules = rules
        self._sleep = sleep

    def draw_hits(self, route: Route, names: Mapping[str, str], scope: Scope, body: bytes) -> FaultHits | None:
        """Count the call and draw its faults; returns None if no rule is for its operation."""
        if not self._rules.concern(route.operation):
            return None

        def target() -> CallTarget:
            try:
                message = message_of(route, scope, body)
            except Refusal:
                message = None
            return find_target(self._context.store, names, message)

        rules = self._rules.draw(route.operation, target)
        return FaultHits(
            fault=next((rule.fault for rule in rules if not rule.fault.condition), None),
            skew=sum(rule.fault.seconds for rule in rules if isinstance(rule.fault, ClockSkew)),
            delay=sum(
                rule.draw_between(rule.fault.seconds - rule.fault.jitter, rule.fault.seconds + rule.fault.jitter)
                for rule in rules
                if isinstance(rule.fault, Latency)
            ),
            refusing=[rule for rule in rules if isinstance(rule.fault, RecordsRefused)],
            kinds=tuple(type(rule.fault).__name__ for rule in rules),
        )

    async def deliver(
        self, hits: FaultHits, reply: Reply | None, second: int, scope: Scope, receive: Receive, send: Send
    ) -> Headers:
        """Send a reply as the faults of its call change, delay or break it; returns its headers, none if it has none.

        Args:
            hits: The faults of the call.
            reply: The reply of the handler, or None if it wasn't called.
            second: The Date of the answer, in epoch seconds.
            scope: The request; has the transport of its connection.
            receive: Tells when the client disconnects.
            send: Sends the answer.
        """
        fault, reply = hits.fault, hits.reply or reply
        with self._context.answers.counted(0 if reply is None else len(reply.body)):
            if hits.delay:
                await _while_connected(self._sleep(hits.delay), receive)
            if reply is None or isinstance(fault, Reset):
                reset(scope["transport"])
                await _end_of_connection(receive)
                return []
            date = formatdate(second + int(hits.skew), usegmt=True).encode("ascii")
            answer = SentAnswer(reply.status, reply.headers(date), reply.body)
            if fault is not None and breaks_connection(fault):
                await _while_connected(send_broken(fault, answer, scope["transport"], self._sleep), receive)
                await _end_of_connection(receive)
                return answer.headers
            await (answer if fault is None else altered(fault, answer)).send(send)
            return answer.headers


async def _while_connected(work: Awaitable[Any], receive: Receive) -> None:
    """Wait for ``work``, and stop waiting when the client disconnects."""
    working = asyncio.ensure_future(work)
    disconnected = asyncio.ensure_future(_end_of_connection(receive))
    try:
        await asyncio.wait((working, disconnected), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        working.cancel()
        disconnected.cancel()


async def _end_of_connection(receive: Receive) -> None:
    """Wait until the connection has ended: uvicorn logs an error if the application returns before that."""
    while (await receive())["type"] != "http.disconnect":
        pass
