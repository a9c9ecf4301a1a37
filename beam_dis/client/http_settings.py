"""The proxies and certificates of this machine's settings, for the transport.

Rules:

1. A setting that can't be used raises ConfigurationError, which names the variable or the argument, and what to do. User names
   and passwords of proxies are never shown.
2. A proxy without a scheme is one of http, as for curl and requests: ``user:password@proxy:3128``.
3. This machine and link-local addresses, such as the metadata service's, are never reached through a proxy, and the environment's
   certificates don't count for them.
4. The first of these names the certificates to trust: ``ca_bundle=``, SSL_CERT_FILE, SSL_CERT_DIR, REQUESTS_CA_BUNDLE. Without
   any, they are those that come with httpx.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from beam_dis.endpoints import is_loopback
from beam_dis.errors import ConfigurationError
from beam_dis.texts import Secret, one_line

_SCHEMES = ("http", "https", "socks5", "socks5h")
_HASHED_NAME = re.compile(r"[0-9a-f]{8}\.\d+")
"""The names under which OpenSSL looks for certificates in a folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """A proxy.

    Attributes:
        scheme: one of http, https, socks5, socks5h.
        host: its name or address.
        port: its port; None for the scheme's own.
        user: the user's name and password, None for none.
        source: the argument or the variable that names it.
    """

    scheme: str
    host: str
    port: int | None
    user: tuple[str, str] | None = field(repr=False)
    source: str

    @property
    def url(self) -> str:
        """Its URL, without user name and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" if self.port is None else f"{self.scheme}://{host}:{self.port}"


def proxy_of(endpoint: str, given: Secret | None = None) -> Proxy | None:
    """The proxy for an endpoint: the one that is given, or else the environment's by HTTPS_PROXY, ALL_PROXY and NO_PROXY.

    Raises:
        ConfigurationError: it isn't the URL of a proxy.
    """
    named = _proxy_of_environment(endpoint) if given is None else ("proxy=", _parsed("proxy=", given.reveal()))
    if named is None:
        return None
    source, proxy = named
    if proxy is None:
        raise ConfigurationError(
            f"the proxy of {source} can't be used: give http://host:port or http://user:password@host:port, with % escapes for"
            " special characters in the password"
        )
    if proxy.scheme not in _SCHEMES:
        raise ConfigurationError(f"the proxy {proxy.url} of {source} can't be used: give one of {', '.join(_SCHEMES)}")
    return proxy


def is_near(endpoint: str) -> bool:
    """Whether an endpoint is this machine, or a link-local address such as the metadata service's."""
    try:
        return ipaddress.ip_address(urlsplit(endpoint).hostname or "").is_link_local or is_loopback(endpoint)
    except ValueError:
        return is_loopback(endpoint)


def ssl_context(ca_bundle: str | os.PathLike[str] | None, *, trust_environment: bool) -> ssl.SSLContext:
    """The certificates to trust, by rule 4.

    Raises:
        ConfigurationError: the file or folder has no certificates, or OpenSSL can't write the file of SSLKEYLOGFILE.
    """
    source, value = _named_certificates(ca_bundle, trust_environment=trust_environment)
    shown = one_line(f"{source} {value!r}")
    try:
        if value is None:
            return httpx.create_ssl_context(trust_env=False)
        is_folder = Path(value).is_dir()
        if source == "SSL_CERT_DIR" or (is_folder and source == "REQUESTS_CA_BUNDLE"):
            return _context_of_folders(shown, value)
        if is_folder:
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        return ssl.create_default_context(cafile=value)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        key_log = os.environ.get("SSLKEYLOGFILE")
        if key_log and getattr(error, "filename", None) == key_log:
            raise ConfigurationError(
                one_line(f"SSLKEYLOGFILE {key_log!r}")
                + f" can't be written: {reason}; name a file that can be written, or leave it out"
            ) from error
        raise ConfigurationError(
            f"{shown} is not a file of certificates: {reason}; name a file in PEM format, or leave it out"
        ) from error


def _named_certificates(ca_bundle: str | os.PathLike[str] | None, *, trust_environment: bool) -> tuple[str, str | None]:
    """The argument or variable that names the certificates, and its value; None for those that come with httpx."""
    if ca_bundle is not None:
        if not isinstance(ca_bundle, str | os.PathLike):
            raise ConfigurationError(f"ca_bundle={ca_bundle!r}: give the path of a file with certificates")
        return "ca_bundle", os.fsdecode(ca_bundle)
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE") if trust_environment else ():
        value = os.environ.get(name)
        if value:
            return name, value
    return "httpx", None


def _proxy_of_environment(endpoint: str) -> tuple[str, Proxy | None] | None:
    """The variable that names the proxy for an endpoint, and the proxy, None if it can't be read; None if there is none."""
    url = urlsplit(endpoint)
    host = url.hostname or ""
    if is_near(endpoint) or proxy_bypass(host):
        return None
    proxies = getproxies()
    if _is_exempt(host, url.port or {"http": 80, "https": 443}[url.scheme], proxies.get("no", "")):
        return None
    found = proxies.get(url.scheme) or proxies.get("all")
    if found is None:
        return None
    source = _variable(url.scheme, found)
    return source, _parsed(source, found)


def _parsed(source: str, text: str) -> Proxy | None:
    """A proxy from its URL; None if it can't be read. It raises nothing, because its variables contain the password."""
    if not isinstance(text, str):
        return None
    whole = text.strip()
    try:
        url = urlsplit(whole if "://" in whole else f"http://{whole}")
        host, port = url.hostname or "", url.port
    except ValueError:
        return None
    if (
        not host
        or not host.isascii()
        or not host.isprintable()
        or " " in host
        or port == 0
        or url.path not in ("", "/")
    ):
        return None
    user = (unquote(url.username or ""), unquote(url.password or ""))
    return Proxy(scheme=url.scheme, host=host, port=port, user=user if any(user) else None, source=source)


def _variable(scheme: str, value: str) -> str:
    """The variable that has a value, as urllib takes it."""
    names = (f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
    return next((name for name in names if os.environ.get(name) == value), "the system's settings")


def _is_exempt(host: str, port: int, no_proxy: str) -> bool:
    """Whether NO_PROXY has a host: as a name, the end of a name, an address, or a range of addresses, with or without a port."""
    return any(_is_named(host, port, entry) for entry in no_proxy.replace(",", " ").split())


def _is_named(host: str, port: int, entry: str) -> bool:
    if entry == "*":
        return True
    name, colon, digits = entry.rpartition(":")
    if colon and digits.isdecimal() and (":" not in name or name.endswith("]")):
        if int(digits) != port:
            return False
        entry = name
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        suffix = entry.lower().lstrip("*").strip(".")
        return bool(suffix) and (host.rstrip(".") == suffix or host.rstrip(".").endswith(f".{suffix}"))


def _context_of_folders(shown: str, value: str) -> ssl.SSLContext:
    folders = [Path(folder) for folder in value.split(os.pathsep)]
    names = [path.name for folder in folders if folder.is_dir() for path in folder.iterdir()]
    if not any(map(_HASHED_NAME.fullmatch, names)):
        raise ConfigurationError(
            f"{shown} is not a folder of certificates: name one that OpenSSL's c_rehash has prepared, or leave it out"
        )
    return ssl.create_default_context(capath=value)
