"""A local V3IO as a context manager: a process of its own, with an access key or without one."""

from __future__ import annotations

import os
from typing import final

from beam_dis.credentials import Token
from beam_dis.errors import ConfigurationError
from beam_dis.local.keys import KEY_VARIABLES, TOKEN_VARIABLE, KeysError, session_key_of_environment
from beam_dis.local.server_process import ServerProcess
from beam_dis.v3io.connection import V3IOConnection

LOCAL_CONTAINER = "local"
"""The container of ``.connection``; any other one can be used too."""


@final
class LocalV3IO(ServerProcess):
    """The streams of V3IO on this machine, during a ``with`` block.

        with LocalV3IO() as v3io:
            read = ReadFromDIS("MyDirectory/MyStream", connection=v3io.connection)

    Containers are there without being created, streams are not.

    Args:
        data_dir: The folder that keeps the data; None: a temporary folder, which is removed at the end.
        port: The port; 0: any free one.
        access_key: Requests must have this key; None: they need none.

    Raises:
        ConfigurationError: If an argument is wrong. Also from ``with``, if the server can't start; with its reason.
    """

    _title = "local V3IO"
    _usage = "use it as `with LocalV3IO() as v3io:`"

    def __init__(
        self, data_dir: str | os.PathLike[str] | None = None, port: int = 0, *, access_key: str | None = None
    ) -> None:
        super().__init__(data_dir, port)
        self._access_key = access_key
        if access_key is not None:
            _check(access_key)

    @property
    def connection(self) -> V3IOConnection:
        """A connection to its container ``local``, with its access key."""
        credentials = None if self._access_key is None else Token(value=self._access_key)
        return V3IOConnection(endpoint=self.endpoint, container=LOCAL_CONTAINER, credentials=credentials)

    def _arguments(self) -> list[str]:
        return ["--service", "v3io"]

    def _variables(self) -> dict[str, str]:
        values = (self._access_key or "", "", "")
        return dict(zip((*KEY_VARIABLES, TOKEN_VARIABLE), values, strict=True))


def _check(access_key: str) -> None:
    try:
        known = session_key_of_environment({KEY_VARIABLES[0]: access_key})
    except (KeysError, AttributeError):
        known = ()
    if not known:
        raise ConfigurationError(
            "access_key is no access key: give printable ASCII characters without spaces, or None for no key"
        )
