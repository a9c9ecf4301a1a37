"""Access keys and tokens: where they are found, and which requests need none.

Rules:

1. Secrets are looked up on the worker when they are used, never while a pipeline is built. They can't be pickled, and no repr,
   error or local variable of an error's traceback shows them.
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
from beam_dis.secret_files import warn_if_exposed
from beam_dis.texts import HiddenSettings

_REMEDY = (
    "give credentials= an importable function without arguments that returns Credentials, or set HUAWEICLOUD_SDK_AK and "
    "HUAWEICLOUD_SDK_SK in the environment of the workers"
)
_NOT_A_WORD = "is not a str of printable ASCII characters without spaces"
_ENVIRONMENT = ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN")


class _Unpicklable:
    """A value that can't be pickled. A copy of it is the value itself."""

    __slots__ = ()

    def __reduce_ex__(self, _protocol: Any) -> NoReturn:
        raise CredentialsError(f"{type(self).__name__} is secret and can't be pickled into a pipeline: {_REMEDY}")

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, _memo: Any) -> Any:
        return self


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Credentials(_Unpicklable):
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

    def __init__(
        self,
        *,
        access_key: str,
        secret_key: str,
        security_token: str | None = None,
        expires: datetime | None = None,
    ) -> None:
        wrong = [name for name, key in (("access_key", access_key), ("secret_key", secret_key)) if not _is_word(key)]
        if security_token is not None and not _is_word(security_token):
            wrong.append("security_token")
        object.__setattr__(self, "access_key", access_key)
        object.__setattr__(self, "secret_key", secret_key)
        object.__setattr__(self, "security_token", security_token)
        object.__setattr__(self, "expires", expires)
        del access_key, secret_key, security_token  # printers of tracebacks show local variables
        if wrong:
            raise CredentialsError(f"Credentials({wrong[0]}=…) {_NOT_A_WORD}")
        _check_expires("Credentials", expires)

    def __repr__(self) -> str:
        return f"Credentials(access_key='{str(self.access_key)[:4]}…')"


@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class Token(_Unpicklable):
    """A token of the identity service (IAM), sent as X-Auth-Token instead of a signature [API 3.2].

    Like Credentials it can't be pickled: a pipeline takes a function that returns one, such as one that calls ``iam_token``.
    The function is called again as for Credentials.

    Args:
        value: the token.
        expires: when it expires, an aware datetime; new tokens are valid for 24 hours.
    """

    value: str = field(repr=False)
    expires: datetime | None = None

    def __init__(self, *, value: str, expires: datetime | None = None) -> None:
        is_word = _is_word(value)
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "expires", expires)
        del value  # as above
        if not is_word:
            raise CredentialsError(f"Token(value=…) {_NOT_A_WORD}")
        _check_expires("Token", expires)


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
    return given_credentials(source) or _from_environment(environment(environ)) or _from_profile(environment(environ))


def environment(given: Mapping[str, str] | HiddenSettings | None = None) -> HiddenSettings:
    """The environment that is given, by default this process's. It contains secrets, and its repr shows none."""
    if isinstance(given, HiddenSettings):
        return given
    return HiddenSettings(os.environ if given is None else given)


def no_credentials(endpoint: str, metadata: str, environ: Mapping[str, str] | None = None) -> CredentialsError:
    """Make the error for an endpoint without credentials; ``metadata`` says what the metadata service answered."""
    return CredentialsError(
        f"no credentials for {endpoint}: looked at credentials=, the environment (HUAWEICLOUD_SDK_AK, "
        f"HUAWEICLOUD_SDK_SK), {profile_path(environ)} ([basic] ak, sk) and this machine's metadata service ({metadata}); "
        "only requests to a local DIS, whose endpoint begins with http://, are sent unsigned"
    )


def profile_path(environ: Mapping[str, str] | HiddenSettings | None = None) -> Path:
    """Where the profile file is. A process without a home directory has none: the path keeps its ``~``."""
    path = Path(environment(environ).get("HUAWEICLOUD_SDK_CREDENTIALS_FILE") or "~/.huaweicloud/credentials")
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def credentials_of_profile(name: str, environ: Mapping[str, str] | None = None) -> Credentials | None:
    """The keys in the section of this name of the profile file; None if it has none.

    Raises:
        CredentialsError: the section has only half of them, or they can't be sent.
        ConfigurationError: there is no such section, or the file can't be read.
    """
    variables = environment(environ)
    if not profile(variables, name):
        raise ConfigurationError(
            f"{profile_path(variables)} has no section [{name}] with any value: add it with ak and sk, and perhaps project_id"
            " and region"
        )
    return _from_profile(variables, name)


def profile(environ: Mapping[str, str] | HiddenSettings | None = None, name: str = "basic") -> HiddenSettings:
    """A section of the profile file, by default [basic]; empty if there is no file or no section.

    It is read as by the vendor's tools [SDK CORE]: UTF-8, names in any case, ``%%`` for a percent sign, [DEFAULT] for all
    sections. Ours: a single percent sign, which those tools refuse, is taken as it is.

    Raises:
        ConfigurationError: the file can't be read.
    """
    path = profile_path(environ)
    parser = ConfigParser()
    problem = ""
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        return HiddenSettings({})
    except (OSError, ValueError, IniError) as error:
        problem = type(error).__name__
    if problem:  # outside of the except: the error's text and local variables quote the file, which contains secrets
        raise ConfigurationError(
            f"{path} can't be read as a profile file ({problem}): correct it, remove it, or name another with"
            " HUAWEICLOUD_SDK_CREDENTIALS_FILE"
        )
    if not parser.has_section(name):
        return HiddenSettings({})
    return HiddenSettings({key: _value(parser[name], key) for key in parser[name]})


def _value(section: SectionProxy, name: str) -> str:
    try:
        return section[name]
    except InterpolationError:
        return section.parser.get(section.name, name, raw=True)


def given_credentials(source: CredentialsSource) -> Credentials | Token | None:
    """The credentials of ``credentials=`` alone; None if it is None.

    Raises:
        CredentialsError: the function fails, or returns something else.
    """
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


def _from_environment(variables: HiddenSettings) -> Credentials | None:
    _check_no_federation(
        variables, "HUAWEICLOUD_SDK_IDP_ID", "HUAWEICLOUD_SDK_ID_TOKEN_FILE", _ENVIRONMENT[0], source="the environment"
    )
    source = "HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK in the environment"
    return _both_keys(variables, *_ENVIRONMENT, source=source)


def _from_profile(environ: HiddenSettings, name: str = "basic") -> Credentials | None:
    problem = ""
    try:
        section = profile(environ, name)
    except ConfigurationError as error:
        problem = str(error)
    if problem:
        raise CredentialsError(problem)
    path = str(profile_path(environ)) if name == "basic" else f"[{name}] of {profile_path(environ)}"
    if section.get("ak") is not None:
        warn_if_exposed(profile_path(environ))
    _check_no_federation(section, "idp_id", "id_token_file", "ak", source=path)
    return _both_keys(section, "ak", "sk", "security_token", source=f"ak and sk in {path}")


def _both_keys(
    settings: HiddenSettings, access_key: str, secret_key: str, token: str, *, source: str
) -> Credentials | None:
    """The credentials in the settings of these names; None if there are none."""
    given = [settings.get(name) is not None for name in (access_key, secret_key)]
    if not any(given):
        return None
    if not all(given):
        raise CredentialsError(f"only one of {source} is set: set both, or neither")
    problem = ""
    try:
        return Credentials(
            access_key=settings.get(access_key) or "",
            secret_key=settings.get(secret_key) or "",
            security_token=settings.get(token),
        )
    except CredentialsError as error:
        problem = str(error)
    raise CredentialsError(f"{source} can't be used: {problem}")


def _check_no_federation(
    settings: HiddenSettings, idp_id: str, id_token_file: str, access_key: str, *, source: str
) -> None:
    """Raise CredentialsError if the vendor's tools would log in with an identity provider's token and not with the keys."""
    if settings.get(idp_id) and settings.get(id_token_file):
        raise CredentialsError(
            f"{source} names an identity provider (idp_id, id_token_file), which is not supported"
            f"{', and takes precedence over the access key' if settings.get(access_key) else ''}: {_REMEDY}"
        )


def _is_word(value: Any) -> bool:
    """Whether a value can be sent in a header, and signed."""
    return isinstance(value, str) and bool(value) and value.isascii() and value.isprintable() and " " not in value


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
