"""Tokens of the identity service (IAM) by user name and password [API 3.1; IAM: obtaining a user token].

Law: one request, tried again for seconds; nothing is kept: whoever holds the function that calls this decides when. The
password goes through https alone, but for this machine, and shows in no error.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime

import msgspec

from beam_dis.backoff import own_random
from beam_dis.client.metadata import parse_expiry
from beam_dis.client.retry import Retry
from beam_dis.client.transport import HTTPTransport, Request, Response, Transport
from beam_dis.connection import endpoint_of
from beam_dis.credentials import Token, is_loopback, profile
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
    """A token for a project, good for 24 hours, by the name and password of a user of the account ``domain``.

    To be called by the function that a connection's ``credentials=`` names, which reads the password from where it is kept.
    ``endpoint`` is the identity service's, else HUAWEICLOUD_SDK_IAM_ENDPOINT, else ``iam_endpoint`` of the profile file,
    else the one of ``region``, else https://iam.myhuaweicloud.com. ``proxy`` and ``ca_bundle`` as in ``DISConnection``.
    Raises CredentialsError, also where the identity service can't be reached; ConfigurationError for plain http.
    """
    where = iam_endpoint(endpoint, region)
    with closing(HTTPTransport(where, proxy=proxy, ca_bundle=ca_bundle)) as transport:
        return requested_token(transport, where, user=user, password=password, domain=domain, project_id=project_id)


def iam_endpoint(given: str | None, region: str | None, environ: Mapping[str, str] = os.environ) -> str:
    """Where the identity service is. Raises ConfigurationError where a password can't go there."""
    found = given or environ.get("HUAWEICLOUD_SDK_IAM_ENDPOINT") or profile(environ).get("iam_endpoint")
    where = (
        (found or (endpoint_of("iam", region) if region else _DEFAULT_ENDPOINT)).removesuffix("/").removesuffix("/v3")
    )
    if not where.startswith("https://") and not is_loopback(where):
        raise ConfigurationError(f"a password can't go to {where!r}: give the identity service's https endpoint")
    return where


def requested_token(
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
    """The token that the identity service behind ``transport`` gives; clocks, ``sleep`` and ``random`` are for tests."""
    body = msgspec.json.encode(_login(user, password, domain, project_id))
    retry = Retry(deadline=DEADLINE_SECONDS, repeatable=True, patient=True, clock=clock, sleep=sleep, random=random)
    try:
        answer = retry.run(lambda seconds: _asked(transport, body, min(seconds, TIMEOUT_SECONDS)))
    except (TransportError, ServiceError) as error:
        raise CredentialsError(f"no token for user {user!r} of {domain!r} from {endpoint}: {error}") from error
    value = answer.headers.get("x-subject-token")
    if not value:
        raise CredentialsError(
            f"{endpoint} answered {answer.status} without a token: check that it is an identity service"
        )
    return Token(value=value, expires=_expiry(answer.body))


def _login(user: str, password: str, domain: str, project_id: str) -> dict[str, object]:
    who = {"name": user, "password": password, "domain": {"name": domain}}
    identity = {"methods": ["password"], "password": {"user": who}}
    return {"auth": {"identity": identity, "scope": {"project": {"id": project_id}}}}


def _asked(transport: Transport, body: bytes, seconds: float) -> Response:
    headers = {"content-type": "application/json"}
    answer = transport.send(Request(method="POST", target=_PATH, headers=headers, body=body, timeout=seconds))
    if answer.status == 201:
        return answer
    advice = " - check the user, the password, the account's name and the project id" if answer.status < 500 else ""
    raise service_error(f"HTTP {answer.status}{advice}", code="", status=answer.status)


def _expiry(body: bytes) -> datetime | None:
    try:
        return parse_expiry(msgspec.json.decode(body)["token"]["expires_at"])
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError):
        return None
