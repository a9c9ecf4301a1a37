"""The connection to V3IO: which cluster and container, with which access key.

Rules:

1. As with DISConnection, the access key is looked up on the worker when it is used: with ``credentials=``, or else in
   V3IO_ACCESS_KEY. It is sent as the session key.
2. A stream is named by its path in the container, without slashes at its ends.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from beam_dis.connection import Connection
from beam_dis.credentials import Credentials
from beam_dis.endpoints import checked_url
from beam_dis.errors import ConfigurationError
from beam_dis.plain_values import described, plain_text, plain_value, shown

ENDPOINT_VARIABLE = "V3IO_API"
KEY_VARIABLE = "V3IO_ACCESS_KEY"
"""The variables of official clients [S]."""

_NO_APPS = "V3IO streams have no apps and no checkpoints: give start= a time or sequence numbers, and let the runner keep the position"
_NO_SCHEMA = "V3IO streams have no data_schema: give a coder, such as AvroCoder(schema)"


@dataclass(frozen=True, slots=True, kw_only=True)
class V3IOConnection(Connection):
    """Where V3IO is, and how to reach it.

    Args:
        container: the container with the streams, such as ``"projects"``.
        endpoint: the URL of the web API, such as ``"https://default-tenant.app.mycluster.iguazio.com:8443"``; by default that
            in V3IO_API.
        credentials: an importable function without arguments that returns the access key as a ``Token``. A client in this process also
            takes a Token itself. By default the worker takes V3IO_ACCESS_KEY.
        timeout: seconds for one attempt at a request.
        deadline: seconds for all attempts at a request together.
        proxy: the URL of a proxy, without a password.
        ca_bundle: a file of certificates on the worker, to trust instead of the system's.

    Raises:
        ConfigurationError: a value has a wrong type or form.
    """

    service: ClassVar[str] = "v3io"
    lacks: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("app", "start=checkpoint", "commit=manual"), _NO_APPS),
        "explicit_hash_key": "V3IO streams have no hash ranges: give partition_id=, the shard, or partition_key=",
        "timestamp": "V3IO stores the time of arrival alone: put the time into the data, or into client_info=",
        **dict.fromkeys(("decode=rows", "decode=arrow", "encode=rows"), _NO_SCHEMA),
    }

    container: str = ""

    def __post_init__(self) -> None:
        Connection.__post_init__(self)
        container = plain_value(self.container)
        if type(container) is not str or not _is_part(container) or "/" in container:
            raise ConfigurationError(
                f"V3IOConnection(container={shown(self.container)}): give the name of the container, such as 'projects'"
            )
        object.__setattr__(self, "container", container)
        if isinstance(self.credentials, Credentials):
            raise ConfigurationError(
                "V3IOConnection(credentials=Credentials(…)): V3IO takes one access key: give Token(value=access_key)"
            )

    @property
    def account(self) -> str:
        """The container."""
        return self.container

    @property
    def place(self) -> dict[str, str | None]:
        """Endpoint and container."""
        return {"endpoint": self.endpoint, "container": self.container}

    def resolved(self, options: Any = None, environ: Mapping[str, str] | None = None) -> V3IOConnection:
        """The same connection with its endpoint; a URL in V3IO_API may be without ``http://`` [S]. There are no options for it.

        Raises:
            ConfigurationError: there is no endpoint, or the variable has a wrong value.
        """
        if self.endpoint is not None:
            return self
        given = (os.environ if environ is None else environ).get(ENDPOINT_VARIABLE)
        if not given:
            raise ConfigurationError(
                f"no V3IO to connect to: set V3IOConnection(endpoint=…), or {ENDPOINT_VARIABLE} in the environment"
            )
        url = given if "://" in given else f"http://{given}"
        return replace(self, endpoint=checked_url("endpoint", url, source=ENDPOINT_VARIABLE))

    @staticmethod
    def checked_stream(argument: str, value: Any, *, otherwise: str = "") -> str:
        """The path of a stream in its container, such as ``"MyDirectory/MyStream"``.

        Raises:
            ConfigurationError: it isn't text, or has an empty part, ``.`` or ``..``, or characters that can't be in a path.
        """
        text = plain_value(value)
        path = plain_text(value).strip("/") if isinstance(text, str) else ""
        if not path or not all(map(_is_part, path.split("/"))):
            raise ConfigurationError(
                f"{argument}={described(value)} is not the path of a stream in its container, such as"
                f" 'MyDirectory/MyStream'{otherwise}"
            )
        return path


def _is_part(text: str) -> bool:
    """Whether text can be one part of a path."""
    return bool(text) and text not in (".", "..") and text.isprintable() and text == text.strip()
