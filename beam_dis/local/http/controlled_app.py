"""The application with its controls: admin routes beside those of the protocol, and faults on the way of a call.

Law: without a rule for its operation a call goes the plain way. A fault strikes once the request is whole and before
anybody looks at its signature; what a call is delayed by comes after its work, when its request holds no room any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from beam_dis.local.faults.answers import Answer, Sleep, spoiled, stand_in, travel, travels_badly
from beam_dis.local.faults.refused_records import put_in_part
from beam_dis.local.faults.rules import Rule, Rules
from beam_dis.local.faults.target import Target, target_of
from beam_dis.local.faults.values import AnyFault, ClockSkew, Failing, Latency, RecordsRefused, Reset
from beam_dis.local.handlers import HANDLERS
from beam_dis.local.handlers.call import Call, ServerContext
from beam_dis.local.http.app import LocalApp, message_of
from beam_dis.local.http.authentication import Authenticator
from beam_dis.local.http.budgets import BodyBudget
from beam_dis.local.http.reply import Reply, answer
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.routes import Route

_STRUCK = "beam_dis.struck"
_NOTHING = Reply(500)
"""Stands for work that wasn't done; never sent."""


class Struck(NamedTuple):
    """What hits one call: a fault, or none, and the conditions on top."""

    fault: AnyFault | None
    skew: float
    delay: float
    refusing: list[Rule]

    @property
    def worked(self) -> bool:
        """Whether the work is done at all."""
        if isinstance(self.fault, Reset | Failing):
            return self.fault.when == "after"
        return self.instead is None

    @property
    def instead(self) -> Reply | None:
        """The answer that is sent in place of the handler's."""
        return None if self.fault is None else stand_in(self.fault)


class ControlledApp(LocalApp):
    """LocalApp, with rules that faults come from, and ``admin`` under ``/admin``.

    ``authenticator_at`` makes the authenticator that goes by a clock; ``sleep`` waits without holding up others.
    """

    def __init__(
        self,
        context: ServerContext,
        authenticator_at: Callable[[Callable[[], float]], Authenticator],
        budget: BodyBudget,
        rules: Rules,
        admin: ASGIApp,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        super().__init__(context, authenticator_at(context.clock), budget, [Mount("/admin", admin)])
        self._authenticator_at = authenticator_at
        self._rules = rules
        self._sleep = sleep

    async def _work(self, route: Route, names: Mapping[str, str], scope: Scope, body: bytes) -> Reply:
        if not self._rules.watch(route.operation):
            return await super()._work(route, names, scope, body)
        struck = scope[_STRUCK] = self._struck(route, names, scope, body)
        return await self._work_on(route, names, scope, body, struck) if struck.worked else _NOTHING

    async def _work_on(
        self, route: Route, names: Mapping[str, str], scope: Scope, body: bytes, struck: Struck
    ) -> Reply:
        if struck.skew:
            self._authenticator_at(lambda: self._context.clock() + struck.skew).check(scope, names["project_id"], body)
        else:
            self._authenticator.check(scope, names["project_id"], body)
        call, request = Call(self._context, names), message_of(route, scope, body)
        handler = HANDLERS[route.operation]
        if struck.refusing:
            return answer(route, await put_in_part(struck.refusing, handler, call, request))
        return answer(route, await handler(call, request))

    async def _deliver(self, reply: Reply, second: int, scope: Scope, receive: Receive, send: Send) -> None:
        struck: Struck | None = scope.get(_STRUCK)
        if struck is None:
            await super()._deliver(reply, second, scope, receive, send)
            return
        reply = struck.instead or reply
        sent = Answer(reply.status, reply.headers(self._date(second + int(struck.skew))), reply.body)
        with self._context.answers.counted(len(sent.body)):
            if struck.delay:
                await _while_connected(self._sleep(struck.delay), receive)
            if struck.fault is not None and travels_badly(struck.fault):
                await _while_connected(travel(struck.fault, sent, scope["transport"], self._sleep), receive)
                await _end_of_connection(receive)
                return
        await self._send(*(sent if struck.fault is None else spoiled(struck.fault, sent)), send)

    def _struck(self, route: Route, names: Mapping[str, str], scope: Scope, body: bytes) -> Struck:
        def target() -> Target:
            return target_of(self._context.store, names, _message_or_none(route, scope, body))

        rules = self._rules.struck(route.operation, target)
        return Struck(
            fault=next((rule.fault for rule in rules if not rule.fault.condition), None),
            skew=sum(rule.fault.seconds for rule in rules if isinstance(rule.fault, ClockSkew)),
            delay=sum(_delay(rule, rule.fault) for rule in rules if isinstance(rule.fault, Latency)),
            refusing=[rule for rule in rules if isinstance(rule.fault, RecordsRefused)],
        )


def _delay(rule: Rule, fault: Latency) -> float:
    return rule.between(fault.seconds - fault.jitter, fault.seconds + fault.jitter)


def _message_or_none(route: Route, scope: Scope, body: bytes) -> Any:
    try:
        return message_of(route, scope, body)
    except Refusal:
        return None


async def _while_connected(work: Awaitable[None], receive: Receive) -> None:
    """Do what takes its time; leave it when the client goes, so that a server that stops waits for nobody who left."""
    working = asyncio.ensure_future(work)
    left = asyncio.ensure_future(_end_of_connection(receive))
    try:
        await asyncio.wait((working, left), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
    finally:
        working.cancel()
        left.cancel()


async def _end_of_connection(receive: Receive) -> None:
    """Uvicorn calls it a fault of ours when we return before it knows that the connection is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
