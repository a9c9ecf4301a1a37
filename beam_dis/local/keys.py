"""The keys and tokens that requests to a server are checked against, and the file that they come from.

Rules:

1. Each section of the file is one caller: its access key and secret key, its token, or all three, and perhaps its project.
2. The name of a section is the caller's name in policies: ``[acme.reader]`` is the user ``reader`` of the account ``acme``.
3. A file that would let in nobody, or one caller as another, is an error. No message shows a secret.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from configparser import ConfigParser, Error, SectionProxy
from dataclasses import dataclass, field
from pathlib import Path

from beam_dis.connection import DISConnection
from beam_dis.credentials import Credentials, Token
from beam_dis.errors import ConfigurationError, CredentialsError
from beam_dis.names import did_you_mean
from beam_dis.secret_files import warn_if_exposed

KEY_VARIABLES = ("BEAM_DIS_ACCESS_KEY", "BEAM_DIS_SECRET_KEY")
TOKEN_VARIABLE = "BEAM_DIS_AUTH_TOKEN"  # noqa: S105 - the name of a variable, not a token
ADMIN_VARIABLE = "BEAM_DIS_ADMIN_TOKEN"
CONSOLE_VARIABLE = "BEAM_DIS_CONSOLE_TOKEN"

_TOKEN = re.compile("[A-Za-z0-9_-]{16,}")

_SETTINGS = ("access_key", "secret_key", "security_token", "auth_token", "project_id")


class KeysError(Exception):
    """The keys or the admin token can't be read, or are incomplete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessKeys:
    """The keys of one caller: an access key and its secret key that it signs with, a token that it sends instead, or both.

    Args:
        name: The caller's name in policies, ``account.user``; "" if it has none.
        project: The only project that the caller may use; None: any that is served.
        access_key: The access key (AK).
        secret_key: The secret key (SK).
        security_token: Belongs to temporary keys: signed requests must send it.
        auth_token: A token that requests may carry instead of a signature.
    """

    name: str = ""
    project: str | None = None
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    security_token: str = field(default="", repr=False)
    auth_token: str = field(default="", repr=False)


def keys_of_environment(environ: Mapping[str, str]) -> tuple[AccessKeys, ...]:
    """The keys and the token in the environment; empty if there are none.

    Raises:
        KeysError: One of the two keys is missing, or one of the secrets can't be sent.
    """
    access, secret, token = (environ.get(name, "") for name in (*KEY_VARIABLES, TOKEN_VARIABLE))
    if not (access or secret or token):
        return ()
    return (_checked(AccessKeys(access_key=access, secret_key=secret, auth_token=token), " and ".join(KEY_VARIABLES)),)


def session_key_of_environment(environ: Mapping[str, str]) -> tuple[AccessKeys, ...]:
    """The access key of V3IO in the environment, which has no secret key and no token; empty if there is none.

    Raises:
        KeysError: There are secrets of DIS without an access key, or it can't be sent in a header.
    """
    access, secret, token = (environ.get(name, "") for name in (*KEY_VARIABLES, TOKEN_VARIABLE))
    if not access and (secret or token):
        raise KeysError(f"V3IO has neither secret keys nor tokens: set {KEY_VARIABLES[0]} instead")
    if access and not _can_be_sent(access):
        raise KeysError(f"{KEY_VARIABLES[0]} is no access key: give printable ASCII characters without spaces")
    return (AccessKeys(access_key=access),) if access else ()


def keys_of_file(file: Path) -> tuple[AccessKeys, ...]:
    """The keys and tokens in a file, one caller for each section.

    Raises:
        KeysError: The file can't be read, or a section isn't the keys of one caller.
    """
    warn_if_exposed(file)
    parser = ConfigParser(interpolation=None)
    try:
        parser.read_string(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise KeysError(f"{file} can't be read ({error.strerror}): it should contain the keys") from None
    except (UnicodeDecodeError, Error) as error:
        # the parser's own messages quote the line, which may contain a secret
        raise KeysError(
            f"{file}: needs a section [basic] with access_key and secret_key ({type(error).__name__})"
        ) from None
    if not parser.sections():
        raise KeysError(f"{file}: needs a section [basic] with access_key and secret_key, and has none")
    found = tuple(_keys_of_section(parser[name], f"{file}: [{name}]") for name in parser.sections())
    _check_distinct(file, found)
    return found


def _keys_of_section(section: SectionProxy, where: str) -> AccessKeys:
    for name in section:
        if name not in _SETTINGS:
            # the name isn't shown: it may be a secret that was put on a line of its own
            known = ", ".join(_SETTINGS)
            raise KeysError(f"{where} has a setting that is none of {known}{did_you_mean(name, _SETTINGS)}")
    given = {name: section.get(name, "") for name in _SETTINGS}
    keys = AccessKeys(name=section.name, project=given.pop("project_id") or None, **given)
    if not (keys.access_key or keys.secret_key or keys.auth_token):
        raise KeysError(
            f"{where} has neither keys nor a token: give access_key and secret_key, auth_token, or all three"
        )
    return _checked(keys, where)


def _checked(keys: AccessKeys, where: str) -> AccessKeys:
    if bool(keys.access_key) != bool(keys.secret_key):
        raise KeysError(f"{where}: give both an access key and a secret key, or neither")
    try:
        if keys.access_key:
            Credentials(
                access_key=keys.access_key,
                secret_key=keys.secret_key,
                security_token=keys.security_token or None,
            )
        if keys.auth_token:
            Token(value=keys.auth_token)
        DISConnection(project_id=keys.project)
    except (CredentialsError, ConfigurationError) as error:
        raise KeysError(f"{where}: {error}") from error
    return keys


def _check_distinct(file: Path, found: tuple[AccessKeys, ...]) -> None:
    for what, values in (
        ("access_key", [keys.access_key for keys in found]),
        ("auth_token", [keys.auth_token for keys in found]),
    ):
        given = [value for value in values if value]
        if len(set(given)) < len(given):
            raise KeysError(f"{file}: two sections have the same {what}, so it isn't clear which caller sends it")


def read_admin_token(file: Path | None, environ: Mapping[str, str]) -> str:
    """The token of the admin routes.

    Raises:
        KeysError: there is no token, or it can't be sent in a header.
    """
    if file is not None:
        warn_if_exposed(file)
    try:
        token = environ.get(ADMIN_VARIABLE, "") if file is None else file.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise KeysError(f"{file} can't be read ({type(error).__name__}): it should contain the admin token") from None
    if not _can_be_sent(token):
        where = ADMIN_VARIABLE if file is None else file
        raise KeysError(f"--admin needs a token, printable ASCII characters without spaces: {where} has none")
    return token


def read_console_token(environ: Mapping[str, str]) -> str:
    """The token of the console: that of the environment, else a new one.

    Raises:
        KeysError: it can't be sent in an address and a cookie.
    """
    token = environ.get(CONSOLE_VARIABLE, "")
    if token and not _TOKEN.fullmatch(token):
        raise KeysError(f"{CONSOLE_VARIABLE} is not a token for the console: give 16 or more letters, digits, - and _")
    return token or secrets.token_urlsafe(24)


def _can_be_sent(token: str) -> bool:
    return bool(token) and token.isascii() and token.isprintable() and " " not in token
