"""Who may use the console: whoever has its token, from a page of the console itself.

Rules:

1. The URL that the server prints has the token. The first visit puts it into a cookie, and redirects to the URL without it.
2. The cookie can't be read by scripts and isn't sent with requests that other sites cause. Its name has the port, because browsers
   send the cookies of one port to all ports.
3. A request that changes something needs an Origin, which ``AllowedSources`` has compared with the Host.
4. A page loads nothing from elsewhere, runs no script that is inside a page, and can't be put into a frame.
"""

from __future__ import annotations

import hmac
from urllib.parse import parse_qsl, quote, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from beam_dis.local.console.rendering import error_page
from beam_dis.local.console.settings import ROOT

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # with "no-referrer", browsers would send "Origin: null" with the forms
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_READING = {"GET", "HEAD"}
_PARAMETER = "token"


class Guard:
    """Lets requests with the token through to ``app``, and answers the others."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app = app
        self._token = token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        answer = self._answer(scope) or self._app
        await answer(scope, receive, send_guarded)

    def _answer(self, scope: Scope) -> Response | None:
        """The answer to a request that doesn't reach the pages; None for one that does."""
        if scope["path"].startswith(f"{ROOT}/static/") and scope["method"] in _READING:
            return None
        given = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get(_PARAMETER)
        if given is not None and scope["method"] in _READING:
            return self._signed_in(scope) if self._is_token(given) else _not_signed_in()
        if not self._is_token(_cookie(scope)):
            return _not_signed_in()
        if scope["method"] not in _READING and "origin" not in Headers(scope=scope):
            return error_page(403, "Requests that change something are accepted from pages of this console only.")
        return RedirectResponse(_address(scope), 303) if scope["path"] == ROOT else None

    def _is_token(self, text: str) -> bool:
        return hmac.compare_digest(text.encode("utf-8", "surrogatepass"), self._token)

    def _signed_in(self, scope: Scope) -> Response:
        answer = RedirectResponse(_address(scope), 303)
        answer.set_cookie(_cookie_name(scope), self._token.decode(), path=ROOT, httponly=True, samesite="strict")
        return answer


def _address(scope: Scope) -> str:
    """The address of the page that is asked for, without the token."""
    rest = [pair for pair in parse_qsl(scope["query_string"].decode("latin-1")) if pair[0] != _PARAMETER]
    path = quote(scope["path"] if scope["path"] != ROOT else f"{ROOT}/")
    return f"{path}?{urlencode(rest)}" if rest else path


def _not_signed_in() -> Response:
    return error_page(
        401,
        "Open the URL that beam-dis serve has printed, with its token, or LocalDIS.console_url. After a restart the token"
        " is another one, unless BEAM_DIS_CONSOLE_TOKEN has set it.",
    )


def _cookie(scope: Scope) -> str:
    """The token that the browser has; cookies of other programs on the same host may have any form."""
    return cookie_parser(Headers(scope=scope).get("cookie", "")).get(_cookie_name(scope), "")


def _cookie_name(scope: Scope) -> str:
    server = scope.get("server")
    return f"beam_dis_console_{server[1] if server else 0}"
