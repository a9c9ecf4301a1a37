"""Temporary credentials from the metadata service of a cloud server (ECS) that was given an agency [SDK CORE].

Rules:

1. There are two requests to a link-local address, never through a proxy: PUT returns a session token, GET the keys.
2. Older servers have no session tokens; then the keys are requested without one.
3. On any other machine nothing answers, and that is known within a second.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import msgspec

from beam_dis.client.retry import Retry
from beam_dis.client.transport import Request, Response, Transport
from beam_dis.credentials import Credentials, no_credentials
from beam_dis.errors import CredentialsError, ServiceError, TransportError, service_error

ENDPOINT = "http://169.254.169.254"
TIMEOUT_SECONDS = 1.0

_TOKEN_PATH = "/meta-data/latest/api/token"  # noqa: S105 - a path
_KEY_PATH = "/openstack/latest/securitykey"
_TTL_SECONDS = "21600"
_NO_SESSION_TOKENS = (404, 405, 503)
_WITH_FRACTION, _WITHOUT = "%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%SZ"


def metadata_credentials(transport: Transport, retry: Retry, endpoint: str) -> Credentials:
    """Return the server's credentials, for requests to ``endpoint``. Raises CredentialsError, which says what is missing."""
    try:
        answer = retry.run(lambda seconds: _requested(transport, min(seconds, TIMEOUT_SECONDS), endpoint))
    except (TransportError, ServiceError) as error:
        raise no_credentials(endpoint, str(error)) from error
    try:
        fields = msgspec.json.decode(answer.body)["credential"]
        return Credentials(
            access_key=fields["access"],
            secret_key=fields["secret"],
            security_token=fields["securitytoken"],
            expires=parse_expiry(fields["expires_at"]),
        )
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError, CredentialsError):
        # without the cause and its text, because they may quote the secrets
        raise no_credentials(endpoint, f"its {len(answer.body)} bytes contain no credentials") from None


def parse_expiry(text: Any) -> datetime | None:
    """Parse an expiry such as ``2026-01-01T00:00:00.000000Z``; None for anything else."""
    try:
        form = _WITH_FRACTION if "." in text else _WITHOUT
        return datetime.strptime(text, form).replace(tzinfo=timezone.utc)
    except (ValueError, TypeError):
        return None


def _requested(transport: Transport, seconds: float, endpoint: str) -> Response:
    token = _sent(transport, "PUT", _TOKEN_PATH, {"x-metadata-token-ttl-seconds": _TTL_SECONDS}, seconds, endpoint)
    if token.status not in (200, *_NO_SESSION_TOKENS):
        raise _failure(token)
    session = {"x-metadata-token": token.body.decode("latin-1").strip()} if token.status == 200 else {}
    answer = _sent(transport, "GET", _KEY_PATH, session, seconds, endpoint)
    if answer.status != 200:
        raise _failure(answer)
    return answer


def _sent(
    transport: Transport, method: str, path: str, headers: dict[str, str], seconds: float, endpoint: str
) -> Response:
    try:
        return transport.send(Request(method=method, target=path, headers=headers, timeout=seconds))
    except TransportError as error:
        if error.maybe_done:
            raise
        raise no_credentials(endpoint, "there is none here") from error  # not a cloud server: repeating doesn't help


def _failure(answer: Response) -> ServiceError:
    """Make the error for another status; 5xx and 429 are retried."""
    advice = " - assign an agency with permission for DIS to the instance" if answer.status in (401, 404) else ""
    return service_error(f"it answered HTTP {answer.status}{advice}", code="", status=answer.status)
