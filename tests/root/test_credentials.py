"""Where credentials come from, and that they are never shown or pickled."""

import copy
import functools
import pickle
from datetime import datetime

import pytest

from beam_dis.connection import DISConnection
from beam_dis.credentials import Credentials, Token, found_credentials, profile, profile_path
from beam_dis.errors import ConfigurationError, CredentialsError

KEYS = Credentials(access_key="given", secret_key="SK")
TOKEN = Token(value="hunter2")


def from_function():
    return Credentials(access_key="function", secret_key="SK")


def of_the_wrong_kind():
    return ("AK", "SK")


def failing():
    raise OSError("the vault said hunter2")


def needing(argument):
    return argument


class Vault:
    def keys(self):
        return KEYS

    @staticmethod
    def static_keys():
        return Credentials(access_key="static", secret_key="SK")


@pytest.fixture
def environ(tmp_path):
    """Makes an environment of variables, with a profile file."""

    def make(profile=None, **fields):
        path = tmp_path / "profile"
        if profile is not None:
            path.write_text(profile, encoding="utf-8")
        names = {f"HUAWEICLOUD_SDK_{name}": value for name, value in fields.items()}
        return {"HUAWEICLOUD_SDK_CREDENTIALS_FILE": str(path), **names}

    return make


PROFILE = "[basic]\nak = profile\nsk = SK%x\nsecurity_token = T\n"


@pytest.mark.parametrize(
    ("source", "profile", "variables", "access_key"),
    [
        (KEYS, PROFILE, {"AK": "env", "SK": "SK"}, "given"),
        (from_function, PROFILE, {"AK": "env", "SK": "SK"}, "function"),
        (Vault.static_keys, None, {}, "static"),
        (None, PROFILE, {"AK": "env", "SK": "SK"}, "env"),
        (None, PROFILE, {"AK": "", "SK": ""}, "profile"),
        (None, PROFILE, {}, "profile"),
    ],
)
def test_the_first_source_that_has_credentials_is_used(source, profile, variables, access_key, environ):
    assert found_credentials(source, environ(profile, **variables)).access_key == access_key


def test_every_source_can_have_a_security_token(environ):
    assert found_credentials(None, environ(PROFILE)) == Credentials(
        access_key="profile", secret_key="SK%x", security_token="T"
    )
    variables = environ(AK="a", SK="s", SECURITY_TOKEN="t")
    assert found_credentials(None, variables) == Credentials(access_key="a", secret_key="s", security_token="t")


@pytest.mark.parametrize(
    ("profile", "variables", "named"),
    [
        (None, {"AK": "a"}, "HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK"),
        (None, {"SK": "s"}, "HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK"),
        ("[basic]\nak = a\n", {}, "ak and sk in .*profile"),
        ("no section\nsk = hunter2\n", {}, "profile can't be read as a profile file"),
    ],
)
def test_the_error_for_incomplete_or_unreadable_credentials_names_their_source(profile, variables, named, environ):
    with pytest.raises(CredentialsError, match=named) as error:
        found_credentials(None, environ(profile, **variables))
    assert "hunter2" not in repr(error.value)
    assert error.value.__cause__ is None


@pytest.mark.parametrize("profile", [None, "", "[other]\nak = a\nsk = s\n"])
def test_without_any_source_there_are_no_credentials(profile, environ):
    assert found_credentials(None, environ(profile)) is None


PROFILES = {
    "names in any case": ("[basic]\nAK = a\nSk: s\n", "s"),
    "a doubled percent sign": ("[basic]\nak=a\nsk=100%%\n", "100%"),
    "a lone percent sign": ("[basic]\nak=a\nsk=100%s\n", "100%s"),
    "defaults for all sections": ("[DEFAULT]\nsk=s\n[basic]\nak=a\n[global]\nak=other\n", "s"),
    "a mark of the encoding": ("\ufeff[basic]\nak=a\nsk=s\n", "s"),
    "comments": ("# mine\n[basic]\n; keys\nak=a\nsk=s#1\n", "s#1"),
}


@pytest.mark.parametrize("name", PROFILES)
def test_a_profile_file_is_read_as_the_vendors_tools_do(name, environ):
    text, secret_key = PROFILES[name]
    assert found_credentials(None, environ(text)) == Credentials(access_key="a", secret_key=secret_key)


@pytest.mark.parametrize("keys", ["", "ak = a\nsk = s\n"])
def test_a_login_by_an_identity_provider_is_refused_and_not_ignored(keys, environ):
    with pytest.raises(CredentialsError, match=r"profile names an identity provider .*not supported"):
        found_credentials(None, environ(f"[basic]\n{keys}idp_id = i\nid_token_file = /f\n"))


@pytest.mark.parametrize(
    "content", [None, b"\xff\xfe[basic]", b"no section\nak=hunter2\n"], ids=["folder", "not UTF-8", "not ini"]
)
def test_a_profile_file_that_cannot_be_read_is_a_configuration_error_with_its_path(content, tmp_path):
    path = tmp_path / "profile"
    path.mkdir() if content is None else path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"{path} can't be read as a profile file") as error:
        profile({"HUAWEICLOUD_SDK_CREDENTIALS_FILE": str(path)})
    assert "hunter2" not in repr(error.value)
    assert error.value.__context__ is None


def test_a_home_that_is_no_folder_has_no_profile_file(monkeypatch):
    monkeypatch.setenv("HOME", "/dev/null")
    assert profile({}).get("ak") is None


def test_a_process_without_a_home_has_no_profile_file(monkeypatch):
    """As in a container whose user has neither HOME nor an entry in /etc/passwd."""
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.getuid", lambda: 987_654)
    assert profile({}).get("ak") is None


def test_a_tilde_in_the_path_of_the_profile_file_is_the_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert profile_path({"HUAWEICLOUD_SDK_CREDENTIALS_FILE": "~/keys"}) == tmp_path / "keys"


@pytest.mark.parametrize(
    ("profile", "variables", "named"),
    [
        (
            None,
            {"AK": "a", "SK": "hunter2\n"},
            "HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK in the environment can't be used",
        ),
        ("[basic]\nak = a\nsk = hunter 2\n", {}, "ak and sk in .*profile can't be used"),
    ],
)
def test_the_error_for_keys_that_cannot_be_sent_names_their_source(profile, variables, named, environ):
    with pytest.raises(CredentialsError, match=named + r": Credentials\(secret_key=…\)") as error:
        found_credentials(None, environ(profile, **variables))
    assert "hunter" not in str(error.value)


@pytest.mark.parametrize("source", [from_function, Vault.static_keys, KEYS, TOKEN, None])
def test_a_function_that_a_worker_can_import_is_a_source(source):
    assert DISConnection(credentials=source).credentials is source


def nested():
    def inner():
        return KEYS

    return inner


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (lambda: KEYS, "can't be imported by a worker"),
        (nested(), "can't be imported by a worker"),
        (Vault().keys, "can't be imported by a worker"),
        (functools.partial(from_function), "can't be imported by a worker"),
        (needing, "needing needs arguments"),
        (("AK", "hunter2"), "credentials=tuple: give credentials= an importable function"),
    ],
)
def test_any_other_source_of_credentials_is_refused_at_construction(source, message):
    with pytest.raises(ConfigurationError, match=message) as error:
        DISConnection(credentials=source)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (of_the_wrong_kind, r"of_the_wrong_kind returned tuple, not Credentials or a Token"),
        (failing, r"failing raised OSError$"),
    ],
)
def test_the_error_for_a_function_without_credentials_names_it(source, message):
    with pytest.raises(CredentialsError, match=message):
        found_credentials(source, {})


@pytest.mark.parametrize("fields", [{"access_key": "", "secret_key": "s"}, {"access_key": "a", "secret_key": None}, {"access_key": "a", "secret_key": "hunter2\n"},
                                    {"access_key": "a", "secret_key": "s", "security_token": ""}])  # fmt: skip
def test_credentials_that_cannot_be_sent_are_refused_without_being_shown(fields):
    with pytest.raises(CredentialsError) as error:
        Credentials(**fields)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("secret", [KEYS, TOKEN])
def test_secrets_cannot_be_pickled_in_any_protocol(protocol, secret):
    with pytest.raises(CredentialsError, match="importable function"):
        pickle.dumps(secret, protocol)


@pytest.mark.parametrize("expires", [7, "2026-01-01", datetime(2026, 1, 1)])  # noqa: DTZ001 - the point
def test_an_expiry_without_a_time_zone_is_refused(expires):
    with pytest.raises(CredentialsError, match="give an aware datetime"):
        Token(value="t", expires=expires)
    with pytest.raises(CredentialsError, match="give an aware datetime"):
        Credentials(access_key="a", secret_key="s", expires=expires)


@pytest.mark.parametrize("value", ["", "a b", "hunter2\n", None, 7])
def test_a_token_that_cannot_be_sent_is_refused_without_being_shown(value):
    with pytest.raises(CredentialsError, match=r"Token\(value=…\)") as error:
        Token(value=value)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("secret", [KEYS, TOKEN])
def test_a_copy_of_a_secret_is_the_same_object(secret):
    assert copy.copy(secret) is copy.deepcopy(secret) is secret
