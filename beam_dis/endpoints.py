"""Endpoints: the URLs of a region's services, and which endpoints are a local DIS or on this machine.

Rules:

1. A DIS that is named with plain http is a local DIS, on this machine or elsewhere (``http://dis:7700`` in a container network).
   It takes requests without a signature, and any project id. The service in the cloud is named with https.
2. A region has endpoints only if it is in the table. The host of another region would be a guess.
"""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import SplitResult, urlsplit

from beam_dis.errors import ConfigurationError
from beam_dis.names import did_you_mean

LOCAL_PROJECT_ID = "local"
"""The project of a local DIS if none is given; it accepts any."""

_HUAWEI, _OTC = "myhuaweicloud.com", "otc.t-systems.com"

REGIONS = {
    "ap-southeast-1": _HUAWEI,
    "ap-southeast-2": _HUAWEI,
    "cn-east-2": _HUAWEI,
    "cn-east-3": _HUAWEI,
    "cn-north-1": _HUAWEI,
    "cn-north-4": _HUAWEI,
    "cn-south-1": _HUAWEI,
    "eu-ch2": f"sc.{_OTC}",
    "eu-de": _OTC,
    "eu-nl": _OTC,
    "eu-west-101": "myhuaweicloud.eu",
}
"""The regions that have DIS, and their domains [SDK region.dis_region; OTC endpoints]."""

_HOST_NAMES = {("iam", "eu-ch2"): "iam-pub"}
"""Services whose host has another name than the service [OTC endpoints]."""

_EXAMPLES = {
    "endpoint": "'https://dis.eu-de.otc.t-systems.com' or 'http://127.0.0.1:7700'",
    "proxy": "'http://proxy.example:3128' (put a proxy with a password into HTTPS_PROXY on the workers)",
}


def endpoint_of(service: str, region: str) -> str:
    """The URL of a cloud service in a region, such as ``https://iam.eu-de.otc.t-systems.com``.

    Raises:
        ConfigurationError: the region isn't in the table.
    """
    domain = REGIONS.get(region)
    if domain is None:
        raise ConfigurationError(
            f"region {region!r} is not known{did_you_mean(region, REGIONS)}: give one of {', '.join(REGIONS)}, or the "
            f"endpoint of another region with {_endpoint_settings(service, region)}"
        )
    return f"https://{_HOST_NAMES.get((service, region), service)}.{region}.{domain}"


def endpoint_variable(region: str) -> str:
    """The environment variable that names the endpoint of DIS in a region [SDK CORE]."""
    return f"HUAWEICLOUD_SDK_REGION_DIS_{region.upper().replace('-', '_')}"


def _endpoint_settings(service: str, region: str) -> str:
    if service == "iam":
        return "iam_token(endpoint=…) or HUAWEICLOUD_SDK_IAM_ENDPOINT"
    return f"DISConnection(endpoint=…), --dis_endpoint or {endpoint_variable(region)}"


def is_local_dis(endpoint: str) -> bool:
    """Whether an endpoint is a local DIS by rule 1, so that requests to it need no keys and no project id of the cloud."""
    return urlsplit(endpoint).scheme == "http"


def is_loopback(endpoint: str) -> bool:
    """Whether a URL leads to this machine.

    These do: ``localhost`` and the names that end with it [RFC 6761], 127.0.0.0/8, ::1, the same addresses inside of IPv6, and
    the unspecified addresses, which connect to this machine.
    """
    host = (urlsplit(endpoint).hostname or "").removesuffix(".")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return is_localhost(host)
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def is_in_own_network(endpoint: str) -> bool:
    """Whether a URL leads to this machine or a network of its own, as that of a cluster.

    These do: private addresses, names without a dot (``http://v3io-webapi:8081``), and names that end with ``.svc``, ``.local`` or
    ``.internal``.
    """
    host = (urlsplit(endpoint).hostname or "").removesuffix(".")
    try:
        return ipaddress.ip_address(host).is_private or is_loopback(endpoint)
    except ValueError:
        return "." not in host or host.endswith((".svc", ".local", ".internal")) or is_loopback(endpoint)


def is_localhost(host: str) -> bool:
    """Whether a name is ``localhost`` or ends with it [RFC 6761]."""
    name = host.lower().removesuffix(".")
    return name == "localhost" or name.endswith(".localhost")


def checked_url(kind: str, value: Any, *, source: str = "") -> str:
    """Return the URL of an endpoint or a proxy, without a slash at its end.

    Args:
        kind: ``"endpoint"`` or ``"proxy"``.
        value: what the user gave.
        source: the option or variable that it is from, for the message.

    Raises:
        ConfigurationError: it has another form.
    """
    try:
        url = urlsplit(value)
        wrong = not _is_plain(url) or url.port == 0
    except (ValueError, AttributeError, TypeError):
        wrong = True
    if wrong:
        # a wrong URL may contain a password, and the repr of another object may contain anything
        shown = repr(value) if isinstance(value, str) and "@" not in value else "…"
        raise ConfigurationError(
            f"{source or kind} {shown} is not a URL of http or https that ends after host and port, such as"
            f" {_EXAMPLES[kind]}"
        )
    return f"{url.scheme}://{url.netloc}"


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
