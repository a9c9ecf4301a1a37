"""Makes the headers of a request, with a signature or a token.

Rules:

1. Each attempt is signed by the service's clock as far as it is known: by this machine's, corrected by the Date header of an
   answer that refused a signature.
2. A token is only sent over https, or to this machine. A signature may go over plain http: it can't be used again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from beam_dis.client.answers import date_of
from beam_dis.client.cached_credentials import CachedCredentials
from beam_dis.client.transport import Response, host_of
from beam_dis.connection import DISConnection
from beam_dis.credentials import Credentials, Token
from beam_dis.endpoints import is_loopback
from beam_dis.errors import CredentialsError
from beam_dis.version import __version__
from beam_dis.wire.signing import SigningRequest, sign
from beam_dis.wire.timestamps import sdk_date

SKEW_SECONDS = 60.0
"""Smaller differences between clocks are ignored: the local DIS accepts 900 s, the real one's limit is unknown."""


@dataclass(frozen=True, slots=True)
class SignedHeaders:
    """The headers of one attempt, with the credentials and the clock correction (seconds) that they were made with."""

    headers: Mapping[str, str] = field(repr=False)
    credentials: Credentials | Token | None
    skew: float


class Signer:
    """Signs the requests of one connection; thread-safe. ``clock`` returns seconds since 1970."""

    def __init__(
        self, connection: DISConnection, credentials: CachedCredentials, *, clock: Callable[[], float]
    ) -> None:
        self._endpoint = connection.endpoint or ""
        self._project_id = connection.project_id or ""
        self._host = host_of(self._endpoint)
        self._credentials = credentials
        self._clock = clock
        self._skew = 0.0

    def signed(self, draft: SigningRequest, seconds: float) -> SignedHeaders:
        """Make the headers of one attempt within ``seconds``, without Authorization if the endpoint takes unsigned requests."""
        skew = self._skew
        now = self._clock() + skew
        found = self._credentials.current(now, seconds)
        headers = {
            "host": self._host,
            "content-type": "application/json",
            "x-project-id": self._project_id,
            "x-sdk-date": sdk_date(now),
        }
        if isinstance(found, Token):
            if self._endpoint.startswith("http:") and not is_loopback(self._endpoint):
                raise CredentialsError(
                    f"a token can't be sent to {self._endpoint} in plain http: use https, or an access key"
                )
            headers["x-auth-token"] = found.value
        elif found is not None:
            if found.security_token is not None:
                headers["x-security-token"] = found.security_token
            headers["authorization"] = sign(
                draft._replace(headers=headers),
                access_key=found.access_key,
                secret_key=found.secret_key,
                signed_headers=tuple(headers),
            )
        headers["user-agent"] = f"beam-dis/{__version__}"
        return SignedHeaders(headers, found, skew)

    def correct(self, refused: SignedHeaders, response: Response, seconds: float) -> bool:
        """Correct the clock or renew the credentials after a refusal; False if neither would change the headers."""
        answered, now = date_of(response), self._clock()
        if (
            isinstance(refused.credentials, Credentials)
            and answered
            and abs(answered - now - refused.skew) > SKEW_SECONDS
        ):
            self._skew = answered - now
            return True
        return self._credentials.replace_refused(refused.credentials, now + self._skew, seconds)
