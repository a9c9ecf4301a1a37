"""Sends requests over HTTP: the one file that knows httpx.

Rules:

1. ``send`` is the whole interface, so a fake transport is a small class.
2. The target is sent as it was signed: one that contains anything that servers or proxies rewrite is refused.
3. Certificates are always verified, and redirects are not followed.
4. This machine and link-local addresses, such as the metadata service's, are never reached through a proxy.
5. The timeout of a request bounds all of it: waiting for a connection, looking up the name, connecting, sending, and the
   whole answer.
6. Failures are TransportError; ``maybe_done`` is False only if no connection was made.
7. A closed transport sends nothing, and a forked child uses none of its parent's connections (``connection_pool``).
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from types import MappingProxyType
from typing import NamedTuple, Protocol, cast
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass
from weakref import finalize

import httpcore
import httpx

from beam_dis.client.bounded_network import BoundedNetwork, RequestEnd
from beam_dis.client.connection_pool import ConnectionPool
from beam_dis.endpoints import is_loopback
from beam_dis.errors import ConfigurationError, TransportError

KEEPALIVE_SECONDS = 50.0
"""Less than the local DIS's 75 s, so that this end closes an idle connection first; the real service's time is unknown."""

CONNECT_SECONDS = 5.0
MAX_CONNECTIONS = 256
_PLAIN_TARGET = re.compile(r"/[!-~]*")
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
        """Close the connections; nothing is sent any more."""
        ...


class HTTPTransport:
    """Sends requests over pooled connections, from any number of threads at once.

    It doesn't use httpx's client, which follows redirects, keeps cookies, and logs a line at INFO per request, which would
    end up in the log of each worker. A transport that nobody refers to any more closes its connections.

    Args:
        endpoint: the URL of the service, without a path.
        proxy: the URL of a proxy; by default the environment's (HTTPS_PROXY, NO_PROXY …).
        ca_bundle: a file of certificates to trust; by default the environment's (SSL_CERT_FILE, SSL_CERT_DIR), or those that
            come with httpx. They are read only for https.
        max_connections: how many requests are sent at a time. Others wait, for their timeout at most.

    Raises:
        ConfigurationError: ``ca_bundle`` or SSL_CERT_FILE is not a file of certificates, or the proxy can't be used.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        proxy: str | None = None,
        ca_bundle: str | os.PathLike[str] | None = None,
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._endpoint = endpoint
        self._end = RequestEnd()
        proxy = proxy or proxy_of(endpoint)
        url = urlsplit(endpoint)
        secure = url.scheme == "https"
        connector = _connector(
            _ssl_context(ca_bundle, trust_environment=not _is_near(endpoint)) if secure else None,
            proxy,
            BoundedNetwork(self._end),
        )
        origin = httpcore.URL(scheme=url.scheme, host=url.hostname or "", port=url.port, target="/").origin
        self._pool = ConnectionPool(lambda: connector.create_connection(origin), limit=max_connections)
        self._proxy = None if proxy is None else _without_user(proxy)
        finalize(self, self._pool.close).atexit = False

    def send(self, request: Request) -> Response:
        """Return the answer, whatever its status.

        Raises:
            TransportError: there was none within the timeout.
            ConfigurationError: the transport is closed, or the target can't be sent as it is.
        """
        outgoing = outgoing_request(self._endpoint, request)
        started = time.monotonic()
        self._end.at = started + request.timeout
        try:
            with self._pool.connection(request.timeout) as connection:
                answer = connection.handle_request(outgoing)
                try:
                    body = _body(answer, self._end.at)
                finally:
                    answer.close()
        except _FAILURES as error:
            never_connected = isinstance(error, _NEVER_CONNECTED)
            raise TransportError(
                self._explain(error, never_connected),
                maybe_done=not never_connected,
                not_a_dis="CERTIFICATE_VERIFY_FAILED" in str(error),
            ) from error
        return Response(answer.status, _headers(answer), body, time.monotonic() - started)

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
        """Close the connections. Requests that are under way end first; later ones are refused."""
        self._pool.close()


def outgoing_request(endpoint: str, request: Request) -> httpcore.Request:
    """Make httpcore's request.

    Raises:
        ConfigurationError: the target could be rewritten on its way, or a header can't be sent. The value isn't shown.
    """
    path = request.target.partition("?")[0]
    if not _PLAIN_TARGET.fullmatch(request.target) or any(part in (".", "..") for part in path.split("/")):
        raise ConfigurationError(f"{request.target!r} can't be sent as it is: use names without path characters")
    headers = {"host": host_of(endpoint), **request.headers}
    if request.body or request.method in ("POST", "PUT"):
        headers["content-length"] = str(len(request.body))
    for name, value in headers.items():
        if not value.isascii() or not value.isprintable() or value != value.strip():
            raise ConfigurationError(f"the header {name} can't be sent: its value is not printable ASCII")
    url = urlsplit(endpoint)
    seconds = max(request.timeout, 0.001)
    timeouts = {"read": seconds, "write": seconds, "connect": min(seconds, CONNECT_SECONDS)}
    return httpcore.Request(
        request.method,
        httpcore.URL(scheme=url.scheme, host=url.hostname or "", port=url.port, target=request.target),
        headers=[(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()],
        content=request.body or None,
        extensions={"timeout": timeouts},
    )


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


def _body(answer: httpcore.Response, end: float) -> bytes:
    """Read the whole body, until ``end`` at most: the server may send it slowly."""
    body = BytesIO()
    for chunk in cast("Iterable[bytes]", answer.stream):
        body.write(chunk)
        if time.monotonic() > end:
            raise httpcore.ReadTimeout("the answer didn't end in time")
    return body.getvalue()


def _headers(answer: httpcore.Response) -> dict[str, str]:
    """The headers of an answer, with names in lower case; the values of a repeated header are joined."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in answer.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _connector(
    ssl_context: ssl.SSLContext | None, proxy: str | None, network: httpcore.NetworkBackend
) -> httpcore.ConnectionPool:
    """Something that makes connections, through the proxy if there is one. It is not used as a pool."""
    if proxy is None:
        return httpcore.ConnectionPool(
            ssl_context=ssl_context,
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
                keepalive_expiry=KEEPALIVE_SECONDS,
                network_backend=network,
            )
        return httpcore.HTTPProxy(
            proxy_url=_core_url(given.url),
            proxy_auth=given.raw_auth,
            proxy_headers=given.headers.raw,
            ssl_context=ssl_context,
            proxy_ssl_context=given.ssl_context,
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
