"""Sends requests over HTTP.

Rules:

1. ``send`` is the whole interface, so a fake transport is a small class.
2. The target is sent as it was signed: one that contains anything that servers or proxies rewrite is refused.
3. Certificates are always verified, and redirects are not followed.
4. Proxies and certificates are those of ``http_settings``.
5. The timeout of a request bounds all of it: waiting for a connection, looking up the name, connecting, sending, and the
   whole answer.
6. An answer that is compressed, or larger than the request allows, is refused before it is in memory.
7. Failures are TransportError; ``maybe_done`` is False only if no connection was made.
8. Headers are secret: no repr, log or traceback shows those of requests, and httpcore's log not even those of answers.
9. A closed transport sends nothing, and a forked child uses none of its parent's connections (``connection_pool``).
"""

from __future__ import annotations

import logging
import os
import re
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from typing import Protocol, cast
from urllib.parse import urlsplit
from weakref import finalize

import httpcore

from beam_dis.client.bounded_network import BoundedNetwork, RequestEnd
from beam_dis.client.connection_pool import ConnectionPool
from beam_dis.client.http_settings import Proxy, is_near, proxy_of, ssl_context
from beam_dis.errors import AnswerTooLargeError, ConfigurationError, TransportError
from beam_dis.texts import Secret, one_line

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


MAX_ANSWER_BYTES = 16 * 1024 * 1024
"""The most bytes of an answer's body, unless a request allows more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One attempt.

    ``target`` is the raw path and query; ``timeout`` (seconds) bounds sending and the whole answer, ``max_answer`` the bytes of
    its body.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False, default=b"")
    timeout: float = 30.0
    max_answer: int = MAX_ANSWER_BYTES


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: header names are in lower case; ``seconds`` is the time until its end."""

    status: int
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    body: bytes = field(repr=False, default=b"")
    seconds: float = 0.0


class _OwnRequests(logging.Filter):
    """Drops what httpcore logs of our requests at DEBUG: it logs the headers of answers, which may contain tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.thread = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log a record of the thread that calls."""
        return not getattr(self.thread, "sending", False)

    @contextmanager
    def dropped(self) -> Iterator[None]:
        """Drop the records of this thread during a ``with`` block."""
        self.thread.sending = True
        try:
            yield
        finally:
            self.thread.sending = False


_OWN_REQUESTS = _OwnRequests()
for _name in ("httpcore.connection", "httpcore.http11", "httpcore.proxy", "httpcore.socks"):
    logging.getLogger(_name).addFilter(_OWN_REQUESTS)


class Transport(Protocol):
    """Sends requests to one endpoint. Thread-safe."""

    def send(self, request: Request) -> Response:
        """Return the answer, whatever its status. Raises TransportError if there is none."""
        ...

    def renew(self) -> None:
        """Send what follows over new connections."""
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
        ca_bundle: a file of certificates to trust; by default the environment's, or those that come with httpx. They are read
            only for https.
        max_connections: how many requests are sent at a time. Others wait, for their timeout at most.
        service: the name of the service, for messages.

    Raises:
        ConfigurationError: there are no certificates where the settings say, or the proxy can't be used.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        proxy: str | None = None,
        ca_bundle: str | os.PathLike[str] | None = None,
        max_connections: int = MAX_CONNECTIONS,
        service: str = "DIS",
    ) -> None:
        self._endpoint = endpoint
        self._service = service
        self._end = RequestEnd()
        given = None if proxy is None else Secret(proxy)  # it may contain a password
        del proxy
        through = proxy_of(endpoint, given)
        url = urlsplit(endpoint)
        secure = url.scheme == "https"
        connector = _connector(
            ssl_context(ca_bundle, trust_environment=not is_near(endpoint)) if secure else None,
            through,
            BoundedNetwork(self._end),
        )
        origin = httpcore.URL(scheme=url.scheme, host=url.hostname or "", port=url.port, target="/").origin
        self._pool = ConnectionPool(lambda: connector.create_connection(origin), limit=max_connections)
        self._proxy = None if through is None else through.url
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
            with _OWN_REQUESTS.dropped(), self._pool.connection(request.timeout) as connection:
                answer = connection.handle_request(outgoing)
                try:
                    headers = _headers(answer)
                    self._check_not_compressed(headers)
                    body = self._body(answer, request.max_answer, self._end.at)
                finally:
                    answer.close()
        except _FAILURES as error:
            _forget_frames(error)
            never_connected = isinstance(error, _NEVER_CONNECTED)
            raise TransportError(
                self._explain(error, never_connected),
                maybe_done=not never_connected,
                not_a_dis="CERTIFICATE_VERIFY_FAILED" in str(error),
            ) from error
        return Response(answer.status, headers, body, time.monotonic() - started)

    def _explain(self, error: Exception, never_connected: bool) -> str:
        """Which side failed, why, and what to do."""
        reason = one_line(error) or type(error).__name__
        if not never_connected:
            return f"no answer from {self._endpoint}: {reason}; is it a {self._service}?"
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            remedy = "name the file of the certificates to trust with ca_bundle= or SSL_CERT_FILE"
            return f"can't connect to {self._endpoint}: its certificate isn't trusted ({reason}); {remedy}"
        if isinstance(error, httpcore.ProxyError):
            return f"the proxy {self._proxy} refuses to connect to {self._endpoint}: {reason}"
        if self._proxy:
            return f"can't connect to {self._endpoint} through the proxy {self._proxy}: {reason}; is the proxy running?"
        return f"can't connect to {self._endpoint}: {reason}; is it running?"

    def _check_not_compressed(self, headers: Mapping[str, str]) -> None:
        """A few bytes can become gigabytes if they are decompressed, so answers are requested without compression."""
        encoding = headers.get("content-encoding", "identity")
        if encoding.strip().lower() not in ("", "identity"):
            raise TransportError(
                f"{self._endpoint} answered with Content-Encoding {one_line(encoding, 50)!r}, although the request accepts"
                " identity only: check what is between this machine and the service"
            )

    def _body(self, answer: httpcore.Response, most: int, end: float) -> bytes:
        """Read the whole body, until ``end`` at most: the server may send it slowly, or without an end."""
        body = BytesIO()
        for chunk in cast("Iterable[bytes]", answer.stream):
            body.write(chunk)
            if body.tell() > most:
                raise AnswerTooLargeError(
                    f"{self._endpoint} answered with more than the {most} bytes that the request allows: ask for less, such as"
                    f" by a lower max_fetch_bytes or limit, if it is a {self._service}"
                )
            if time.monotonic() > end:
                raise httpcore.ReadTimeout("the answer didn't end in time")
        return body.getvalue()

    def renew(self) -> None:
        """Send what follows over new connections. Requests that are under way end first."""
        self._pool.renew()

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
    unsendable = [name for name, value in request.headers.items() if not is_sendable(value)]
    if unsendable:
        raise ConfigurationError(f"the header {unsendable[0]} can't be sent: its value is not printable ASCII")
    headers = {"host": host_of(endpoint), **request.headers, "accept-encoding": "identity"}
    if request.body or request.method in ("POST", "PUT"):
        headers["content-length"] = str(len(request.body))
    scheme, host, port = _address_of(endpoint)
    seconds = max(request.timeout, 0.001)
    timeouts = {"read": seconds, "write": seconds, "connect": min(seconds, CONNECT_SECONDS)}
    return httpcore.Request(
        request.method,
        httpcore.URL(scheme=scheme, host=host, port=port, target=request.target),
        headers=[(name.encode("ascii"), value.encode("ascii")) for name, value in headers.items()],
        content=request.body or None,
        extensions={"timeout": timeouts},
    )


def is_sendable(value: str) -> bool:
    """Whether a text can be the value of a header."""
    return value.isascii() and value.isprintable() and value == value.strip()


@lru_cache(maxsize=64)
def _address_of(endpoint: str) -> tuple[str, str, int | None]:
    """Scheme, host and port."""
    url = urlsplit(endpoint)
    return url.scheme, url.hostname or "", url.port


@lru_cache(maxsize=64)
def host_of(endpoint: str) -> str:
    """The Host header for an endpoint: with the port, unless it is the scheme's own."""
    url = urlsplit(endpoint)
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname or ""
    return host if url.port in (None, {"http": 80, "https": 443}[url.scheme]) else f"{host}:{url.port}"


def _headers(answer: httpcore.Response) -> dict[str, str]:
    """The headers of an answer, with names in lower case; the values of a repeated header are joined."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in answer.headers:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _forget_frames(error: BaseException | None) -> None:
    """Take the tracebacks out of an error and its causes: their local variables contain the request with its headers."""
    while error is not None:
        error.__traceback__ = None
        error = error.__cause__ or error.__context__


def _connector(
    ssl_context: ssl.SSLContext | None, proxy: Proxy | None, network: httpcore.NetworkBackend
) -> httpcore.ConnectionPool:
    """Something that makes connections, through the proxy if there is one. It is not used as a pool."""
    if proxy is None:
        return httpcore.ConnectionPool(
            ssl_context=ssl_context, keepalive_expiry=KEEPALIVE_SECONDS, network_backend=network
        )
    kind = httpcore.SOCKSProxy if proxy.scheme.startswith("socks") else httpcore.HTTPProxy
    with suppress(ImportError, RuntimeError):
        return kind(
            proxy_url=httpcore.URL(scheme=proxy.scheme, host=proxy.host, port=proxy.port, target="/"),
            proxy_auth=None if proxy.user is None else (proxy.user[0].encode(), proxy.user[1].encode()),
            ssl_context=ssl_context,
            keepalive_expiry=KEEPALIVE_SECONDS,
            network_backend=network,
        )
    # outside of an except, because the cause may contain the password
    raise ConfigurationError(
        f"the proxy {proxy.url} of {proxy.source} can't be used without another package: pip install 'httpcore[socks]'"
    )
