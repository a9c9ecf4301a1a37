"""What becomes known of one request while it is answered, and its line in the log of requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.types import Scope

from beam_dis.local.http.reply import Headers, Reply
from beam_dis.local.request_log import LoggedRequest
from beam_dis.wire.limits import MAX_CURSOR_CHARS
from beam_dis.wire.routes import Route

if TYPE_CHECKING:
    from beam_dis.local.http.fault_injector import FaultHits

_NOTED_CHARS = 500


class CallState:
    """One request: its route as far as it is known, the names in its path, its message, and the faults that hit it."""

    __slots__ = ("hits", "names", "request", "route")

    def __init__(self, route: Route | None, names: Mapping[str, str]) -> None:
        self.route = route
        self.names = names
        self.request: Any = None
        self.hits: FaultHits | None = None

    @property
    def operation(self) -> str:
        """The name of its operation; "" if it has none."""
        return "" if self.route is None else self.route.operation

    def noted(
        self, scope: Scope, reply: Reply | None, headers: Headers, *, time: float, seconds: float
    ) -> LoggedRequest:
        """Its line in the log. ``reply`` is None if it got no answer."""
        hits = self.hits
        return LoggedRequest(
            time,
            scope["method"],
            scope["path"][:_NOTED_CHARS],
            self.operation,
            self._named()[:MAX_CURSOR_CHARS],
            0 if reply is None or (hits is not None and hits.resets) else reply.status,
            "" if reply is None else reply.code,
            seconds,
            headers,
            () if hits is None else hits.kinds,
        )

    def _named(self) -> str:
        """The stream that it names, or its cursor."""
        names, request = self.names, self.request
        in_path = names.get("stream_name") or names.get("stream_id")
        if in_path or request is None:
            return in_path or ""
        cursor: str | None = getattr(request, "partition_cursor", None)
        return cursor or getattr(request, "stream_name", None) or getattr(request, "stream_id", None) or ""
