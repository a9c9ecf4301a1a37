"""The connection: which service a pipeline or a client talks to, with which credentials and timeouts.

``Connection`` is what all services have in common, ``DISConnection`` is that of DIS. Rules:

1. A connection is a value that is pickled with the pipeline, so it has no socket. It has a secret only if the user gave it
   Credentials or a Token, and those can't be pickled.
2. A missing field is filled in when the pipeline is built: from the pipeline's options, else from the environment.
3. Credentials are looked up on the worker, never earlier.
4. What a service doesn't have is refused when the pipeline is built, with what to use instead.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from beam_dis.credentials import (
    CredentialsSource,
    check_source,
    check_travels,
    environment,
    profile,
    profile_path,
)
from beam_dis.endpoints import LOCAL_PROJECT_ID, checked_url, endpoint_of, endpoint_variable, is_local_dis, is_loopback
from beam_dis.errors import ConfigurationError
from beam_dis.names import checked_stream
from beam_dis.plain_values import described, plain_value, shown
from beam_dis.texts import HiddenSettings

if TYPE_CHECKING:
    from typing_extensions import Self


class NoProjectError(ConfigurationError):
    """No project id is known. It is a class of its own because commands name another option for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What pipelines use of a connection, whatever its service.

    ``service`` is the word for the service in lineage. ``lacks`` has the options that the service has no use for, and what to use
    instead. The fields are those of DISConnection, which describes them.
    """

    service: ClassVar[str]
    lacks: ClassVar[Mapping[str, str]] = {}

    endpoint: str | None = None
    credentials: CredentialsSource = None
    timeout: float = 30.0
    deadline: float = 60.0
    proxy: str | None = None
    ca_bundle: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        for name in ("endpoint", "timeout", "deadline", "proxy"):
            object.__setattr__(self, name, plain_value(getattr(self, name)))
        if self.endpoint is not None:
            object.__setattr__(self, "endpoint", checked_url("endpoint", self.endpoint))
        for name in ("timeout", "deadline"):
            value = getattr(self, name)
            if type(value) not in (int, float) or not 0 < value < threading.TIMEOUT_MAX:
                raise ConfigurationError(f"{self._name}({name}={shown(value)}): give seconds, more than 0")
        check_source(self.credentials)
        if self.proxy is not None:
            object.__setattr__(self, "proxy", checked_url("proxy", self.proxy))
            _check_not_loopback(self.endpoint)
        if self.ca_bundle is not None:
            if not isinstance(self.ca_bundle, str | os.PathLike) or not os.fspath(self.ca_bundle):
                raise ConfigurationError(
                    f"{self._name}(ca_bundle={self.ca_bundle!r}): give the path of a file with certificates"
                )
            object.__setattr__(self, "ca_bundle", os.fsdecode(self.ca_bundle))

    @property
    def _name(self) -> str:
        return type(self).__name__

    @property
    def account(self) -> str:
        """What owns the streams, "" if that isn't known yet: a project or a container."""
        raise NotImplementedError

    @property
    def place(self) -> dict[str, str | None]:
        """Where the service is, to be shown to people; nothing secret."""
        raise NotImplementedError

    def resolved(self, options: Any = None, environ: Mapping[str, str] | None = None) -> Self:
        """The same connection, complete: with what it leaves out from a pipeline's options and the environment."""
        raise NotImplementedError

    @staticmethod
    def checked_stream(argument: str, value: Any, *, otherwise: str = "") -> str:
        """The name of a stream, checked as by ``beam_dis.names.checked_stream``."""
        return checked_stream(argument, value, otherwise=otherwise)

    def check_has(self, **options: Any) -> None:
        """Raise ConfigurationError for an option that the service lacks, unless it is None.

        ``lacks`` has such an option by its name, or by its name and its value if that is text: ``decode=rows``.
        """
        for name, value in options.items():
            key = name if name in self.lacks else f"{name}={value}" if isinstance(value, str) else ""
            if value is not None and key in self.lacks:
                raise ConfigurationError(f"{name}={shown(value)}: {self.lacks[key]}")


def checked_connection(value: Any) -> Connection:
    """Return a connection, that of DIS for None. Raises ConfigurationError for anything else."""
    if value is None:
        return DISConnection()
    if not isinstance(value, Connection):
        raise ConfigurationError(
            f"connection={described(value)}: give a DISConnection, such as DISConnection(endpoint=…), or a V3IOConnection"
        )
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class DISConnection(Connection):
    """Where DIS is, and how to reach it.

    Args:
        endpoint: a URL such as ``"https://dis.eu-de.otc.t-systems.com"``; by default it follows from ``region``.
        region: the region, such as ``"eu-de"``.
        project_id: the id of the project that owns the streams.
        credentials: an importable function without arguments that returns ``Credentials`` or a ``Token``. A client in this
            process also takes one of these itself. By default the worker looks for them, by the rules of
            ``beam_dis.credentials``.
        timeout: seconds for one attempt at a request.
        deadline: seconds for all attempts at a request together.
        proxy: the URL of a proxy, without a password. It takes precedence over the worker's HTTPS_PROXY.
        ca_bundle: a file of certificates on the worker, to trust instead of the system's. It takes precedence over the
            worker's SSL_CERT_FILE.

    Raises:
        ConfigurationError: a value has a wrong type or form.
    """

    service: ClassVar[str] = "dis"
    lacks: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("client_info", "metadata=client_info"), "records of DIS have no client information: put it into the data"
    )

    region: str | None = None
    project_id: str | None = None

    def __post_init__(self) -> None:
        Connection.__post_init__(self)
        for name in ("region", "project_id"):
            value = plain_value(getattr(self, name))
            object.__setattr__(self, name, value)
            if value is not None:
                _check_word(f"DISConnection({name}={value!r})", value)

    @property
    def account(self) -> str:
        """The project."""
        return self.project_id or ""

    @property
    def place(self) -> dict[str, str | None]:
        """Endpoint, region and project."""
        return {"endpoint": self.endpoint, "region": self.region, "project_id": self.project_id}

    def resolved(self, options: Any = None, environ: Mapping[str, str] | None = None) -> DISConnection:
        """The same connection with endpoint, region and project id filled in.

        The project of a local DIS, one that is named with plain http, is ``local`` by default.

        Args:
            options: anything with ``dis_endpoint``, ``dis_region`` and ``dis_project_id``, such as DISOptions.
            environ: the environment; by default this process's.

        Raises:
            ConfigurationError: the endpoint or the project id is unknown, or an option, a variable or the profile file has a
                wrong value.
        """
        variables = environment(environ)
        region = self.region or _region(options, variables)
        endpoint = self.endpoint or _endpoint(options, region, variables)
        if endpoint is None:
            raise ConfigurationError(
                "no DIS to connect to: set a region (DISConnection(region=…), --dis_region or HUAWEICLOUD_SDK_REGION) "
                "or an endpoint (DISConnection(endpoint=…) or --dis_endpoint)"
            )
        project_id = self.project_id or _project_id(options, variables)
        if project_id is None and is_local_dis(endpoint):
            project_id = LOCAL_PROJECT_ID
        if project_id is None:
            raise NoProjectError(
                f"no project id for {endpoint}: set DISConnection(project_id=…), --dis_project_id or "
                "HUAWEICLOUD_SDK_PROJECT_ID"
            )
        return replace(self, endpoint=endpoint, region=region, project_id=project_id)


def connection_of_pipeline(connection: Connection | None, options: Any) -> Connection:
    """The connection that a pipeline's steps take to the workers: resolved, and with credentials that workers can find."""
    connection = connection or DISConnection()
    check_travels(connection.credentials)
    return connection.resolved(options)


def _region(options: Any, environ: HiddenSettings) -> str | None:
    option, variable = getattr(options, "dis_region", None), environ.get("HUAWEICLOUD_SDK_REGION")
    if option:
        _check_word(f"--dis_region={option!r}", option)
    elif variable:
        _check_word(f"HUAWEICLOUD_SDK_REGION={variable!r}", variable)
    return option or variable or None


def _endpoint(options: Any, region: str | None, environ: HiddenSettings) -> str | None:
    """The endpoint of the options, or else that of the region, which a variable can override [SDK CORE]."""
    option = getattr(options, "dis_endpoint", None)
    if option:
        return checked_url("endpoint", option, source="--dis_endpoint")
    if region is None:
        return None
    variable = endpoint_variable(region)
    given = environ.get(variable)
    return checked_url("endpoint", given, source=variable) if given else endpoint_of("dis", region)


def _project_id(options: Any, environ: HiddenSettings) -> str | None:
    option, variable = getattr(options, "dis_project_id", None), environ.get("HUAWEICLOUD_SDK_PROJECT_ID")
    if option:
        _check_word(f"--dis_project_id={option!r}", option)
        return str(option)
    if variable:
        _check_word(f"HUAWEICLOUD_SDK_PROJECT_ID={variable!r}", variable)
        return variable
    in_file = profile(environ).get("project_id")
    if in_file:
        _check_word(f"project_id = {in_file!r} of {profile_path(environ)}", in_file)
    return in_file or None


def _check_not_loopback(endpoint: str | None) -> None:
    if endpoint is not None and is_loopback(endpoint):
        raise ConfigurationError(f"{endpoint} is on this machine, and isn't reached through a proxy: leave out proxy=")


def _check_word(shown: str, value: Any) -> None:
    """Raise ConfigurationError, which names the value as ``shown``, unless it can be part of a path."""
    if not isinstance(value, str) or not value or not all(c.isascii() and (c.isalnum() or c in "-_") for c in value):
        raise ConfigurationError(f"{shown}: give letters, digits, - and _, as str")
