"""Bytes out, bytes in: the one file that knows httpx.

Law: ``send`` is the whole interface, and a fake of it is a small class. What is sent is what was signed: a target that the
HTTP library would write in another way is refused, not sent. Certificates are always verified. Redirects are not
followed, and this machine and its metadata service are never reached through a proxy, so that nothing goes where it
wasn't meant to. Answers are asked for uncompressed, as the service sends them. Failures are TransportError; ``maybe_done`` is False only where no
connection was made.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from beam_dis.client.bounded_network import ATTEMPT, BoundedNetwork
from beam_dis.credentials import is_loopback
from beam_dis.errors import ConfigurationError, TransportError

KEEPALIVE_SECONDS = 50.0
"""Below the local DIS's 75 s, so that an idle connection ends at our end first; how long the real service waits is unknown."""

CONNECT_SECONDS = 5.0
_MAX_CONNECTIONS = 256
_NEVER_CONNECTED = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One attempt: ``target`` is the raw path and query; ``timeout`` (seconds) bounds sending and the whole answer."""

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False, default=b"")
    timeout: float = 30.0


class Response(NamedTuple):
    """An answer: header names in lower case; ``seconds`` is how long it took."""

    status: int
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""
    seconds: float = 0.0


class Transport(Protocol):
    """What carries requests to one endpoint. Thread-safe."""

    def send(self, request: Request) -> Response:
        """The answer, whatever its status. Raises TransportError where there is none."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class HTTPTransport:
    """Carries requests over pooled connections, any number of threads at once.

    ``proxy`` is a URL, ``ca_bundle`` a file of certificates to trust instead of the system's (ConfigurationError where it is
    none). Without them those of the environment count (HTTPS_PROXY, NO_PROXY, SSL_CERT_FILE …), but for loopback and
    link-local endpoints. It is httpx's transport without its client, which follows redirects, keeps cookies, and logs a line of
    INFO for each request into every worker's log.
    """

    def __init__(
        self, endpoint: str, *, proxy: str | None = None, ca_bundle: str | os.PathLike[str] | None = None
    ) -> None:
        self._endpoint = endpoint
        self._http = httpx.HTTPTransport(
            verify=True if ca_bundle is None else _trusting(ca_bundle),
            trust_env=not _near(endpoint),
            proxy=proxy or _proxy_of(endpoint),
            limits=httpx.Limits(max_connections=_MAX_CONNECTIONS, keepalive_expiry=KEEPALIVE_SECONDS),
        )
        pool: Any = self._http._pool  # noqa: SLF001 - httpx hands no network backend on to its pool
        pool._network_backend = BoundedNetwork(pool._network_backend)  # noqa: SLF001

    def send(self, request: Request) -> Response:
        """The answer, whatever its status. Raises TransportError where there is none within the timeout."""
        outgoing = self._outgoing(request)
        started = time.monotonic()
        ATTEMPT.end = started + request.timeout
        try:
            answer = self._http.handle_request(outgoing)
            try:
                body = _body(answer, started + request.timeout)
            finally:
                answer.close()
        except (httpx.TransportError, httpx.DecodingError) as error:
            failure = self._failure(error)
        else:
            return Response(answer.status_code, dict(answer.headers.items()), body, time.monotonic() - started)
        raise failure  # out here, since the cause may hold the request, and with it the signature and the token

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def _outgoing(self, request: Request) -> httpx.Request:
        seconds = max(request.timeout, 0.001)
        outgoing = httpx.Request(
            request.method,
            self._endpoint + request.target,
            headers=dict(request.headers),
            content=request.body or None,
            extensions={"timeout": httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS)).as_dict()},
        )
        if outgoing.url.raw_path != request.target.encode("ascii"):
            raise ConfigurationError(f"{request.target!r} can't be sent as it is: use names without path characters")
        return outgoing

    def _failure(self, error: httpx.RequestError) -> TransportError:
        what = str(error) or type(error).__name__
        if isinstance(error, _NEVER_CONNECTED):
            return TransportError(f"can't connect to {self._endpoint}: {what}; is it up?", maybe_done=False)
        return TransportError(f"no answer from {self._endpoint}: {what}; is it a DIS?")


def host_of(endpoint: str) -> str:
    """The Host header for an endpoint: with the port, unless it is the scheme's own."""
    url = urlsplit(endpoint)
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname or ""
    return host if url.port in (None, {"http": 80, "https": 443}[url.scheme]) else f"{host}:{url.port}"


def _body(answer: httpx.Response, end: float) -> bytes:
    """The whole body; a server that drips it doesn't outlive the timeout."""
    chunks = []
    for chunk in answer.iter_bytes():
        chunks.append(chunk)
        if time.monotonic() > end:
            raise httpx.ReadTimeout("the answer didn't end in time")
    return b"".join(chunks)


def _proxy_of(endpoint: str) -> str | None:
    """The proxy that the environment names for an endpoint; None for what is near."""
    url = urlsplit(endpoint)
    if _near(endpoint) or proxy_bypass(url.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get(url.scheme) or proxies.get("all")


def _near(endpoint: str) -> bool:
    """Whether an endpoint is this machine, or a link-local address such as the metadata service's."""
    try:
        return ipaddress.ip_address(urlsplit(endpoint).hostname or "").is_link_local or is_loopback(endpoint)
    except ValueError:
        return is_loopback(endpoint)


def _trusting(ca_bundle: str | os.PathLike[str]) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"ca_bundle {os.fspath(ca_bundle)!r} is no file of certificates: {error}") from error
