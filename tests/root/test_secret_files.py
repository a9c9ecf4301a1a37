"""A file with keys that other users can read is logged, wherever it is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from beam_dis.credentials import found_credentials
from beam_dis.local.keys import keys_of_file, read_admin_token
from beam_dis.secret_files import warn_if_exposed

SECTION = "[basic]\n"


def read_profile(file: Path) -> None:
    found_credentials(None, {"HUAWEICLOUD_SDK_CREDENTIALS_FILE": str(file)})


READERS = {
    "keys of a server": (SECTION + "access_key = A\nsecret_key = S\n", keys_of_file),
    "admin token": ("token", lambda file: read_admin_token(file, {})),
    "profile": (SECTION + "ak = A\nsk = S\n", read_profile),
}


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o644, 0o620, 0o666])
@pytest.mark.parametrize("kind", READERS)
def test_a_file_that_others_can_use_is_logged_without_its_secrets(tmp_path, logged, kind, mode):
    text, read = READERS[kind]
    file = tmp_path / "file"
    file.write_text(text)
    file.chmod(mode)
    read(file)
    assert logged("secret_files") == [
        f"{file} can be used by other users (mode {mode:o}): it has secrets, so run chmod 600 on it"
    ]


@pytest.mark.parametrize("mode", [0o600, 0o400])
@pytest.mark.parametrize("kind", READERS)
def test_a_private_file_is_not_logged(tmp_path, logged, kind, mode):
    text, read = READERS[kind]
    file = tmp_path / "file"
    file.write_text(text)
    file.chmod(mode)
    read(file)
    assert logged("secret_files") == []


def test_a_file_that_is_missing_is_not_logged(logged):
    warn_if_exposed(Path("/nowhere/keys"))
    assert logged("secret_files") == []
