"""The client of the admin routes: LocalDIS and tests command a server with it.

It uses the standard library only, no proxy and no retries, because the server is on this machine. A refused command is a
ConfigurationError with the server's message.
"""

from __future__ import annotations

from http.client import HTTPConnection, HTTPException
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from beam_dis.errors import ConfigurationError, DISError

T = TypeVar("T")

_SECONDS = 30.0


class AdminClient:
    """Commands to the local DIS at ``endpoint``, which was started with ``token``."""

    def __init__(self, endpoint: str, token: str) -> None:
        self._address = urlsplit(endpoint)
        self._token = token

    def fetch(self, method: str, path: str, answer: type[T], content: Any = None) -> T:
        """Send a command; its answer as ``answer``. Raises DISError, or ConfigurationError if it is refused."""
        return msgspec.json.decode(self.send(method, path, content), type=answer)

    def send(self, method: str, path: str, content: Any = None, *, seconds: float = _SECONDS) -> bytes:
        """Send a command; its answer as bytes, waited for ``seconds`` at most."""
        body = b"" if content is None else msgspec.json.encode(content)
        connection = HTTPConnection(self._address.hostname or "", self._address.port, timeout=seconds)
        try:
            connection.request(method, path, body, {"X-Admin-Token": self._token})
            answered = connection.getresponse()
            answer = answered.read()
        except (OSError, HTTPException) as error:
            raise DISError(f"the local DIS did not answer {method} {path}: {error!r}") from error
        finally:
            connection.close()
        if answered.status >= 300:
            raise _failure(answered.status, answer)
        return answer


def _failure(status: int, body: bytes) -> DISError:
    try:
        message = str(msgspec.json.decode(body)["message"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        message = f"HTTP {status}"
    return ConfigurationError(message) if status in {400, 404, 413} else DISError(message)
