"""One request to DIS, from names and a message to an answer: addressed, signed, sent, tried again.

Law: each attempt is signed afresh. The path and query that are signed are those that are sent. A request whose signature
or token was refused goes once more where it would be signed otherwise: nothing was done yet. A client that has never had
an answer gives up within seconds, so that a wrong endpoint shows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

from beam_dis.client.answers import Answer, Asked, refusal
from beam_dis.client.keys import Keys
from beam_dis.client.retry import Retry
from beam_dis.client.signer import Signer
from beam_dis.client.transport import Request, Response, Transport
from beam_dis.connection import DISConnection
from beam_dis.errors import (
    AppNotFoundError,
    AuthenticationError,
    CheckpointNotFoundError,
    ConfigurationError,
    EncodeError,
    StreamNotFoundError,
)
from beam_dis.wire.messages import Query, encode, query_fields
from beam_dis.wire.routes import ROUTES, path_of
from beam_dis.wire.signing import SigningRequest

FIRST_ANSWER_SECONDS = 8.0

_NOT_FOUND = (StreamNotFoundError, AppNotFoundError, CheckpointNotFoundError)
_SUBJECTS = {
    "stream_name": "stream",
    "stream_id": "stream id",
    "partition_id": "partition",
    "app_name": "app",
}


T = TypeVar("T")


class Session:
    """Asks one endpoint, on behalf of one project; thread-safe."""

    def __init__(
        self,
        connection: DISConnection,
        transport: Transport,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None],
        random: Callable[[], float],
        metadata: Transport | None = None,
    ) -> None:
        if connection.endpoint is None or connection.project_id is None:
            raise ConfigurationError(f"{connection!r} is not resolved: use connection.resolved()")
        self.connection = connection
        self.endpoint = connection.endpoint
        self.project_id = connection.project_id
        self.clock = clock
        self._transport = transport
        self._monotonic = monotonic
        self._sleep = sleep
        self._random = random
        self._answered = False
        keys = Keys(connection, metadata=metadata, monotonic=monotonic, sleep=sleep, random=random)
        self._signer = Signer(connection, keys, clock=clock)

    def tell(self, operation: str, *, message: Any = None, retry_lost: bool = False, **names: str) -> None:
        """Ask for an operation whose answer says no more than that it is done."""
        self.ask(operation, lambda _: None, message=message, retry_lost=retry_lost, patient=True, **names)

    def ask(
        self,
        operation: str,
        read: Callable[[Answer], T],
        *,
        message: Any = None,
        about: str = "",
        retry_lost: bool = False,
        patient: bool = True,
        **names: str,
    ) -> T:
        """What ``read`` makes of the good answer to an operation of the routes' table.

        An answer that it can't understand (TransportError) counts as lost. ``names`` fill its path and ``message`` is its
        body or query; ``about`` says in errors what it is about, where those don't. ``retry_lost``: repeat it although an
        attempt without an answer may have been carried out.
        ``patient``: wait and try again where the service is throttling. Raises the tree of ``beam_dis.errors``.
        """
        route = ROUTES[operation]
        asked = Asked(self.endpoint, operation, about or _subject(message, names))
        try:
            draft = self._draft(operation, message, names)
        except UnicodeEncodeError as error:
            raise EncodeError(f"{asked}: {error.object!r} is no text that UTF-8 can hold") from error
        retry = self._retry(repeatable=route.harmless or retry_lost, patient=patient)
        try:
            return retry.run(
                lambda seconds: self._understood(read(Answer(asked, self._attempt(asked, draft, seconds))))
            )
        except _NOT_FOUND:
            if route.method == "DELETE" and retry.lost:
                return read(Answer(asked, Response(204)))  # the attempt whose answer was lost has done it
            raise

    def close(self) -> None:
        """Close the connections; asking afterwards is an error."""
        self._transport.close()

    def _retry(self, *, repeatable: bool, patient: bool) -> Retry:
        deadline = self.connection.deadline
        return Retry(
            deadline=deadline if self._answered else min(FIRST_ANSWER_SECONDS, deadline),
            repeatable=repeatable,
            patient=patient,
            answered=self._answered,
            clock=self._monotonic,
            sleep=self._sleep,
            random=self._random,
        )

    def _draft(self, operation: str, message: Any, names: dict[str, str]) -> SigningRequest:
        for name, value in names.items():
            if not isinstance(value, str) or value in {"", ".", ".."}:
                raise ConfigurationError(f"{operation}: {name}={value!r} is no name")
        path = path_of(operation, project_id=self.project_id, **names)
        if isinstance(message, Query):
            return SigningRequest(ROUTES[operation].method, path, _query(message), {})
        return SigningRequest(ROUTES[operation].method, path, "", {}, b"" if message is None else encode(message))

    def _attempt(self, asked: Asked, draft: SigningRequest, seconds: float) -> Response:
        signed = self._signer.signed(draft)
        response = self._send(draft, signed.headers, seconds)
        if _good(response):
            return response
        error = refusal(asked, response)
        if isinstance(error, AuthenticationError) and self._signer.learns(signed, response):
            response = self._send(draft, self._signer.signed(draft).headers, seconds - response.seconds)
            if _good(response):
                return response
            error = refusal(asked, response)
        self._answered = self._answered or bool(error.code)
        raise error

    def _understood(self, value: T) -> T:
        self._answered = True
        return value

    def _send(self, draft: SigningRequest, headers: dict[str, str], seconds: float) -> Response:
        return self._transport.send(
            Request(
                method=draft.method,
                target=f"{draft.path}?{draft.query}" if draft.query else draft.path,
                headers=headers,
                body=bytes(draft.body),
                timeout=min(self.connection.timeout, seconds),
            )
        )


def _good(response: Response) -> bool:
    return 200 <= response.status < 300


def _subject(message: Any, names: dict[str, str]) -> str:
    """What a request is about, in words for messages."""
    said = {**{name: getattr(message, name, None) for name in _SUBJECTS}, **names}
    return ", ".join(f"{word} {said[name]!r}" for name, word in _SUBJECTS.items() if said.get(name))


def _query(message: Query) -> str:
    return "&".join(f"{name}={quote(value, safe='-._~')}" for name, value in query_fields(message).items())
