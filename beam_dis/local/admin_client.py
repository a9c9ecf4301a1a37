"""The client of the admin routes, for local servers and tests.

It uses only the standard library, no proxy and no retries, because the server is on this machine.
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
    """Commands to the server at ``endpoint``, which was started with ``token``; ``title`` is what messages call it."""

    def __init__(self, endpoint: str, token: str, title: str = "local DIS") -> None:
        self._title = title
        self._address = urlsplit(endpoint)
        self._token = token

    def fetch(self, method: str, path: str, answer: type[T], content: Any = None) -> T:
        """Send a command; returns its answer, decoded as ``answer``. Raises as :meth:`send` does."""
        return msgspec.json.decode(self.send(method, path, content), type=answer)

    def send(self, method: str, path: str, content: Any = None, *, seconds: float = _SECONDS) -> bytes:
        """Send a command; returns the body of its answer.

        Args:
            method: The HTTP method.
            path: The path, with its query.
            content: The content of the request, which is sent as JSON; None sends no body.
            seconds: How long to wait for the answer.

        Raises:
            ConfigurationError: If the server refuses the command; with the server's message.
            DISError: If the server doesn't answer, or fails.
        """
        body = b"" if content is None else msgspec.json.encode(content)
        connection = HTTPConnection(self._address.hostname or "", self._address.port, timeout=seconds)
        try:
            connection.request(method, path, body, {"X-Admin-Token": self._token})
            answered = connection.getresponse()
            answer = answered.read()
        except (OSError, HTTPException) as error:
            raise DISError(f"the {self._title} did not answer {method} {path}: {error!r}") from error
        finally:
            connection.close()
        if answered.status >= 300:
            raise _failure(answered.status, answer)
        return answer


def _failure(status: int, body: bytes) -> DISError:
    try:
        answer = msgspec.json.decode(body)
        message = str(answer["message"])
        other = "errorCode" in answer  # that of an operation of the API
    except (msgspec.MsgspecError, KeyError, TypeError):
        message, other = f"HTTP {status}", False
    if status == 404 and other:
        message = "it serves no admin routes: start it with --admin and a token"
    return ConfigurationError(message) if status in {400, 404, 413} else DISError(message)
