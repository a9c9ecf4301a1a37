"""Calls operations of DIS: makes the request, signs it, sends it, repeats it, and reads the answer.

Rules:

1. Each attempt is signed afresh, and the path and query are sent as they were signed.
2. A request whose signature or token was refused is sent once more if it would be signed differently; nothing was done yet.
3. Until the service has answered for the first time, the deadline is 8 s, so that a wrong endpoint shows early.
4. If a good answer isn't one to its request, the answers on the connection may be shifted: all connections are renewed.
5. Each attempt is counted for the one who caused it, see ``beam_dis.request_counts``.
6. An outage is logged while requests are still repeated, see ``beam_dis.outages``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

from beam_dis.backoff import own_random
from beam_dis.client.answers import GoodAnswer, RequestInfo, error_of
from beam_dis.client.cached_credentials import CachedCredentials
from beam_dis.client.retry import Retry
from beam_dis.client.signer import SignedHeaders, Signer
from beam_dis.client.transport import MAX_ANSWER_BYTES, HTTPTransport, Request, Response, Transport
from beam_dis.connection import DISConnection
from beam_dis.errors import (
    AppNotFoundError,
    AuthenticationError,
    CheckpointNotFoundError,
    ConfigurationError,
    DumpTaskNotFoundError,
    EncodeError,
    ServiceError,
    StreamNotFoundError,
    TagNotFoundError,
    TransportError,
)
from beam_dis.outages import OutageLog, is_outage
from beam_dis.request_counts import note_request
from beam_dis.wire.messages import Query, encode, query_fields
from beam_dis.wire.routes import ROUTES, path_of
from beam_dis.wire.signing import SigningRequest

FIRST_ANSWER_SECONDS = 8.0

_NOT_FOUND = (
    StreamNotFoundError,
    AppNotFoundError,
    CheckpointNotFoundError,
    DumpTaskNotFoundError,
    TagNotFoundError,
)
_SUBJECTS = {
    "stream_name": "stream",
    "stream_id": "stream id",
    "partition_id": "partition",
    "app_name": "app",
    "task_name": "dump task",
}
"""The fields that errors show, and the words for them."""

T = TypeVar("T")


class API:
    """The operations of one endpoint for one project; thread-safe.

    Args:
        connection: a resolved connection.
        transport: sends the requests, over HTTP by default.
        clock: seconds since 1970.
        monotonic: seconds that never go back.
        sleep: pauses between attempts.
        random: uniform in [0, 1), for the pauses.
        metadata: a transport to the machine's metadata service, over HTTP by default.
    """

    def __init__(
        self,
        connection: DISConnection,
        *,
        transport: Transport | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = own_random,
        metadata: Transport | None = None,
    ) -> None:
        if connection.endpoint is None or connection.project_id is None:
            raise ConfigurationError(f"{connection!r} is not resolved: use connection.resolved()")
        self.connection = connection
        self.project_id = connection.project_id
        self.clock = clock
        self._endpoint = connection.endpoint
        self._transport = transport or HTTPTransport(
            connection.endpoint, proxy=connection.proxy, ca_bundle=connection.ca_bundle
        )
        self._monotonic = monotonic
        self._sleep = sleep
        self._random = random
        self._known_dis = False
        self._outages = OutageLog(connection.endpoint, clock=monotonic)
        self._closed = False
        credentials = CachedCredentials(connection, metadata=metadata, monotonic=monotonic, sleep=sleep, random=random)
        self._signer = Signer(connection, credentials, clock=clock)

    def call(
        self,
        operation: str,
        read: Callable[[GoodAnswer], T],
        *,
        message: Any = None,
        subject: str = "",
        retry_lost: bool = False,
        retry_throttling: bool = True,
        max_answer: int = MAX_ANSWER_BYTES,
        **names: str,
    ) -> T:
        """Carry out an operation of the routes' table.

        Args:
            operation: its name.
            read: reads the good answer; its TransportError counts as a lost answer.
            message: the body or the query.
            subject: what errors say that the request is about; by default the names in path and message.
            retry_lost: repeat it after a lost answer, although it isn't idempotent.
            retry_throttling: repeat it when the service throttles.
            max_answer: the most bytes of an answer; a larger one counts as lost.
            **names: the names in the path.

        Returns:
            What ``read`` returned.

        Raises:
            DISError: TransportError, ServiceError, CredentialsError, EncodeError or ConfigurationError.
        """
        route = ROUTES[operation]
        request = RequestInfo(self._endpoint, operation, subject or _subject(message, names))
        try:
            path = path_of(operation, project_id=self.project_id, **names)
            if isinstance(message, Query):
                draft = SigningRequest(route.method, path, _query(message), {})
            else:
                draft = SigningRequest(route.method, path, "", {}, b"" if message is None else encode(message))
        except UnicodeEncodeError as error:
            raise EncodeError(f"{request}: {error.object!r} can't be encoded as UTF-8") from error
        deadline = self.connection.deadline
        retry = Retry(
            deadline=deadline if self._known_dis else min(FIRST_ANSWER_SECONDS, deadline),
            retry_lost=route.idempotent or retry_lost,
            retry_throttling=retry_throttling,
            known_dis=self._known_dis,
            clock=self._monotonic,
            sleep=self._sleep,
            random=self._random,
        )
        try:
            with self._outages.watched():
                return retry.run(lambda seconds: self._logged_attempt(request, draft, read, seconds, max_answer))
        except _NOT_FOUND:
            if route.method == "DELETE" and retry.maybe_done:
                return read(GoodAnswer(request, Response(204)))  # the attempt whose answer was lost has deleted it
            raise

    def close(self) -> None:
        """Close the connections. A later operation raises ConfigurationError, and asks nobody for credentials."""
        self._closed = True
        self._transport.close()

    def _logged_attempt(
        self,
        request: RequestInfo,
        draft: SigningRequest,
        read: Callable[[GoodAnswer], T],
        seconds: float,
        max_answer: int,
    ) -> T:
        began = self._monotonic()
        try:
            value = self._attempt(request, draft, read, seconds, max_answer)
        except (TransportError, ServiceError) as error:
            note_request(request.operation, self._monotonic() - began, error)
            if is_outage(error):
                self._outages.note_failure(error)
            else:
                self._outages.note_success()
            raise
        note_request(request.operation, self._monotonic() - began)
        self._outages.note_success()
        return value

    def _attempt(
        self,
        request: RequestInfo,
        draft: SigningRequest,
        read: Callable[[GoodAnswer], T],
        seconds: float,
        max_answer: int,
    ) -> T:
        end = self._monotonic() + seconds
        if self._closed:
            raise ConfigurationError(f"{request}: the client is closed: make another one")
        signed = self._signer.signed(draft, seconds)
        response = self._send(draft, signed, end, max_answer)
        if not _is_good(response):
            error = error_of(request, response, unsigned=signed.credentials is None)
            if isinstance(error, AuthenticationError) and self._signer.correct(
                signed, response, end - self._monotonic()
            ):
                signed = self._signer.signed(draft, end - self._monotonic())
                response = self._send(draft, signed, end, max_answer)
                error = error if _is_good(response) else error_of(request, response)
            if not _is_good(response):
                self._known_dis = self._known_dis or bool(error.code)
                raise error
        try:
            value = read(GoodAnswer(request, response))
        except TransportError:
            self._transport.renew()
            raise
        self._known_dis = True
        return value

    def _send(self, draft: SigningRequest, signed: SignedHeaders, end: float, max_answer: int) -> Response:
        return self._transport.send(
            Request(
                method=draft.method,
                target=f"{draft.path}?{draft.query}" if draft.query else draft.path,
                headers=signed.headers,
                body=bytes(draft.body),
                timeout=min(self.connection.timeout, end - self._monotonic()),
                max_answer=max_answer,
            )
        )


def _is_good(response: Response) -> bool:
    return 200 <= response.status < 300


def _subject(message: Any, names: dict[str, str]) -> str:
    shown = {**{name: getattr(message, name, None) for name in _SUBJECTS}, **names}
    return ", ".join(f"{word} {shown[name]!r}" for name, word in _SUBJECTS.items() if shown.get(name))


def _query(message: Query) -> str:
    return "&".join(f"{name}={quote(value, safe='-._~')}" for name, value in query_fields(message).items())
