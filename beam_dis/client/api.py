"""Calls operations of DIS: makes the request, which ``calls`` signs, sends and repeats."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

from beam_dis.backoff import own_random
from beam_dis.client.answers import GoodAnswer, RequestInfo, error_of
from beam_dis.client.cached_credentials import CachedCredentials
from beam_dis.client.calls import Calls, PreparedCall
from beam_dis.client.signer import Signer
from beam_dis.client.transport import MAX_ANSWER_BYTES, HTTPTransport, Transport
from beam_dis.connection import DISConnection
from beam_dis.errors import ConfigurationError, EncodeError
from beam_dis.wire.messages import Query, encode, query_fields
from beam_dis.wire.routes import ROUTES, path_of
from beam_dis.wire.signing import SigningRequest

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
        credentials = CachedCredentials(connection, metadata=metadata, monotonic=monotonic, sleep=sleep, random=random)
        self._calls = Calls(
            connection.endpoint,
            transport or HTTPTransport(connection.endpoint, proxy=connection.proxy, ca_bundle=connection.ca_bundle),
            Signer(connection, credentials, clock=clock),
            error_of,
            timeout=connection.timeout,
            deadline=connection.deadline,
            monotonic=monotonic,
            sleep=sleep,
            random=random,
        )

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
        call = PreparedCall(
            request=request,
            draft=draft,
            retry_lost=route.idempotent or retry_lost,
            retry_throttling=retry_throttling,
            max_answer=max_answer,
        )
        return self._calls.run(call, read)

    def close(self) -> None:
        """Close the connections. A later operation raises ConfigurationError, and asks nobody for credentials."""
        self._calls.close()


def _subject(message: Any, names: dict[str, str]) -> str:
    shown = {**{name: getattr(message, name, None) for name in _SUBJECTS}, **names}
    return ", ".join(f"{word} {shown[name]!r}" for name, word in _SUBJECTS.items() if shown.get(name))


def _query(message: Query) -> str:
    return "&".join(f"{name}={quote(value, safe='-._~')}" for name, value in query_fields(message).items())
