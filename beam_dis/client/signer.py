"""What makes a request ours: its headers, with a signature or a token.

Law: every attempt is signed by the service's clock as far as it is known: this machine's, set right by the Date of an
answer that refused us. A signature in plain http shows nothing that could be used again; a token would, so it goes
through plain http to this machine alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from beam_dis.client.answers import dated
from beam_dis.client.keys import Keys
from beam_dis.client.transport import Response, host_of
from beam_dis.connection import DISConnection
from beam_dis.credentials import Credentials, Token, is_loopback
from beam_dis.errors import CredentialsError
from beam_dis.version import __version__
from beam_dis.wire.signing import SigningRequest, sign
from beam_dis.wire.timestamps import sdk_date

SKEW_SECONDS = 60.0
"""Clocks that differ by less are taken for the same: the local DIS takes 900 s, what the real one takes is unknown."""


class Signed(NamedTuple):
    """The headers of one attempt, and what they were made with: ``skew`` is in seconds."""

    headers: dict[str, str]
    keys: Credentials | Token | None
    skew: float


class Signer:
    """Signs for one connection; thread-safe. ``clock`` gives seconds since 1970."""

    def __init__(self, connection: DISConnection, keys: Keys, *, clock: Callable[[], float]) -> None:
        self._endpoint = connection.endpoint or ""
        self._project_id = connection.project_id or ""
        self._host = host_of(self._endpoint)
        self._keys = keys
        self._clock = clock
        self._skew = 0.0

    def signed(self, draft: SigningRequest) -> Signed:
        """The headers of one attempt; without Authorization where requests to the endpoint may go unsigned."""
        skew = self._skew
        now = self._clock() + skew
        keys = self._keys.current(now)
        headers = {
            "host": self._host,
            "content-type": "application/json",
            "x-project-id": self._project_id,
            "x-sdk-date": sdk_date(now),
            **self._proof(keys),
        }
        if isinstance(keys, Credentials):
            headers["authorization"] = sign(
                draft._replace(headers=headers),
                access_key=keys.access_key,
                secret_key=keys.secret_key,
                signed_headers=tuple(headers),
            )
        return Signed({**headers, "user-agent": f"beam-dis/{__version__}", "accept-encoding": "identity"}, keys, skew)

    def learns(self, signed: Signed, response: Response) -> bool:
        """Whether a request that was refused for its signature or token would be signed otherwise now."""
        answered, now = dated(response), self._clock()
        if isinstance(signed.keys, Credentials) and answered and abs(answered - now - signed.skew) > SKEW_SECONDS:
            self._skew = answered - now
            return True
        return self._keys.differ_from(signed.keys, now + self._skew)

    def _proof(self, keys: Credentials | Token | None) -> dict[str, str]:
        if isinstance(keys, Token):
            if self._endpoint.startswith("http:") and not is_loopback(self._endpoint):
                raise CredentialsError(
                    f"a token can't go to {self._endpoint} in plain http: use https, or an access key"
                )
            return {"x-auth-token": keys.value}
        if keys is None or keys.security_token is None:
            return {}
        return {"x-security-token": keys.security_token}
