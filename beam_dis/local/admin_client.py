"""The other end of the admin routes: what LocalDIS and tests command a server with.

Law: the standard library alone, no proxy, no retries: the server is on this machine. What it refuses is a
ConfigurationError with the server's own words.
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

    def ask(self, method: str, path: str, answer: type[T], message: Any = None) -> T:
        """The answer to a command, as ``answer``. Raises DISError, or ConfigurationError where it is refused."""
        return msgspec.json.decode(self.tell(method, path, message), type=answer)

    def tell(self, method: str, path: str, message: Any = None, *, seconds: float = _SECONDS) -> bytes:
        """The answer to a command, as it comes; it is waited for ``seconds`` long."""
        content = b"" if message is None else msgspec.json.encode(message)
        connection = HTTPConnection(self._address.hostname or "", self._address.port, timeout=seconds)
        try:
            connection.request(method, path, content, {"X-Admin-Token": self._token})
            answered = connection.getresponse()
            body = answered.read()
        except (OSError, HTTPException) as error:
            raise DISError(f"the local DIS did not answer {method} {path}: {error!r}") from error
        finally:
            connection.close()
        if answered.status >= 300:
            raise _failure(answered.status, body)
        return body


def _failure(status: int, body: bytes) -> DISError:
    try:
        told = str(msgspec.json.decode(body)["message"])
    except (msgspec.MsgspecError, KeyError, TypeError):
        told = f"HTTP {status}"
    return ConfigurationError(told) if status in {400, 404, 413} else DISError(told)
