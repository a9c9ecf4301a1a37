"""The parts of a server that pages show and change."""

from __future__ import annotations

from dataclasses import dataclass, field

from beam_dis.local.clock import Clock
from beam_dis.local.console.lags import LagHistory
from beam_dis.local.console.notices import Notices
from beam_dis.local.faults.rules import Rules
from beam_dis.local.handlers.call import Call, ServerContext
from beam_dis.local.request_log import RequestLog
from beam_dis.local.store import Store, StoredApp, Stream


class ConsoleError(Exception):
    """A page or a change that isn't there or isn't possible: an HTTP status and the reason."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of a server.

    ``lags`` and ``notices`` belong to the console alone.
    """

    context: ServerContext
    rules: Rules
    clock: Clock
    requests: RequestLog
    lags: LagHistory
    notices: Notices = field(default_factory=Notices)

    @property
    def store(self) -> Store:
        """The durable log and its catalogue."""
        return self.context.store

    @property
    def now_ms(self) -> int:
        """The server's clock in milliseconds."""
        return int(self.clock() * 1000)

    def stream(self, stream_id: str) -> Stream:
        """The stream of that id; ConsoleError 404 if there is none."""
        found = self.store.stream_by_id(stream_id)
        if found is None:
            raise ConsoleError(404, f"There is no stream with the id {stream_id}. It may have been deleted.")
        return found

    def app(self, app_id: str) -> StoredApp:
        """The app of that id; ConsoleError 404 if there is none."""
        found = [app for app in self.store.apps() if app.app_id == app_id]
        if not found:
            raise ConsoleError(404, f"There is no app with the id {app_id}. It may have been deleted.")
        return found[0]

    def call(self, project: str) -> Call:
        """A call of an operation, as the owner of a project."""
        return Call(self.context, {"project_id": project})
