"""Access keys and tokens: where they are found, and which requests need none.

Rules:

1. Secrets are looked up on the worker when they are used, never while a pipeline is built. They can't be pickled, and no repr
   or error shows them.
2. The first of these that has any wins: ``credentials=`` of the connection; the environment (HUAWEICLOUD_SDK_AK, _SK,
   _SECURITY_TOKEN); the section [basic] of the profile file (~/.huaweicloud/credentials, or
   HUAWEICLOUD_SDK_CREDENTIALS_FILE) [SDK CORE].
3. One that has only half of them is an error, and the next isn't tried.
4. If none has any, requests to a local DIS (``beam_dis.endpoints``) are sent unsigned. For any other endpoint the client asks
   this machine's metadata service (``beam_dis.client.metadata``); if that has none either, nothing is sent.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping
from configparser import ConfigParser, InterpolationError, SectionProxy
from configparser import Error as IniError
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from beam_dis.errors import ConfigurationError, CredentialsError, DISError

_REMEDY = (
    "give credentials= an importable function without arguments that returns Credentials, or set HUAWEICLOUD_SDK_AK and "
    "HUAWEICLOUD_SDK_SK in the environment of the workers"
)
_ENVIRONMENT = ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN")


class _Secret:
    """A value that can't be pickled. A copy of it is the value itself."""

    __slots__ = ()

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        raise CredentialsError(f"{type(self).__name__} is secret and can't be pickled into a pipeline: {_REMEDY}")

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, _memo: Any) -> Any:
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials(_Secret):
    """An access key and its secret key.

    They can't be pickled: a ``DISClient`` takes them as they are, a pipeline takes a function that returns them. The function is
    called again 40 minutes before they expire, or once a minute if they don't say when, and when the service refuses them.

    Args:
        access_key: the access key (AK).
        secret_key: the secret key (SK).
        security_token: belongs to temporary keys.
        expires: when they expire, an aware datetime.
    """

    access_key: str
    secret_key: str = field(repr=False)
    security_token: str | None = field(default=None, repr=False)
    expires: datetime | None = None

    def __post_init__(self) -> None:
        _check_text("Credentials(access_key=…)", self.access_key)
        _check_text("Credentials(secret_key=…)", self.secret_key)
        if self.security_token is not None:
            _check_text("Credentials(security_token=…)", self.security_token)
        _check_expires("Credentials", self.expires)

    def __repr__(self) -> str:
        return f"Credentials(access_key='{self.access_key[:4]}…')"


@dataclass(frozen=True, slots=True, kw_only=True)
class Token(_Secret):
    """A token of the identity service (IAM), sent as X-Auth-Token instead of a signature [API 3.2].

    Like Credentials it can't be pickled: a pipeline takes a function that returns one, such as one that calls ``iam_token``.
    The function is called again as for Credentials.

    Args:
        value: the token.
        expires: when it expires, an aware datetime; new tokens are valid for 24 hours.
    """

    value: str = field(repr=False)
    expires: datetime | None = None

    def __post_init__(self) -> None:
        _check_text("Token(value=…)", self.value)
        _check_expires("Token", self.expires)


CredentialsSource = Credentials | Token | Callable[[], Credentials | Token] | None
"""The values that ``credentials=`` takes."""


def check_source(source: Any) -> None:
    """Raise ConfigurationError unless ``source`` is credentials, or a function that a worker can import and call."""
    if source is None or isinstance(source, Credentials | Token):
        return
    if not callable(source):
        raise ConfigurationError(f"credentials={type(source).__name__}: {_REMEDY}")
    name = f"{getattr(source, '__module__', None)}.{getattr(source, '__qualname__', None)}"
    if not _importable(source):
        raise ConfigurationError(f"credentials={name} can't be imported by a worker: give a function of a module")
    if not _takes_nothing(source):
        raise ConfigurationError(f"credentials={name} needs arguments: give a function that is called without any")


def check_travels(source: CredentialsSource) -> None:
    """Raise ConfigurationError for a function of ``__main__``: a worker's main module is another one."""
    if callable(source) and source.__module__ == "__main__":
        raise ConfigurationError(
            f"credentials=__main__.{source.__qualname__}: workers import the function by its name, and this script isn't "
            "their __main__: put the function into a module of its own, and import it from there"
        )


def found_credentials(
    source: CredentialsSource, environ: Mapping[str, str] | None = None
) -> Credentials | Token | None:
    """The credentials by rule 2; None if there are none.

    Raises:
        CredentialsError: the first place that has any has only half of them, or its function fails.
    """
    environ = os.environ if environ is None else environ
    return _given(source) or _from_environment(environ) or _from_profile(environ)


def no_credentials(endpoint: str, metadata: str, environ: Mapping[str, str] | None = None) -> CredentialsError:
    """Make the error for an endpoint without credentials; ``metadata`` says what the metadata service answered."""
    return CredentialsError(
        f"no credentials for {endpoint}: looked at credentials=, the environment (HUAWEICLOUD_SDK_AK, "
        f"HUAWEICLOUD_SDK_SK), {profile_path(environ)} ([basic] ak, sk) and this machine's metadata service ({metadata}); "
        "only requests to a local DIS, whose endpoint begins with http://, are sent unsigned"
    )


def profile_path(environ: Mapping[str, str] | None = None) -> Path:
    """Where the profile file is. A process without a home directory has none: the path keeps its ``~``."""
    environ = os.environ if environ is None else environ
    path = Path(environ.get("HUAWEICLOUD_SDK_CREDENTIALS_FILE") or "~/.huaweicloud/credentials")
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def profile(environ: Mapping[str, str] | None = None) -> Mapping[str, str]:
    """The section [basic] of the profile file; empty if there is no file or no section.

    It is read as by the vendor's tools [SDK CORE]: UTF-8, names in any case, ``%%`` for a percent sign, [DEFAULT] for all
    sections. Ours: a single percent sign, which those tools refuse, is taken as it is.

    Raises:
        ConfigurationError: the file can't be read.
    """
    path = profile_path(environ)
    parser = ConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, IniError) as error:
        # the error's own text quotes lines of the file, which contain secrets
        raise ConfigurationError(
            f"{path} can't be read as a profile file ({type(error).__name__}): correct it, remove it, or name another with"
            " HUAWEICLOUD_SDK_CREDENTIALS_FILE"
        ) from None
    return {name: _value(parser["basic"], name) for name in parser["basic"]} if parser.has_section("basic") else {}


def _value(section: SectionProxy, name: str) -> str:
    try:
        return section[name]
    except InterpolationError:
        return section.parser.get(section.name, name, raw=True)


def _given(source: CredentialsSource) -> Credentials | Token | None:
    if source is None or isinstance(source, Credentials | Token):
        return source
    name = f"{source.__module__}.{source.__qualname__}"
    try:
        found = source()
    except DISError:
        raise
    except Exception as error:
        raise CredentialsError(f"credentials={name} raised {type(error).__name__}") from error
    if not isinstance(found, Credentials | Token):
        raise CredentialsError(f"credentials={name} returned {type(found).__name__}, not Credentials or a Token")
    return found


def _from_environment(environ: Mapping[str, str]) -> Credentials | None:
    access_key, secret_key, token = (environ.get(name) for name in _ENVIRONMENT)
    _check_no_federation(
        environ.get("HUAWEICLOUD_SDK_IDP_ID"),
        environ.get("HUAWEICLOUD_SDK_ID_TOKEN_FILE"),
        access_key,
        "the environment",
    )
    return _both_keys(access_key, secret_key, token, "HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK in the environment")


def _from_profile(environ: Mapping[str, str]) -> Credentials | None:
    try:
        section = profile(environ)
    except ConfigurationError as error:
        raise CredentialsError(str(error)) from None
    source = str(profile_path(environ))
    _check_no_federation(section.get("idp_id"), section.get("id_token_file"), section.get("ak"), source)
    return _both_keys(section.get("ak"), section.get("sk"), section.get("security_token"), f"ak and sk in {source}")


def _both_keys(access_key: str | None, secret_key: str | None, token: str | None, source: str) -> Credentials | None:
    if not access_key and not secret_key:
        return None
    if not access_key or not secret_key:
        raise CredentialsError(f"only one of {source} is set: set both, or neither")
    try:
        return Credentials(access_key=access_key, secret_key=secret_key, security_token=token or None)
    except CredentialsError as error:
        raise CredentialsError(f"{source} can't be used: {error}") from None


def _check_no_federation(idp_id: str | None, id_token_file: str | None, access_key: str | None, source: str) -> None:
    """Raise CredentialsError if the vendor's tools would log in with an identity provider's token and not with the keys."""
    if idp_id and id_token_file:
        raise CredentialsError(
            f"{source} names an identity provider (idp_id, id_token_file), which is not supported"
            f"{', and takes precedence over the access key' if access_key else ''}: {_REMEDY}"
        )


def _check_text(what: str, value: Any) -> None:
    if not isinstance(value, str) or not value or not value.isascii() or any(c.isspace() for c in value):
        raise CredentialsError(f"{what} is not a str of printable ASCII characters without spaces")


def _check_expires(what: str, value: Any) -> None:
    if value is not None and (not isinstance(value, datetime) or value.tzinfo is None):
        raise CredentialsError(f"{what}(expires={value!r}): give an aware datetime")


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
