"""Authentication: signatures with access keys, tokens, and the projects that are served.

Rules:

1. Without keys every request is accepted, signed or not.
2. With keys every request must be signed with a pair of them or carry a token. Otherwise it is refused with the DIS.41xx code
   that says why: a signature with HTTP 441, a token with 401, on which clients ask for a new one [SDK].
3. A caller may use its own project, and no other.
4. Secrets never reach an answer or a log.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from beam_dis.local.handlers.call import Caller
from beam_dis.local.keys import AccessKeys
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.signing import SigningRequest, verify


class Authenticator:
    """Accepts or refuses requests. ``clock`` gives epoch seconds; ``project`` is the only one served, None: any."""

    def __init__(self, keys: Sequence[AccessKeys], project: str | None, clock: Callable[[], float]) -> None:
        self._required = bool(keys)
        self._signers = {caller.access_key: caller for caller in keys if caller.access_key}
        self._tokens = [(caller.auth_token.encode(), caller) for caller in keys if caller.auth_token]
        self._project = project
        self._clock = clock

    def check(self, scope: Any, project: str, body: bytes | bytearray, skew: float = 0.0) -> Caller | None:
        """Who sent a request; None if there are no keys. ``skew`` is how many seconds later than the clock it is for it.

        Raises:
            Refusal: DIS.41xx without a good signature or token, DIS.4117 for a project that isn't the caller's.
        """
        keys = self._verified(scope, body, skew) if self._required else None
        if self._project not in (None, project) or (keys is not None and keys.project not in (None, project)):
            raise Refusal(4117, project)
        return None if keys is None else Caller(keys.name, project)

    def check_token(self, scope: Any) -> str | None:
        """Check the token of a request that has no project; returns the only project that its caller may see, None for all.

        Raises:
            Refusal: DIS.4101 or 4112, if there are keys and the request has no token of them.
        """
        if not self._required:
            return self._project
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        token = bearer.strip() if scheme.lower() == "bearer" else headers.get("x-auth-token", "")
        if not token:
            raise Refusal(4101, "send the token of a caller as Authorization: Bearer …", status=401)
        return self._with_token(token).project or self._project

    def _verified(self, scope: Any, body: bytes | bytearray, skew: float) -> AccessKeys:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        authorization = headers.get("authorization")
        if authorization is None and "x-auth-token" in headers:
            return self._with_token(headers["x-auth-token"])
        request = SigningRequest(
            method=scope["method"],
            path=scope["raw_path"].decode("latin-1"),
            query=scope["query_string"].decode("latin-1"),
            headers=headers,
            body=body,
        )
        keys = self._signers[verify(request, authorization, self._secret_of, self._clock() + skew)]
        _check_security_token(keys, headers)
        return keys

    def _secret_of(self, access_key: str) -> str | None:
        keys = self._signers.get(access_key)
        return None if keys is None else keys.secret_key

    def _with_token(self, token: str) -> AccessKeys:
        if not self._tokens:
            raise Refusal(4112, "this server accepts no token: sign with the access key", status=401)
        sent = token.encode("latin-1")
        found = [keys for known, keys in self._tokens if hmac.compare_digest(known, sent)]
        if not found:
            raise Refusal(4112, "the token is unknown", status=401)
        return found[0]


def _check_security_token(keys: AccessKeys, headers: Mapping[str, str]) -> None:
    """Refuse a signature with temporary keys whose token isn't sent with it."""
    sent = headers.get("x-security-token", "").encode("latin-1")
    if keys.security_token and not hmac.compare_digest(keys.security_token.encode(), sent):
        raise Refusal(
            4112, f"X-Security-Token is {'another than that' if sent else 'missing, give that'} of the access key"
        )
