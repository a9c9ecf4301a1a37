"""Refuses requests that a web page makes a browser send, because a server without keys answers everyone who can connect.

Rules:

1. The Host of a request is an address, a loopback name, or a name that the server was given. A page whose own name is made
   to resolve to the server's address (DNS rebinding) sends that name.
2. On a loopback address, addresses of other machines aren't accepted either.
3. A request with an Origin comes from a page of this server. With Sec-Fetch-Site, it doesn't come from a page of another origin.
   Only browsers send these headers; a page can't leave them out.
4. HTTP/1.0 needs no Host, as no browser speaks it. HTTP/1.1 needs exactly one.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Any

from beam_dis.endpoints import is_localhost
from beam_dis.wire.error_codes import Refusal

_AUTHORITY = re.compile(r"(\[[^\]@/]*\]|[^\[\]:@/]*)(?::[0-9]*)?")
_HOST = re.compile(r"\[?[0-9A-Fa-f:.]+\]?|[A-Za-z0-9._-]+")
_OWN_PAGES = {"same-origin", "none"}
_SHOWN = 100


def is_loopback(host: str) -> bool:
    """Whether a host is a loopback address or ``localhost``, so that only this machine can reach it."""
    if is_localhost(host):
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def is_host(text: str) -> bool:
    """Whether a text has the form of a name or an address, without scheme and port."""
    return _HOST.fullmatch(text) is not None and (":" not in text or _address(text.strip("[]")) is not None)


class AllowedSources:
    """The hosts and origins whose requests a server answers.

    Args:
        host: The name or the address that it listens on.
        names: Further names and addresses by which it may be called.
    """

    def __init__(self, host: str, names: Iterable[str] = ()) -> None:
        self._loopback = is_loopback(host)
        self._names = {_canonical(name) for name in (host, *names) if name}

    def check(self, scope: Any) -> None:
        """Refuse a request from anywhere else, with HTTP 400 or 403."""
        hosts = _values(scope, b"host")
        if len(hosts) > 1:
            raise Refusal(4200, f"the request has {len(hosts)} Host headers instead of one", status=400)
        if not hosts and scope.get("http_version") != "1.0":
            raise Refusal(4200, "the request has no Host header", status=400)
        authority = hosts[0] if hosts else ""
        if hosts and not self._accepts(authority):
            raise Refusal(
                4200, f"this server is not host {authority[:_SHOWN]!r}: {self._advice(authority)}", status=403
            )
        for origin in _values(scope, b"origin"):
            if origin not in {f"http://{authority}", f"https://{authority}"}:
                raise Refusal(4200, f"pages of {origin[:_SHOWN]!r} may not use this server", status=403)
        if not _OWN_PAGES.issuperset(_values(scope, b"sec-fetch-site")):
            raise Refusal(4200, "pages of another origin may not use this server", status=403)

    def _accepts(self, authority: str) -> bool:
        matched = _AUTHORITY.fullmatch(authority)
        if matched is None:
            return False
        host = _canonical(matched[1])
        return is_loopback(host) or host in self._names or (not self._loopback and _address(host) is not None)

    def _advice(self, authority: str) -> str:
        host = authority.partition(":")[0] or "NAME"
        where = "a loopback address" if self._loopback else "an address"
        given = f"start it with --allowed-host {host[:_SHOWN]}" if is_host(host) else "use its name"
        return f"call it by {where}, or {given}"


def _values(scope: Any, wanted: bytes) -> list[str]:
    return [value.decode("latin-1").lower() for name, value in scope["headers"] if name == wanted]


def _canonical(host: str) -> str:
    """A host in one form: without brackets, final dot and upper case, an address in its usual form."""
    name = host.lower().removesuffix(".")
    if name.startswith("["):
        name = name.strip("[]")
    address = _address(name)
    return name if address is None else str(address)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is, an IPv4 address in an IPv6 one as itself; None if it is a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
