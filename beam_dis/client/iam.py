"""Tokens of the identity service (IAM) by user name and password [API 3.1; IAM: obtaining a user token].

Rules:

1. There is one request, which is retried for some seconds. Nothing is kept: the caller decides when to ask for a new token.
2. The password is only sent over https, or to this machine. No error contains it, nor a local variable of its traceback.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from beam_dis.backoff import own_random
from beam_dis.client.metadata import parse_expiry
from beam_dis.client.retry import Retry
from beam_dis.client.transport import HTTPTransport, Request, Response, Transport
from beam_dis.credentials import Token, environment, profile
from beam_dis.endpoints import checked_url, endpoint_of, is_loopback
from beam_dis.errors import ConfigurationError, CredentialsError, ServiceError, TransportError, service_error
from beam_dis.texts import HiddenSettings, Secret

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
    through = None if proxy is None else Secret(proxy)  # it may contain a password too
    login = Login(user=user, password=Secret(password), domain=domain, project_id=project_id)
    del password, proxy
    _check_login(login)
    for name, text in (("region", region), ("endpoint", endpoint)):
        if text is not None and not _is_text(text):
            raise ConfigurationError(f"iam_token({name}=…) is {type(text).__name__}: give a str that is not empty")
    url = iam_endpoint(endpoint, region)
    with closing(
        HTTPTransport(url, proxy=None if through is None else through.reveal(), ca_bundle=ca_bundle)
    ) as transport:
        return request_token(transport, url, login)


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A user of the identity service, and the project that the token is for."""

    user: str
    password: Secret
    domain: str
    project_id: str

    def body(self) -> bytes:
        """The body of the request for a token; it contains the password."""
        user = {"name": self.user, "password": self.password.reveal(), "domain": {"name": self.domain}}
        identity = {"methods": ["password"], "password": {"user": user}}
        return msgspec.json.encode({"auth": {"identity": identity, "scope": {"project": {"id": self.project_id}}}})


def _check_login(login: Login) -> None:
    texts = {"user": login.user, "domain": login.domain, "project_id": login.project_id}
    for name, text in texts.items():
        if not _is_text(text):
            raise ConfigurationError(f"iam_token({name}={text!r}): give a str that is not empty")
    if not _is_text(login.password.reveal()):
        raise ConfigurationError("iam_token(password=…): give a str that is not empty")


def _is_text(value: Any) -> bool:
    """Whether a value is text that JSON can contain, which excludes halves of surrogate pairs."""
    return isinstance(value, str) and bool(value) and not any(0xD800 <= ord(c) <= 0xDFFF for c in value)


def iam_endpoint(
    given: str | None, region: str | None, environ: Mapping[str, str] | HiddenSettings | None = None
) -> str:
    """Return the URL of the identity service.

    Raises:
        ConfigurationError: it is no URL, it contains a user and a password, or a password can't be sent there.
    """
    variables = environment(environ)
    found = given or variables.get("HUAWEICLOUD_SDK_IAM_ENDPOINT") or profile(variables).get("iam_endpoint")
    url = (found or (endpoint_of("iam", region) if region else _DEFAULT_ENDPOINT)).removesuffix("/").removesuffix("/v3")
    url = checked_url("endpoint", url, source="the identity service's endpoint")
    if not url.startswith("https://") and not is_loopback(url):
        raise ConfigurationError(f"a password can't be sent to {url!r}: give the identity service's https endpoint")
    return url


def request_token(
    transport: Transport,
    endpoint: str,
    login: Login,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    random: Callable[[], float] = own_random,
) -> Token:
    """Ask for a token over ``transport``; ``clock``, ``sleep`` and ``random`` are for tests."""
    request = Request(method="POST", target=_PATH, headers={"content-type": "application/json"}, body=login.body())
    retry = Retry(
        deadline=DEADLINE_SECONDS, retry_lost=True, retry_throttling=True, clock=clock, sleep=sleep, random=random
    )
    try:
        answer = retry.run(lambda seconds: _send(transport, replace(request, timeout=min(seconds, TIMEOUT_SECONDS))))
    except (TransportError, ServiceError) as error:
        raise CredentialsError(
            f"no token for user {login.user!r} of {login.domain!r} from {endpoint}: {error}"
        ) from error
    if not answer.headers.get("x-subject-token"):
        raise CredentialsError(
            f"{endpoint} answered {answer.status} without a token: check that it is an identity service"
        )
    return Token(value=answer.headers["x-subject-token"], expires=_expiry(answer))


def _expiry(answer: Response) -> datetime | None:
    try:
        return parse_expiry(msgspec.json.decode(answer.body)["token"]["expires_at"])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, KeyError, TypeError):
        return None


def _send(transport: Transport, request: Request) -> Response:
    answer = transport.send(request)
    if answer.status == 201:
        return answer
    advice = " - check the user, the password, the account's name and the project id" if answer.status < 500 else ""
    raise service_error(f"HTTP {answer.status}{advice}", code="", status=answer.status)
