"""Authentication: signatures with one access key, one token, and the projects that are served.

Rules:

1. Without keys every request is accepted, signed or not.
2. With keys every request must be signed with them or carry their token. Otherwise it is refused with HTTP 441 and the
   DIS.41xx code that says why.
3. Secrets never reach an answer or a log.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.signing import SigningRequest, verify


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKeys:
    """The access key and secret key that requests are signed with, the token that they may carry instead, or both."""

    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    auth_token: str = field(default="", repr=False)


class Authenticator:
    """Accepts or refuses requests. ``clock`` gives epoch seconds; ``project`` is the only one served, None: any."""

    def __init__(self, keys: AccessKeys | None, project: str | None, clock: Callable[[], float]) -> None:
        self._required = keys is not None
        self._secrets = {keys.access_key: keys.secret_key} if keys and keys.access_key else {}
        self._token = keys.auth_token.encode() if keys else b""
        self._project = project
        self._clock = clock

    def check(self, scope: Any, project: str, body: bytes | bytearray, skew: float = 0.0) -> None:
        """Refuse a request without a good signature or token with DIS.41xx, one of another project with DIS.4117.

        ``skew`` is how many seconds later than the clock it is for this request.
        """
        if self._required:
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            self._verify(scope, headers, body, skew)
        if self._project not in (None, project):
            raise Refusal(4117, project)

    def _verify(self, scope: Any, headers: dict[str, str], body: bytes | bytearray, skew: float) -> None:
        authorization = headers.get("authorization")
        if authorization is None and "x-auth-token" in headers:
            self._check_token(headers["x-auth-token"])
            return
        request = SigningRequest(
            method=scope["method"],
            path=scope["raw_path"].decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            body=bytes(body),
        )
        verify(request, authorization, self._secrets.get, self._clock() + skew)

    def _check_token(self, token: str) -> None:
        if not self._token:
            raise Refusal(4112, "this server accepts no token: sign with the access key")
        if not hmac.compare_digest(self._token, token.encode("latin-1")):
            raise Refusal(4112, "the token is unknown")
