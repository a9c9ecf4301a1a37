"""Temporary credentials from the metadata service of a cloud server (ECS) that was given an agency [SDK CORE].

Rules:

1. There are two requests to a link-local address, never through a proxy: PUT returns a session token, GET the keys.
2. Without a session token the keys are requested without one: older servers have no tokens, and in a container the answer to
   PUT may be lost, because it may pass fewer routers than the others (its hop limit).
3. On any other machine nothing answers, and that is known within a second. It takes 3 s at most in all cases.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import msgspec

from beam_dis.client.retry import Retry
from beam_dis.client.transport import Request, Response, Transport, is_sendable
from beam_dis.credentials import Credentials, no_credentials
from beam_dis.errors import CredentialsError, ServiceError, TransportError, service_error

ENDPOINT = "http://169.254.169.254"
TIMEOUT_SECONDS = 1.0
DEADLINE_SECONDS = 3.0

_TOKEN_PATH = "/meta-data/latest/api/token"  # noqa: S105 - a path
_KEY_PATH = "/openstack/latest/securitykey"
_TTL = {"x-metadata-token-ttl-seconds": "21600"}
_WITH_FRACTION, _WITHOUT = "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%SZ"


def metadata_credentials(transport: Transport, retry: Retry, endpoint: str) -> Credentials:
    """Return the server's credentials, for requests to ``endpoint``. Raises CredentialsError, which says what is missing."""
    requests = _Requests(transport, endpoint)
    try:
        answer = retry.run(requests.keys)
    except (TransportError, ServiceError) as error:
        raise no_credentials(endpoint, f"{requests.without_token}{error}") from error
    found = _credentials_in(answer)
    if found is None:
        raise no_credentials(endpoint, f"its {len(answer.body)} bytes contain no credentials")
    return found


def _credentials_in(answer: Response) -> Credentials | None:
    """Read an answer. It raises nothing, because an error and its local variables would quote the secrets."""
    try:
        fields = msgspec.json.decode(answer.body)["credential"]
        return Credentials(
            access_key=fields["access"],
            secret_key=fields["secret"],
            security_token=fields["securitytoken"],
            expires=parse_expiry(fields["expires_at"]),
        )
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError, TypeError, CredentialsError):
        return None


def parse_expiry(text: Any) -> datetime | None:
    """Parse an expiry such as ``2026-01-01T00:00:00.000000Z``; None for anything else."""
    try:
        form = _WITH_FRACTION if "." in text else _WITHOUT
        return datetime.strptime(text, form).replace(tzinfo=timezone.utc)
    except (ValueError, TypeError):
        return None


class _Requests:
    """The requests for one set of keys, which may be repeated.

    ``without_token`` says, for the error, why they have no session token; "" if they have one.
    """

    def __init__(self, transport: Transport, endpoint: str) -> None:
        self._transport = transport
        self._endpoint = endpoint
        self._session: dict[str, str] | None = None
        self.without_token = ""

    def keys(self, seconds: float) -> Response:
        """Return the answer with the keys, within ``seconds``."""
        if self._session is None:
            seconds /= 2
            self._session = self._opened(seconds)
        answer = self._sent(Request(method="GET", target=_KEY_PATH, headers=self._session), seconds)
        if answer.status != 200:
            raise _failure(answer)
        return answer

    def _opened(self, seconds: float) -> dict[str, str]:
        """The header with a session token; empty if there are no tokens here."""
        try:
            answer = self._sent(Request(method="PUT", target=_TOKEN_PATH, headers=_TTL), seconds)
        except TransportError as error:
            self.without_token = f"PUT {_TOKEN_PATH}: {error}; without a session token: "
            return {}
        if answer.status == 200 and is_sendable(answer.body.decode("latin-1").strip()):
            return {"x-metadata-token": answer.body.decode("latin-1").strip()}
        if answer.status == 429 or (answer.status >= 500 and answer.status != 503):
            raise _failure(answer)
        self.without_token = f"PUT {_TOKEN_PATH}: HTTP {answer.status}; without a session token: "
        return {}

    def _sent(self, request: Request, seconds: float) -> Response:
        try:
            return self._transport.send(replace(request, timeout=min(seconds, TIMEOUT_SECONDS)))
        except TransportError as error:
            if error.maybe_done:
                raise
            # not a cloud server: repeating doesn't help
            raise no_credentials(self._endpoint, f"{self.without_token}there is none here") from error


def _failure(answer: Response) -> ServiceError:
    """Make the error for another status; 5xx and 429 are retried."""
    advice = " - assign an agency with permission for DIS to the instance" if answer.status in (401, 404) else ""
    return service_error(f"it answered HTTP {answer.status}{advice}", code="", status=answer.status)
