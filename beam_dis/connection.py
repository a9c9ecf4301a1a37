"""Which DIS a pipeline or a client talks to, and with what patience.

Law: a connection is a value. It travels inside pickled pipelines, so it never holds a socket, and holds a secret only
where the user put Credentials into it, which then refuse to travel. What it leaves open is filled field by field, when
the pipeline is built: connection, then options, then environment; secrets alone wait for the worker.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import SplitResult, urlsplit

from beam_dis.credentials import CredentialsSource, check_source, check_travels, is_loopback, profile
from beam_dis.errors import ConfigurationError

_DOMAINS = {
    "eu-de": "otc.t-systems.com",
    "eu-nl": "otc.t-systems.com",
    "eu-west-101": "myhuaweicloud.eu",
}
"""Regions outside myhuaweicloud.com [OTC endpoints; dis.{region}.{domain}]."""

_SUCH_AS = {
    "endpoint": "'https://dis.eu-de.otc.t-systems.com' or 'http://127.0.0.1:7700'",
    "proxy": "'http://proxy.example:3128' (one with a password goes into HTTPS_PROXY where the pipeline runs)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DISConnection:
    """Where the service is and as whom to speak to it.

    ``endpoint`` is a URL such as ``"https://dis.eu-de.otc.t-systems.com"``; without one it follows from ``region``.
    ``project_id`` is part of every path. ``credentials`` is an importable function without arguments that returns
    ``Credentials`` or a ``Token``, or, for a client in this process alone, one of these itself; without, they are looked for
    on the worker. ``proxy`` is the URL of the proxy to go through, without a password, and ``ca_bundle`` a file of the
    certificates to trust instead of the system's; both count on the worker, and before HTTPS_PROXY and SSL_CERT_FILE there.
    ``timeout`` (seconds) bounds one attempt, ``deadline`` (seconds) all attempts at one request together.
    """

    endpoint: str | None = None
    region: str | None = None
    project_id: str | None = None
    credentials: CredentialsSource = None
    timeout: float = 30.0
    deadline: float = 60.0
    proxy: str | None = None
    ca_bundle: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if self.endpoint is not None:
            object.__setattr__(self, "endpoint", _checked_url("endpoint", self.endpoint))
        for name in ("region", "project_id"):
            _check_word(name, getattr(self, name))
        for name in ("timeout", "deadline"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 < value < float("inf"):
                raise ConfigurationError(f"DISConnection({name}={value!r}): give seconds, more than 0")
        check_source(self.credentials)
        if self.proxy is not None:
            object.__setattr__(self, "proxy", _checked_url("proxy", self.proxy))
            _check_not_here(self.endpoint)
        if self.ca_bundle is not None:
            object.__setattr__(self, "ca_bundle", _checked_path(self.ca_bundle))

    def resolved(self, options: Any = None, environ: Mapping[str, str] = os.environ) -> DISConnection:
        """The same connection with endpoint, region and project id filled in; ConfigurationError where one is unknown.

        ``options`` is anything with ``dis_endpoint``, ``dis_region`` and ``dis_project_id``, such as DISOptions.
        """
        region = self.region or _option(options, "dis_region") or environ.get("HUAWEICLOUD_SDK_REGION") or None
        endpoint = self.endpoint or _option(options, "dis_endpoint") or _endpoint_of(region, environ)
        project_id = self.project_id or _option(options, "dis_project_id") or _project_id(environ)
        if endpoint is None:
            raise ConfigurationError(
                "no DIS to connect to: set a region (DISConnection(region=…), --dis_region or HUAWEICLOUD_SDK_REGION) "
                "or an endpoint (DISConnection(endpoint=…) or --dis_endpoint)"
            )
        if project_id is None:
            raise ConfigurationError(
                f"no project id for {endpoint}: set DISConnection(project_id=…), --dis_project_id or "
                "HUAWEICLOUD_SDK_PROJECT_ID"
            )
        return replace(self, endpoint=endpoint, region=region, project_id=project_id)


def connection_of_pipeline(connection: DISConnection | None, options: Any) -> DISConnection:
    """A connection as the steps of a pipeline take it to the workers: resolved, and with nothing that stays behind."""
    connection = connection or DISConnection()
    check_travels(connection.credentials)
    return connection.resolved(options)


def _option(options: Any, name: str) -> str | None:
    return getattr(options, name, None) or None


def _project_id(environ: Mapping[str, str]) -> str | None:
    return environ.get("HUAWEICLOUD_SDK_PROJECT_ID") or profile(environ).get("project_id") or None


def _endpoint_of(region: str | None, environ: Mapping[str, str]) -> str | None:
    """The endpoint of a region; the environment may say another one for it [SDK CORE]."""
    if region is None:
        return None
    variable = f"HUAWEICLOUD_SDK_REGION_DIS_{region.upper().replace('-', '_')}"
    return environ.get(variable) or endpoint_of("dis", region)


def endpoint_of(service: str, region: str) -> str:
    """Where a region has a service of the cloud: ``https://iam.eu-de.otc.t-systems.com``."""
    return f"https://{service}.{region}.{_DOMAINS.get(region, 'myhuaweicloud.com')}"


def _checked_url(name: str, value: str) -> str:
    """The URL of an endpoint or a proxy without a closing slash."""
    try:
        url = urlsplit(value)
        wrong = not _plain(url) or url.port == 0
    except (ValueError, AttributeError, TypeError):
        wrong = True
    if wrong:
        # a wrong one may hold a password, and what isn't text is not worth showing
        shown = repr(value) if isinstance(value, str) and "@" not in value else "…"
        raise ConfigurationError(
            f"{name} {shown} is not a URL of http or https with a host and nothing behind it, such as {_SUCH_AS[name]}"
        )
    return value.removesuffix("/")


def _check_not_here(endpoint: str | None) -> None:
    if endpoint is not None and is_loopback(endpoint):
        raise ConfigurationError(f"{endpoint} is this machine, and never reached through a proxy: leave out proxy=")


def _checked_path(value: Any) -> str:
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise ConfigurationError(f"DISConnection(ca_bundle={value!r}): give the path of a file of certificates")
    return os.fsdecode(value)


def _plain(url: SplitResult) -> bool:
    printable = url.netloc.isascii() and url.netloc.isprintable() and " " not in url.netloc
    return (
        url.scheme in ("http", "https")
        and bool(url.hostname)
        and printable
        and "@" not in url.netloc
        and url.path in ("", "/")
        and not url.query
        and not url.fragment
    )


def _check_word(name: str, value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, str) or not value or not all(c.isascii() and (c.isalnum() or c in "-_") for c in value):
        raise ConfigurationError(f"DISConnection({name}={value!r}): give a text of letters, digits, - and _")
