"""Sends a request until it is answered: repeats it, and reads the answer. It is the same for every service.

Rules:

1. Each attempt is signed afresh, and the path and query are sent as they were signed.
2. A request whose signature or key was refused is sent once more if it would be signed differently; nothing was done yet.
3. Until the service has answered for the first time, the deadline is 8 s, so that a wrong endpoint shows early.
4. If a good answer isn't one to its request, the answers on the connection may be shifted: all connections are renewed.
5. Each attempt is counted for the one who caused it, see ``beam_dis.request_counts``.
6. An outage is logged while requests are still repeated, see ``beam_dis.outages``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from beam_dis.backoff import own_random
from beam_dis.client.answers import GoodAnswer, RequestInfo
from beam_dis.client.retry import Retry
from beam_dis.client.signer import SignedHeaders
from beam_dis.client.transport import MAX_ANSWER_BYTES, Request, Response, Transport
from beam_dis.errors import (
    AppNotFoundError,
    AuthenticationError,
    CheckpointNotFoundError,
    ConfigurationError,
    DumpTaskNotFoundError,
    ServiceError,
    StreamNotFoundError,
    TagNotFoundError,
    TransportError,
)
from beam_dis.outages import OutageLog, is_outage
from beam_dis.request_counts import note_request
from beam_dis.wire.signing import SigningRequest

FIRST_ANSWER_SECONDS = 8.0

_NOT_FOUND = (
    StreamNotFoundError,
    AppNotFoundError,
    CheckpointNotFoundError,
    DumpTaskNotFoundError,
    TagNotFoundError,
)

T = TypeVar("T")


class Signs(Protocol):
    """Makes the headers of requests; thread-safe."""

    def signed(self, draft: SigningRequest, seconds: float) -> SignedHeaders:
        """Make the headers of one attempt within ``seconds``."""
        ...

    def correct(self, refused: SignedHeaders, response: Response, seconds: float) -> bool:
        """Look for other credentials after a refusal; False if they would not change the headers."""
        ...


class ReadsErrors(Protocol):
    """Makes the exception for an answer with another status than 2xx."""

    def __call__(self, request: RequestInfo, response: Response, *, unsigned: bool = False) -> ServiceError:
        """``unsigned``: the request was sent without credentials."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedCall:
    """A request, and how often it may be sent.

    Attributes:
        request: what errors say of it.
        draft: the request without the headers of its attempts.
        retry_lost: repeat it after a lost answer.
        retry_throttling: repeat it when the service throttles.
        max_answer: the most bytes of an answer; a larger one counts as lost.
    """

    request: RequestInfo
    draft: SigningRequest
    retry_lost: bool
    retry_throttling: bool = True
    max_answer: int = MAX_ANSWER_BYTES


class Calls:
    """The requests to one endpoint; thread-safe.

    Args:
        endpoint: the URL, for messages.
        transport: sends the requests.
        signer: makes their headers.
        error_of: reads the answers that refuse.
        refusals: the errors after which the signer is asked for other credentials.
        timeout: seconds for one attempt.
        deadline: seconds for all attempts at a request.
        monotonic: seconds that never go back.
        sleep: pauses between attempts.
        random: uniform in [0, 1), for the pauses.
    """

    def __init__(
        self,
        endpoint: str,
        transport: Transport,
        signer: Signs,
        error_of: ReadsErrors,
        *,
        refusals: tuple[type[ServiceError], ...] = (AuthenticationError,),
        timeout: float,
        deadline: float,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = own_random,
    ) -> None:
        self._transport = transport
        self._signer = signer
        self._error_of = error_of
        self._refusals = refusals
        self._timeout = timeout
        self._deadline = deadline
        self._monotonic = monotonic
        self._sleep = sleep
        self._random = random
        self._known = False
        self._outages = OutageLog(endpoint, clock=monotonic)
        self._closed = False

    def run(self, call: PreparedCall, read: Callable[[GoodAnswer], T]) -> T:
        """Return what ``read`` makes of the good answer; its TransportError counts as a lost answer.

        Raises:
            DISError: TransportError, ServiceError, CredentialsError or ConfigurationError.
        """
        deadline = self._deadline
        retry = Retry(
            deadline=deadline if self._known else min(FIRST_ANSWER_SECONDS, deadline),
            retry_lost=call.retry_lost,
            retry_throttling=call.retry_throttling,
            known_dis=self._known,
            clock=self._monotonic,
            sleep=self._sleep,
            random=self._random,
        )
        try:
            with self._outages.watched():
                return retry.run(lambda seconds: self._logged_attempt(call, read, seconds))
        except _NOT_FOUND:
            if call.draft.method == "DELETE" and retry.maybe_done:
                return read(GoodAnswer(call.request, Response(204)))  # the attempt whose answer was lost has deleted it
            raise

    def close(self) -> None:
        """Close the connections. A later call raises ConfigurationError, and asks nobody for credentials."""
        self._closed = True
        self._transport.close()

    def _logged_attempt(self, call: PreparedCall, read: Callable[[GoodAnswer], T], seconds: float) -> T:
        began = self._monotonic()
        try:
            value = self._attempt(call, read, seconds)
        except (TransportError, ServiceError) as error:
            note_request(call.request.operation, self._monotonic() - began, error)
            if is_outage(error):
                self._outages.note_failure(error)
            else:
                self._outages.note_success()
            raise
        note_request(call.request.operation, self._monotonic() - began)
        self._outages.note_success()
        return value

    def _attempt(self, call: PreparedCall, read: Callable[[GoodAnswer], T], seconds: float) -> T:
        end = self._monotonic() + seconds
        if self._closed:
            raise ConfigurationError(f"{call.request}: the client is closed: make another one")
        signed = self._signer.signed(call.draft, seconds)
        response = self._send(call, signed, end)
        if not _is_good(response):
            error = self._error_of(call.request, response, unsigned=signed.credentials is None)
            if isinstance(error, self._refusals) and self._signer.correct(signed, response, end - self._monotonic()):
                signed = self._signer.signed(call.draft, end - self._monotonic())
                response = self._send(call, signed, end)
                error = error if _is_good(response) else self._error_of(call.request, response)
            if not _is_good(response):
                self._known = self._known or bool(error.code)
                raise error
        try:
            value = read(GoodAnswer(call.request, response))
        except TransportError:
            self._transport.renew()
            raise
        self._known = True
        return value

    def _send(self, call: PreparedCall, signed: SignedHeaders, end: float) -> Response:
        draft = call.draft
        return self._transport.send(
            Request(
                method=draft.method,
                target=f"{draft.path}?{draft.query}" if draft.query else draft.path,
                headers=signed.headers,
                body=bytes(draft.body),
                timeout=min(self._timeout, end - self._monotonic()),
                max_answer=call.max_answer,
            )
        )


def _is_good(response: Response) -> bool:
    return 200 <= response.status < 300
