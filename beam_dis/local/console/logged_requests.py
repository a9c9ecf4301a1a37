"""The page of the last requests: what clients asked, and how they were answered."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from beam_dis.local.console.paging import slice_of
from beam_dis.local.console.parts import Parts
from beam_dis.local.console.queries import query_of
from beam_dis.local.console.rendering import page
from beam_dis.local.request_log import KEPT_REQUESTS, LoggedRequest
from beam_dis.wire.error_codes import ERROR_CODES

OUTCOMES = ("all", "refused", "faults")


def last_requests(parts: Parts, request: Request) -> Response:
    """The last requests, the newest first; of one outcome, or with a text in them."""
    fields = query_of(request)
    wanted, outcome = fields.text("filter").lower(), fields.choice("outcome", OUTCOMES, "all")
    entries = [
        entry
        for entry in parts.requests.newest_first()
        if _has(entry, outcome) and (not wanted or _contains(entry, wanted))
    ]
    found = slice_of(len(entries), fields)
    return page(
        "requests.html",
        here="requests",
        rows=entries[found.start : found.end],
        found=found,
        wanted=fields.text("filter"),
        outcome=outcome,
        outcomes=OUTCOMES,
        kept=KEPT_REQUESTS,
        codes=ERROR_CODES,
    )


def _has(entry: LoggedRequest, outcome: str) -> bool:
    if outcome == "faults":
        return bool(entry.faults)
    return outcome == "all" or bool(entry.code) or entry.status >= 400


def _contains(entry: LoggedRequest, wanted: str) -> bool:
    texts = (entry.operation, entry.stream, entry.code, entry.request_id, entry.path, str(entry.status))
    return any(wanted in text.lower() for text in texts)
