"""Sends requests over HTTP: the one file that knows httpx, and with ``bounded_network`` the one that knows httpcore.

Rules:

1. ``send`` is the whole interface, so a fake transport is a small class.
2. The target is sent as it was signed: one that httpx would rewrite is refused and not sent.
3. Certificates are always verified, and redirects are not followed.
4. This machine and link-local addresses, such as the metadata service's, are never reached through a proxy.
5. Failures are TransportError; ``maybe_done`` is False only if no connection was made.
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple, Protocol, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from beam_dis.client.bounded_network import BoundedNetwork, RequestEnd
from beam_dis.endpoints import is_loopback
from beam_dis.errors import ConfigurationError, TransportError

KEEPALIVE_SECONDS = 50.0
"""Less than the local DIS's 75 s, so that this end closes an idle connection first; the real service's time is unknown."""

CONNECT_SECONDS = 5.0
_MAX_CONNECTIONS = 256
_NEVER_CONNECTED = (
    httpcore.ConnectError,
    httpcore.ConnectTimeout,
    httpcore.PoolTimeout,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)
_FAILURES = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.TimeoutException,
    httpcore.UnsupportedProtocol,
    httpx.DecodingError,
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
    """An answer: header names are in lower case; ``seconds`` is the time until its end."""

    status: int
    headers: Mapping[str, str] = MappingProxyType({})
    body: bytes = b""
    seconds: float = 0.0


class Transport(Protocol):
    """Sends requests to one endpoint. Thread-safe."""

    def send(self, request: Request) -> Response:
        """Return the answer, whatever its status. Raises TransportError if there is none."""
        ...

    def close(self) -> None:
        """Close the connections."""
        ...


class HTTPTransport:
    """Sends requests over pooled connections, from any number of threads at once.

    It doesn't use httpx's client, which follows redirects, keeps cookies, and logs a line at INFO per request, which would
    end up in the log of each worker.

    Args:
        endpoint: the URL of the service, without a path.
        proxy: the URL of a proxy; by default the environment's (HTTPS_PROXY, NO_PROXY …).
        ca_bundle: a file of certificates to trust; by default the environment's (SSL_CERT_FILE, SSL_CERT_DIR), or those that
            come with httpx.

    Raises:
        ConfigurationError: ``ca_bundle`` or SSL_CERT_FILE is not a file of certificates, or the proxy can't be used.
    """

    def __init__(
        self, endpoint: str, *, proxy: str | None = None, ca_bundle: str | os.PathLike[str] | None = None
    ) -> None:
        self._endpoint = endpoint
        self._end = RequestEnd()
        proxy = proxy or proxy_of(endpoint)
        self._connections = Connections(
            ssl_context=_ssl_context(ca_bundle, trust_environment=not _is_near(endpoint)),
            proxy=proxy,
            network=BoundedNetwork(self._end),
        )
        self._proxy = None if proxy is None else _without_user(proxy)

    def send(self, request: Request) -> Response:
        """Return the answer, whatever its status. Raises TransportError if there is none within the timeout."""
        outgoing = outgoing_request(self._endpoint, request)
        started = time.monotonic()
        self._end.at = started + request.timeout
        try:
            answer = self._connections.handle_request(outgoing)
            try:
                body = _body(answer, started + request.timeout)
            finally:
                answer.close()
        except _FAILURES as error:
            never_connected = isinstance(error, _NEVER_CONNECTED)
            raise TransportError(
                self._explain(error, never_connected),
                maybe_done=not never_connected,
                not_a_dis="CERTIFICATE_VERIFY_FAILED" in str(error),
            ) from error
        return Response(answer.status_code, dict(answer.headers.items()), body, time.monotonic() - started)

    def _explain(self, error: Exception, never_connected: bool) -> str:
        """Which side failed, why, and what to do."""
        reason = str(error) or type(error).__name__
        if not never_connected:
            return f"no answer from {self._endpoint}: {reason}; is it a DIS?"
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            remedy = "name the file of the certificates to trust with ca_bundle= or SSL_CERT_FILE"
            return f"can't connect to {self._endpoint}: its certificate isn't trusted ({reason}); {remedy}"
        if isinstance(error, httpcore.ProxyError):
            return f"the proxy {self._proxy} refuses to connect to {self._endpoint}: {reason}"
        if self._proxy is not None:
            return f"can't connect to {self._endpoint} through the proxy {self._proxy}: {reason}; is the proxy running?"
        return f"can't connect to {self._endpoint}: {reason}; is it running?"

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()


class Connections(httpx.BaseTransport):
    """An httpx transport over a pool of httpcore's, because httpx's own takes no network. Raises httpcore's errors."""

    def __init__(self, *, ssl_context: ssl.SSLContext, proxy: str | None, network: httpcore.NetworkBackend) -> None:
        self._pool = _pool(ssl_context, proxy, network)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the body of the answer is read as the caller iterates."""
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=_core_url(request.url),
                headers=request.headers.raw,
                content=cast("httpx.SyncByteStream", request.stream),
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_AnswerStream(answer))

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


class _AnswerStream(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        yield from cast("Iterable[bytes]", self._answer.stream)

    def close(self) -> None:
        self._answer.close()


def outgoing_request(endpoint: str, request: Request) -> httpx.Request:
    """Make httpx's request. Raises ConfigurationError for a target that httpx would rewrite."""
    seconds = max(request.timeout, 0.001)
    outgoing = httpx.Request(
        request.method,
        endpoint + request.target,
        headers=dict(request.headers),
        content=request.body or None,
        extensions={"timeout": httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS)).as_dict()},
    )
    if outgoing.url.raw_path != request.target.encode("ascii"):
        raise ConfigurationError(f"{request.target!r} can't be sent as it is: use names without path characters")
    return outgoing


def host_of(endpoint: str) -> str:
    """The Host header for an endpoint: with the port, unless it is the scheme's own."""
    url = urlsplit(endpoint)
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname or ""
    return host if url.port in (None, {"http": 80, "https": 443}[url.scheme]) else f"{host}:{url.port}"


def proxy_of(endpoint: str) -> str | None:
    """The proxy that the environment names for an endpoint; None for this machine and link-local addresses."""
    url = urlsplit(endpoint)
    if _is_near(endpoint) or proxy_bypass(url.hostname or ""):
        return None
    proxies = getproxies()
    return proxies.get(url.scheme) or proxies.get("all")


def _body(answer: httpx.Response, end: float) -> bytes:
    """Read the whole body, until ``end`` at most: the server may send it slowly."""
    chunks = []
    for chunk in answer.iter_bytes():
        chunks.append(chunk)
        if time.monotonic() > end:
            raise httpcore.ReadTimeout("the answer didn't end in time")
    return b"".join(chunks)


def _pool(ssl_context: ssl.SSLContext, proxy: str | None, network: httpcore.NetworkBackend) -> httpcore.ConnectionPool:
    if proxy is None:
        return httpcore.ConnectionPool(
            ssl_context=ssl_context,
            max_connections=_MAX_CONNECTIONS,
            keepalive_expiry=KEEPALIVE_SECONDS,
            network_backend=network,
        )
    try:
        given = httpx.Proxy(proxy)
        if given.url.scheme in ("socks5", "socks5h"):
            return httpcore.SOCKSProxy(
                proxy_url=_core_url(given.url),
                proxy_auth=given.raw_auth,
                ssl_context=ssl_context,
                max_connections=_MAX_CONNECTIONS,
                keepalive_expiry=KEEPALIVE_SECONDS,
                network_backend=network,
            )
        return httpcore.HTTPProxy(
            proxy_url=_core_url(given.url),
            proxy_auth=given.raw_auth,
            proxy_headers=given.headers.raw,
            ssl_context=ssl_context,
            proxy_ssl_context=given.ssl_context,
            max_connections=_MAX_CONNECTIONS,
            keepalive_expiry=KEEPALIVE_SECONDS,
            network_backend=network,
        )
    except (ValueError, RuntimeError, httpx.InvalidURL) as error:
        # the URL may contain a password, and so may the cause
        reason = "install httpcore[socks] for it" if isinstance(error, RuntimeError) else "give http:// and a host"
        raise ConfigurationError(
            f"the proxy {_without_user(proxy)} can't be used: {reason}; it comes from proxy=, HTTPS_PROXY, HTTP_PROXY or"
            " ALL_PROXY"
        ) from None


def _without_user(url: str) -> str:
    """A proxy's URL without user name and password."""
    return re.sub(r"//[^/]*@", "//", url) if "//" in url else url.rpartition("@")[2]


def _core_url(url: httpx.URL) -> httpcore.URL:
    return httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)


def _is_near(endpoint: str) -> bool:
    """Whether an endpoint is this machine, or a link-local address such as the metadata service's."""
    try:
        return ipaddress.ip_address(urlsplit(endpoint).hostname or "").is_link_local or is_loopback(endpoint)
    except ValueError:
        return is_loopback(endpoint)


def _ssl_context(ca_bundle: str | os.PathLike[str] | None, *, trust_environment: bool) -> ssl.SSLContext:
    if ca_bundle is None:
        try:
            return httpx.create_ssl_context(trust_env=trust_environment)
        except (OSError, ssl.SSLError) as error:
            named = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
            raise ConfigurationError(f"SSL_CERT_FILE or SSL_CERT_DIR {named!r} has no certificates: {error}") from error
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"ca_bundle {os.fspath(ca_bundle)!r} is not a file of certificates: {error}"
        ) from error
