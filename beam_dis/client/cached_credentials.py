"""Keeps the credentials of a connection, and renews them.

Rule 1: credentials without an expiry are looked up once a minute, so that keys can be rotated where they are stored.
Rule 2: credentials with an expiry are renewed 40 minutes before it [SDK CORE], then once a minute until that succeeds. If
renewal fails, the old ones are used until they expire.
Rule 3: credentials that the service refused are looked up again immediately.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing

from beam_dis.client.metadata import DEADLINE_SECONDS, ENDPOINT, metadata_credentials
from beam_dis.client.retry import Retry
from beam_dis.client.transport import HTTPTransport, Transport
from beam_dis.connection import DISConnection
from beam_dis.credentials import Credentials, Token, found_credentials
from beam_dis.endpoints import is_local_dis
from beam_dis.errors import CredentialsError, DISError
from beam_dis.forks import ForkSafeLock

_LOG = logging.getLogger(__name__)

KEEP_SECONDS = 60.0
LONGEST_SECONDS = 3600.0
RENEW_BEFORE_SECONDS = 2400.0


class KeptCredentials:
    """Credentials that are looked up, kept and renewed by the rules above; thread-safe.

    ``look_up`` finds them before a time of ``monotonic``, and returns None if requests need none.
    """

    def __init__(
        self, look_up: Callable[[float], Credentials | Token | None], *, monotonic: Callable[[], float]
    ) -> None:
        self._look_up = look_up
        self._monotonic = monotonic
        self._lock = ForkSafeLock()
        self._found: Credentials | Token | None = None
        self._until = float("-inf")

    def current(self, now: float, seconds: float = LONGEST_SECONDS) -> Credentials | Token | None:
        """Return what to sign with at ``now`` (seconds since 1970), None for unsigned requests.

        ``seconds`` bounds the wait for the metadata service, and for another thread that looks them up.

        Raises:
            CredentialsError: there are none, or they weren't found in time.
        """
        end = self._monotonic() + seconds
        if not self._lock.acquire(max(seconds, 0.0)):
            raise CredentialsError(f"another thread has looked for the credentials for more than {seconds:.1f} s")
        try:
            if self._monotonic() >= self._until:
                self._found = self._renewed(now, end)
                self._until = self._monotonic() + keep_seconds(self._found, now)
            return self._found
        finally:
            self._lock.release()

    def replace_refused(
        self, refused: Credentials | Token | None, now: float, seconds: float = LONGEST_SECONDS
    ) -> bool:
        """Look up credentials again after the service refused some; False if there are no others."""
        with self._lock:
            if self._found is refused:
                self._until = float("-inf")
        try:
            return self.current(now, seconds) != refused
        except DISError:
            return False  # the refusal says more, and the next request raises this error

    def _renewed(self, now: float, end: float) -> Credentials | Token | None:
        try:
            return self._look_up(end)
        except DISError as error:
            old = self._found
            if old is None or old.expires is None or old.expires.timestamp() <= now:
                raise
            _LOG.warning("the credentials can't be renewed, and expire at %s: %s", old.expires.isoformat(), error)
            return old


class CachedCredentials(KeptCredentials):
    """The credentials that the requests of one connection are signed with; thread-safe.

    ``metadata`` is a transport to the metadata service, for tests.
    """

    def __init__(
        self,
        connection: DISConnection,
        *,
        metadata: Transport | None,
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
        random: Callable[[], float],
    ) -> None:
        super().__init__(self._found_for, monotonic=monotonic)
        self._connection = connection
        self._metadata = metadata
        self._sleep = sleep
        self._random = random

    def _found_for(self, end: float) -> Credentials | Token | None:
        endpoint = self._connection.endpoint or ""
        found = found_credentials(self._connection.credentials)
        if found is not None or is_local_dis(endpoint):
            return found
        retry = Retry(
            deadline=min(DEADLINE_SECONDS, end - self._monotonic()),
            retry_lost=True,
            retry_throttling=True,
            clock=self._monotonic,
            sleep=self._sleep,
            random=self._random,
        )
        if self._metadata is not None:
            return metadata_credentials(self._metadata, retry, endpoint)
        with closing(HTTPTransport(ENDPOINT)) as transport:
            return metadata_credentials(transport, retry, endpoint)


def keep_seconds(credentials: Credentials | Token | None, now: float) -> float:
    """For how many seconds after ``now`` credentials are kept before they are looked up again."""
    if credentials is None or credentials.expires is None:
        return KEEP_SECONDS
    left = credentials.expires.timestamp() - now
    return max(left - RENEW_BEFORE_SECONDS, min(left, KEEP_SECONDS), 1.0)
