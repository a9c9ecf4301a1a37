"""A file of keys gives the callers of a server, and no message about it shows a secret."""

from __future__ import annotations

import pytest

from beam_dis.local.keys import AccessKeys, KeysError, keys_of_environment, keys_of_file

SECRET = "s3cret"


@pytest.fixture
def read(tmp_path):
    def of(text: str) -> tuple[AccessKeys, ...]:
        file = tmp_path / "keys"
        file.touch(0o600)
        file.write_text(text)
        return keys_of_file(file)

    return of


def test_each_section_is_one_caller_in_the_order_of_the_file(read):
    first, second = read(
        "[acme.writer]\naccess_key = A\nsecret_key = S\nsecurity_token = X\nproject_id = p1\n"
        "[other.reader]\nAUTH_TOKEN = T%\n"
    )
    assert first == AccessKeys(name="acme.writer", access_key="A", secret_key="S", security_token="X", project="p1")
    assert second == AccessKeys(name="other.reader", auth_token="T%")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"needs a section \[basic\] with access_key and secret_key, and has none"),
        (f"access_key = {SECRET}", r"needs a section \[basic\] .*\(MissingSectionHeaderError\)"),
        (f"[a]\n{SECRET}", r"needs a section \[basic\] .*\(ParsingError\)"),
        (f"[a]\n{SECRET}==", r"\[a\] has a setting that is none of access_key, secret_key, .*"),
        (f"[a]\naccess_keys = {SECRET}", r"\(did you mean 'access_key'\?\)"),
        ("[a]\n", r"\[a\] has neither keys nor a token"),
        ("[a]\nproject_id = p", r"\[a\] has neither keys nor a token"),
        ("[a]\naccess_key = A", r"\[a\]: give both an access key and a secret key"),
        (f"[a]\nsecret_key = {SECRET}", r"\[a\]: give both an access key and a secret key"),
        (f"[a]\naccess_key = A\nsecret_key = {SECRET}\nsecurity_token = {SECRET} 2", r"\[a\]: .*printable ASCII"),
        ("[a]\nauth_token = T\nproject_id = p/q", r"\[a\]: .*project_id='p/q'.*letters, digits"),
        ("[a]\naccess_key=A\nsecret_key=S\n[b]\naccess_key=A\nsecret_key=R", "two sections have the same access_key"),
        (f"[a]\nauth_token={SECRET}\n[b]\nauth_token={SECRET}", "two sections have the same auth_token"),
    ],
)
def test_a_file_that_can_not_be_used_is_an_error_without_its_secrets(read, text, said):
    with pytest.raises(KeysError, match=said) as raised:
        read(text)
    assert SECRET not in str(raised.value)


def test_secrets_are_not_in_the_repr_of_keys():
    keys = AccessKeys(access_key="A", secret_key=SECRET, security_token=SECRET, auth_token=SECRET)
    assert SECRET not in repr(keys)


def test_the_environment_has_one_caller_or_none():
    environ = {"BEAM_DIS_ACCESS_KEY": "A", "BEAM_DIS_SECRET_KEY": "S"}
    assert keys_of_environment(environ) == (AccessKeys(access_key="A", secret_key="S"),)
    assert keys_of_environment({"BEAM_DIS_AUTH_TOKEN": "T"}) == (AccessKeys(auth_token="T"),)
    assert keys_of_environment({"BEAM_DIS_ACCESS_KEY": ""}) == ()
