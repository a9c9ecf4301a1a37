"""The connection: which DIS a pipeline or a client talks to, with which credentials and timeouts.

Rules:

1. A connection is a value that is pickled with the pipeline, so it has no socket. It has a secret only if the user gave it
   Credentials or a Token, and those can't be pickled.
2. A missing field is filled in when the pipeline is built: from the pipeline's options, else from the environment.
3. Credentials are looked up on the worker, never earlier.
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

_EXAMPLES = {
    "endpoint": "'https://dis.eu-de.otc.t-systems.com' or 'http://127.0.0.1:7700'",
    "proxy": "'http://proxy.example:3128' (put a proxy with a password into HTTPS_PROXY on the workers)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DISConnection:
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
            _check_not_loopback(self.endpoint)
        if self.ca_bundle is not None:
            object.__setattr__(self, "ca_bundle", _checked_path(self.ca_bundle))

    def resolved(self, options: Any = None, environ: Mapping[str, str] = os.environ) -> DISConnection:
        """The same connection with endpoint, region and project id filled in.

        Args:
            options: anything with ``dis_endpoint``, ``dis_region`` and ``dis_project_id``, such as DISOptions.
            environ: the environment.

        Raises:
            ConfigurationError: the endpoint or the project id is unknown.
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
    """The connection that a pipeline's steps take to the workers: resolved, and with credentials that workers can find."""
    connection = connection or DISConnection()
    check_travels(connection.credentials)
    return connection.resolved(options)


def _option(options: Any, name: str) -> str | None:
    return getattr(options, name, None) or None


def _project_id(environ: Mapping[str, str]) -> str | None:
    return environ.get("HUAWEICLOUD_SDK_PROJECT_ID") or profile(environ).get("project_id") or None


def _endpoint_of(region: str | None, environ: Mapping[str, str]) -> str | None:
    """The endpoint of a region; an environment variable can override it [SDK CORE]."""
    if region is None:
        return None
    variable = f"HUAWEICLOUD_SDK_REGION_DIS_{region.upper().replace('-', '_')}"
    return environ.get(variable) or endpoint_of("dis", region)


def endpoint_of(service: str, region: str) -> str:
    """The URL of a cloud service in a region, such as ``https://iam.eu-de.otc.t-systems.com``."""
    return f"https://{service}.{region}.{_DOMAINS.get(region, 'myhuaweicloud.com')}"


def _checked_url(name: str, value: str) -> str:
    """Return the URL of an endpoint or a proxy, without a slash at its end."""
    try:
        url = urlsplit(value)
        wrong = not _is_plain(url) or url.port == 0
    except (ValueError, AttributeError, TypeError):
        wrong = True
    if wrong:
        # a wrong URL may contain a password, and the repr of another object may contain anything
        shown = repr(value) if isinstance(value, str) and "@" not in value else "…"
        raise ConfigurationError(
            f"{name} {shown} is not a URL of http or https that ends after host and port, such as {_EXAMPLES[name]}"
        )
    return value.removesuffix("/")


def _check_not_loopback(endpoint: str | None) -> None:
    if endpoint is not None and is_loopback(endpoint):
        raise ConfigurationError(f"{endpoint} is on this machine, and isn't reached through a proxy: leave out proxy=")


def _checked_path(value: Any) -> str:
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise ConfigurationError(f"DISConnection(ca_bundle={value!r}): give the path of a file with certificates")
    return os.fsdecode(value)


def _is_plain(url: SplitResult) -> bool:
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
        raise ConfigurationError(f"DISConnection({name}={value!r}): give letters, digits, - and _, as str")
