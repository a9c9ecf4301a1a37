"""Access keys: what they are, where they are found, and when a request may go without.

Law: secrets are looked up where and when they are used, on the worker, never while a pipeline is built; they refuse
pickling and never show in a repr or an error. The first place that has any wins, and one that has only half is an error:
``credentials=`` of the connection, the environment (HUAWEICLOUD_SDK_AK, _SK, _SECURITY_TOKEN), the section [basic] of the
profile file (~/.huaweicloud/credentials, or HUAWEICLOUD_SDK_CREDENTIALS_FILE) [SDK CORE]. Where no place has any, requests
to a plain http endpoint on the loopback interface go unsigned, and nothing else goes at all.
"""

from __future__ import annotations

import inspect
import ipaddress
import os
import sys
from collections.abc import Callable, Mapping
from configparser import ConfigParser
from configparser import Error as IniError
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from beam_dis.errors import ConfigurationError, CredentialsError, DISError

_REMEDY = (
    "pass credentials= an importable function without arguments that returns Credentials, or set HUAWEICLOUD_SDK_AK and "
    "HUAWEICLOUD_SDK_SK where the pipeline runs"
)
_ENVIRONMENT = ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN")


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An access key ``ak``, its secret key ``sk``, and the ``security_token`` that goes with temporary ones.

    Good for a ``DISClient`` in this process. They refuse pickling: a pipeline takes a function that returns them.
    """

    ak: str
    sk: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("ak", "sk", "security_token"):
            value = getattr(self, name)
            if name == "security_token" and value is None:
                continue
            if not isinstance(value, str) or not value or not value.isascii() or any(c.isspace() for c in value):
                raise CredentialsError(f"Credentials({name}=…) is not a text of printable characters without spaces")

    def __repr__(self) -> str:
        return f"Credentials(ak='{self.ak[:4]}…')"

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        raise CredentialsError(f"Credentials are secret and can't be pickled into a pipeline: {_REMEDY}")

    def __copy__(self) -> Credentials:
        return self

    def __deepcopy__(self, _memo: Any) -> Credentials:
        return self


CredentialsSource = Credentials | Callable[[], Credentials] | None
"""What ``credentials=`` takes."""


def check_source(source: Any) -> None:
    """Refuse what can't be a source of credentials, or couldn't be found again on a worker."""
    if source is None or isinstance(source, Credentials):
        return
    if not callable(source):
        raise ConfigurationError(f"credentials={type(source).__name__}: {_REMEDY}")
    name = f"{getattr(source, '__module__', None)}.{getattr(source, '__qualname__', None)}"
    if not _importable(source):
        raise ConfigurationError(f"credentials={name} can't be imported by a worker: make it a function of a module")
    if not _takes_nothing(source):
        raise ConfigurationError(f"credentials={name} needs arguments: it is called without any")


def found_credentials(
    source: CredentialsSource, endpoint: str, environ: Mapping[str, str] = os.environ
) -> Credentials | None:
    """The credentials for requests to ``endpoint``; None where they go unsigned.

    Raises CredentialsError where a place has half of them, or none has any and the endpoint isn't on this machine.
    """
    found = _given(source) or _from_environment(environ) or _from_profile(environ)
    if found is None and not may_go_unsigned(endpoint):
        raise CredentialsError(
            f"no credentials for {endpoint}: looked at credentials=, the environment (HUAWEICLOUD_SDK_AK, "
            f"HUAWEICLOUD_SDK_SK) and {profile_path(environ)} ([basic] ak, sk); only requests to http on this machine "
            "go unsigned"
        )
    return found


def may_go_unsigned(endpoint: str) -> bool:
    """Whether requests may go without a signature: plain http to the loopback interface, which is a local DIS."""
    return urlsplit(endpoint).scheme == "http" and is_loopback(endpoint)


def is_loopback(endpoint: str) -> bool:
    """Whether a URL names this machine: ``localhost``, 127.0.0.0/8 or ::1."""
    host = urlsplit(endpoint).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def profile_path(environ: Mapping[str, str] = os.environ) -> Path:
    """Where the profile file is."""
    return Path(environ.get("HUAWEICLOUD_SDK_CREDENTIALS_FILE") or Path.home() / ".huaweicloud" / "credentials")


def profile(environ: Mapping[str, str] = os.environ) -> Mapping[str, str]:
    """The section [basic] of the profile file; empty where there is none."""
    path = profile_path(environ)
    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, IniError) as error:
        # the error's own text quotes lines of the file, which hold secrets
        raise CredentialsError(f"{path} can't be read as a profile file ({type(error).__name__}): mend it") from None
    return dict(parser["basic"]) if parser.has_section("basic") else {}


def _given(source: CredentialsSource) -> Credentials | None:
    if source is None or isinstance(source, Credentials):
        return source
    name = f"{source.__module__}.{source.__qualname__}"
    try:
        found = source()
    except DISError:
        raise
    except Exception as error:
        raise CredentialsError(f"credentials={name} raised {type(error).__name__}") from error
    if not isinstance(found, Credentials):
        raise CredentialsError(f"credentials={name} returned {type(found).__name__}, not Credentials")
    return found


def _from_environment(environ: Mapping[str, str]) -> Credentials | None:
    ak, sk, token = (environ.get(name) for name in _ENVIRONMENT)
    return _whole(ak, sk, token, "HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK in the environment")


def _from_profile(environ: Mapping[str, str]) -> Credentials | None:
    section = profile(environ)
    return _whole(
        section.get("ak"), section.get("sk"), section.get("security_token"), f"ak and sk in {profile_path(environ)}"
    )


def _whole(ak: str | None, sk: str | None, token: str | None, place: str) -> Credentials | None:
    if not ak and not sk:
        return None
    if not ak or not sk:
        raise CredentialsError(f"only one of {place} is set: set both, or neither")
    return Credentials(ak=ak, sk=sk, security_token=token or None)


def _importable(function: Any) -> bool:
    found: Any = sys.modules.get(getattr(function, "__module__", None) or "")
    for part in getattr(function, "__qualname__", "<none>").split("."):
        found = getattr(found, part, None)
    return found is function


def _takes_nothing(function: Callable[..., Any]) -> bool:
    try:
        inspect.signature(function).bind()
    except TypeError:
        return False
    return True
