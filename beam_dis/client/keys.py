"""The credentials of a connection over time: looked up, kept for a while, looked up anew.

Rule 1: what doesn't say when it expires is asked for once a minute, so that keys can be rotated where they are kept.
Rule 2: what does is asked for anew 40 minutes before [SDK CORE], then once a minute until there are new ones. Where that
fails, the old ones serve until they expire.
Rule 3: what the service refused is asked for at once.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import closing

from beam_dis.client.metadata import ENDPOINT, metadata_credentials
from beam_dis.client.retry import Retry
from beam_dis.client.transport import HTTPTransport, Transport
from beam_dis.connection import DISConnection
from beam_dis.credentials import Credentials, Token, found_credentials, may_go_unsigned
from beam_dis.errors import DISError

_LOG = logging.getLogger(__name__)

KEEP_SECONDS = 60.0
AHEAD_SECONDS = 2400.0
METADATA_SECONDS = 5.0


class Keys:
    """What the requests of one connection are signed with; thread-safe. ``metadata`` carries requests to that service."""

    def __init__(
        self,
        connection: DISConnection,
        *,
        metadata: Transport | None,
        monotonic: Callable[[], float],
        sleep: Callable[[float], None],
        random: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._metadata = metadata
        self._monotonic = monotonic
        self._sleep = sleep
        self._random = random
        self._lock = threading.Lock()
        self._found: Credentials | Token | None = None
        self._until = float("-inf")

    def current(self, now: float) -> Credentials | Token | None:
        """What to sign with at ``now`` (seconds since 1970); None where requests go unsigned. Raises CredentialsError."""
        with self._lock:
            if self._monotonic() >= self._until:
                self._found = self._looked_up(now)
                self._until = self._monotonic() + keep_seconds(self._found, now)
            return self._found

    def differ_from(self, refused: Credentials | Token | None, now: float) -> bool:
        """Whether there are others than those that the service has refused."""
        with self._lock:
            if self._found is refused:
                self._until = float("-inf")
        try:
            return self.current(now) != refused
        except DISError:
            return False  # the refusal says more; who asks next is told

    def _looked_up(self, now: float) -> Credentials | Token | None:
        try:
            return self._found_anywhere()
        except DISError as error:
            old = self._found
            if old is None or old.expires is None or old.expires.timestamp() <= now:
                raise
            _LOG.warning("the credentials can't be renewed, and expire at %s: %s", old.expires.isoformat(), error)
            return old

    def _found_anywhere(self) -> Credentials | Token | None:
        endpoint = self._connection.endpoint or ""
        found = found_credentials(self._connection.credentials)
        if found is not None or may_go_unsigned(endpoint):
            return found
        if self._metadata is not None:
            return metadata_credentials(self._metadata, self._retry(), endpoint)
        with closing(HTTPTransport(ENDPOINT)) as transport:
            return metadata_credentials(transport, self._retry(), endpoint)

    def _retry(self) -> Retry:
        return Retry(
            deadline=METADATA_SECONDS,
            repeatable=True,
            patient=True,
            clock=self._monotonic,
            sleep=self._sleep,
            random=self._random,
        )


def keep_seconds(keys: Credentials | Token | None, now: float) -> float:
    """For how many seconds from ``now`` keys are kept before they are looked up anew."""
    if keys is None or keys.expires is None:
        return KEEP_SECONDS
    left = keys.expires.timestamp() - now
    return max(left - AHEAD_SECONDS, min(left, KEEP_SECONDS), 1.0)
