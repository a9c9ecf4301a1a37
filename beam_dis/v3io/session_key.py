"""Sends the access key of V3IO with each request.

Rules:

1. The key is that of ``credentials=``, or else that in V3IO_ACCESS_KEY. It is kept for a minute, and looked up again when the
   service refuses it.
2. A service that is named with plain http needs no key, as a local V3IO. A key is sent over https only, or within a network of
   one's own: V3IO's nodes are called with plain http inside of their cluster.
3. No repr, error or local variable of a traceback shows the key.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from beam_dis.client.cached_credentials import KeptCredentials
from beam_dis.client.signer import SignedHeaders
from beam_dis.client.transport import Response, host_of
from beam_dis.credentials import Token, given_credentials
from beam_dis.endpoints import is_in_own_network, is_local_dis
from beam_dis.errors import CredentialsError
from beam_dis.texts import HiddenSettings
from beam_dis.v3io.connection import KEY_VARIABLE, V3IOConnection
from beam_dis.version import __version__
from beam_dis.wire.signing import SigningRequest

HEADER = "x-v3io-session-key"


class SessionKey:
    """Makes the headers of requests with the access key of a connection; thread-safe.

    Args:
        connection: a resolved connection.
        clock: seconds since 1970.
        monotonic: seconds that never go back.
        environ: the environment; by default this process's.
    """

    def __init__(
        self,
        connection: V3IOConnection,
        *,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._endpoint = connection.endpoint or ""
        self._source = connection.credentials
        self._environ = HiddenSettings(os.environ if environ is None else environ)
        self._clock = clock
        self._kept = KeptCredentials(self._look_up, monotonic=monotonic)

    def signed(self, draft: SigningRequest, seconds: float) -> SignedHeaders:
        """Make the headers of one attempt, without a key if there is none and the service needs none.

        Raises:
            CredentialsError: there is no key, or it can't be sent to this endpoint.
        """
        found = self._kept.current(self._clock(), seconds)
        headers = {"host": host_of(self._endpoint), "user-agent": f"beam-dis/{__version__}", **draft.headers}
        if isinstance(found, Token):
            headers[HEADER] = found.value
        return SignedHeaders(headers, found, 0.0)

    def correct(self, refused: SignedHeaders, _response: Response, seconds: float) -> bool:
        """Look the key up again after the service refused it; False if it is the same."""
        return self._kept.replace_refused(refused.credentials, self._clock(), seconds)

    def _look_up(self, _end: float) -> Token | None:
        found = given_credentials(self._source) or self._from_environment()
        if found is None:
            if is_local_dis(self._endpoint):
                return None
            raise CredentialsError(
                f"no access key for {self._endpoint}: set V3IOConnection(credentials=…) to a function that returns"
                f" Token(value=access_key), or {KEY_VARIABLE} in the environment of the workers"
            )
        if not isinstance(found, Token):
            raise CredentialsError("V3IO takes one access key: let credentials= return Token(value=access_key)")
        if self._endpoint.startswith("http:") and not is_in_own_network(self._endpoint):
            raise CredentialsError(
                f"the access key can't be sent to {self._endpoint} in plain http: use https, or leave out credentials= and"
                f" {KEY_VARIABLE} if the service needs no key"
            )
        return found

    def _from_environment(self) -> Token | None:
        if self._environ.get(KEY_VARIABLE) is None:
            return None
        try:
            return Token(value=self._environ.get(KEY_VARIABLE) or "")
        except CredentialsError:
            pass  # the error is raised outside, without this one's traceback
        raise CredentialsError(f"{KEY_VARIABLE} in the environment is not printable ASCII without spaces: correct it")
