"""Tokens of the identity service (IAM) by user name and password [API 3.1; IAM: obtaining a user token].

Rules:

1. There is one request, which is retried for some seconds. Nothing is kept: the caller decides when to ask for a new token.
2. The password is only sent over https, or to this machine, and no error contains it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing

import msgspec

from beam_dis.backoff import own_random
from beam_dis.client.metadata import parse_expiry
from beam_dis.client.retry import Retry
from beam_dis.client.transport import HTTPTransport, Request, Response, Transport
from beam_dis.credentials import Token, profile
from beam_dis.endpoints import endpoint_of, is_loopback
from beam_dis.errors import ConfigurationError, CredentialsError, ServiceError, TransportError, service_error

DEADLINE_SECONDS = 20.0
TIMEOUT_SECONDS = 10.0

_PATH = "/v3/auth/tokens"
_DEFAULT_ENDPOINT = "https://iam.myhuaweicloud.com"


def iam_token(
    *,
    user: str,
    password: str,
    domain: str,
    project_id: str,
    region: str | None = None,
    endpoint: str | None = None,
    proxy: str | None = None,
    ca_bundle: str | os.PathLike[str] | None = None,
) -> Token:
    """Ask the identity service for a token, which is valid for 24 hours.

    Call it in the function that a connection's ``credentials=`` names, and read the password there from where it is stored.

    Args:
        user: the name of an IAM user.
        password: the user's password.
        domain: the name of the account.
        project_id: the project that the token is for.
        region: the region whose identity service to ask.
        endpoint: the URL of the identity service; by default HUAWEICLOUD_SDK_IAM_ENDPOINT, then ``iam_endpoint`` of the
            profile file, then the region's, then https://iam.myhuaweicloud.com.
        proxy: as in ``DISConnection``.
        ca_bundle: as in ``DISConnection``.

    Raises:
        CredentialsError: the identity service refused, or can't be reached.
        ConfigurationError: the endpoint is plain http.
    """
    url = iam_endpoint(endpoint, region)
    with closing(HTTPTransport(url, proxy=proxy, ca_bundle=ca_bundle)) as transport:
        return request_token(transport, url, user=user, password=password, domain=domain, project_id=project_id)


def iam_endpoint(given: str | None, region: str | None, environ: Mapping[str, str] | None = None) -> str:
    """Return the URL of the identity service. Raises ConfigurationError if a password can't be sent there."""
    environ = os.environ if environ is None else environ
    found = given or environ.get("HUAWEICLOUD_SDK_IAM_ENDPOINT") or profile(environ).get("iam_endpoint")
    url = (found or (endpoint_of("iam", region) if region else _DEFAULT_ENDPOINT)).removesuffix("/").removesuffix("/v3")
    if not url.startswith("https://") and not is_loopback(url):
        raise ConfigurationError(f"a password can't be sent to {url!r}: give the identity service's https endpoint")
    return url


def request_token(
    transport: Transport,
    endpoint: str,
    *,
    user: str,
    password: str,
    domain: str,
    project_id: str,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    random: Callable[[], float] = own_random,
) -> Token:
    """Ask for a token over ``transport``; ``clock``, ``sleep`` and ``random`` are for tests."""
    identity = {
        "methods": ["password"],
        "password": {"user": {"name": user, "password": password, "domain": {"name": domain}}},
    }
    body = msgspec.json.encode({"auth": {"identity": identity, "scope": {"project": {"id": project_id}}}})
    retry = Retry(
        deadline=DEADLINE_SECONDS, retry_lost=True, retry_throttling=True, clock=clock, sleep=sleep, random=random
    )
    try:
        answer = retry.run(lambda seconds: _send(transport, body, min(seconds, TIMEOUT_SECONDS)))
    except (TransportError, ServiceError) as error:
        raise CredentialsError(f"no token for user {user!r} of {domain!r} from {endpoint}: {error}") from error
    value = answer.headers.get("x-subject-token")
    if not value:
        raise CredentialsError(
            f"{endpoint} answered {answer.status} without a token: check that it is an identity service"
        )
    try:
        expires = parse_expiry(msgspec.json.decode(answer.body)["token"]["expires_at"])
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError):
        expires = None
    return Token(value=value, expires=expires)


def _send(transport: Transport, body: bytes, seconds: float) -> Response:
    headers = {"content-type": "application/json"}
    answer = transport.send(Request(method="POST", target=_PATH, headers=headers, body=body, timeout=seconds))
    if answer.status == 201:
        return answer
    advice = " - check the user, the password, the account's name and the project id" if answer.status < 500 else ""
    raise service_error(f"HTTP {answer.status}{advice}", code="", status=answer.status)
