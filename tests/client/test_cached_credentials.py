"""Credentials over time: they are kept, and renewed before they expire; if that fails, the old ones are kept."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest

from beam_dis.client.cached_credentials import CachedCredentials, keep_seconds
from beam_dis.connection import DISConnection
from beam_dis.credentials import Credentials, Token
from beam_dis.errors import CredentialsError

NOW = 1_767_225_600.0
HOUR = 3600.0


class Vault:
    """The state of ``vault``, which returns numbered tokens or fails."""

    lifetime = None
    down = False
    calls = 0


def vault():
    Vault.calls += 1
    if Vault.down:
        raise OSError("the vault said hunter2")
    expires = Vault.lifetime and datetime.fromtimestamp(World.now + Vault.lifetime, timezone.utc)
    return Token(value=f"t{Vault.calls}", expires=expires)


class SlowVault:
    """The state of ``slow_vault``, which returns a token once it may."""

    asked, may = threading.Event(), threading.Event()


def slow_vault():
    SlowVault.asked.set()
    SlowVault.may.wait(20)
    return Token(value="t")


class World:
    now = NOW


@pytest.fixture
def keys():
    Vault.lifetime, Vault.down, Vault.calls, World.now = None, False, 0, NOW
    connection = DISConnection(endpoint="https://dis.example", project_id="p", credentials=vault)
    return CachedCredentials(
        connection, metadata=None, monotonic=lambda: World.now, sleep=lambda _: None, random=lambda: 0.5
    )


def values(keys, *waits):
    """The current token after each wait."""
    found = []
    for seconds in waits:
        World.now += seconds
        found.append(keys.current(World.now).value)
    return found


def test_credentials_without_an_expiry_are_renewed_once_a_minute(keys):
    assert values(keys, 0, 59, 2, 59, 2) == ["t1", "t1", "t2", "t2", "t3"]


def test_credentials_with_an_expiry_are_renewed_forty_minutes_before_it(keys):
    Vault.lifetime = 24 * HOUR
    assert values(keys, 0, 23 * HOUR, 19 * 60, 2 * 60, HOUR) == ["t1", "t1", "t1", "t2", "t2"]


def test_if_renewal_fails_the_old_credentials_are_used_until_they_expire(keys, caplog):
    Vault.lifetime = 2 * HOUR
    assert values(keys, 0) == ["t1"]
    Vault.down = True
    assert values(keys, 1.5 * HOUR, 0.4 * HOUR) == ["t1", "t1"]
    assert "can't be renewed, and expire at 2026-01-01T02:00:00+00:00" in caplog.text
    assert "hunter2" not in caplog.text
    World.now += 0.2 * HOUR
    with pytest.raises(CredentialsError, match="vault raised OSError"):
        keys.current(World.now)


def test_a_failing_renewal_is_tried_once_a_minute(keys):
    Vault.lifetime = HOUR
    values(keys, 0)
    Vault.down = True
    values(keys, HOUR / 2, 30, 29, 2)
    assert Vault.calls == 3


def test_credentials_are_renewed_within_a_minute_after_their_source_recovers(keys):
    Vault.lifetime = HOUR
    values(keys, 0)
    Vault.down = True
    values(keys, HOUR / 2)
    Vault.down = False
    assert values(keys, 61) == ["t3"]


def test_refused_credentials_are_renewed_at_once_by_one_thread(keys):
    Vault.lifetime = 24 * HOUR
    refused = keys.current(NOW)
    assert [keys.replace_refused(refused, NOW) for _ in range(3)] == [True] * 3
    assert (Vault.calls, keys.current(NOW).value) == (2, "t2")


def test_refused_credentials_that_cannot_be_renewed_are_not_replaced(keys):
    refused = keys.current(NOW)
    Vault.down = True
    assert keys.replace_refused(refused, NOW) is False


@pytest.mark.parametrize(
    ("left", "kept"),
    [(24 * HOUR, 24 * HOUR - 2400), (2400 + 61, 61), (2400, 60), (61, 60), (30, 30), (0.5, 1), (-HOUR, 1)],
)
def test_how_long_credentials_are_kept(left, kept):
    expires = datetime.fromtimestamp(NOW + left, timezone.utc)
    assert keep_seconds(Credentials(access_key="a", secret_key="s", expires=expires), NOW) == pytest.approx(kept)


def test_a_request_does_not_wait_longer_than_it_may_for_another_threads_look_up():
    connection = DISConnection(endpoint="https://dis.example", project_id="p", credentials=slow_vault)
    keys = CachedCredentials(connection, metadata=None, monotonic=lambda: 0.0, sleep=lambda _: None, random=lambda: 0.5)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(keys.current, NOW)
        SlowVault.asked.wait(20)
        with pytest.raises(CredentialsError, match=r"another thread has looked .* for more than 0\.1 s"):
            keys.current(NOW, 0.1)
        SlowVault.may.set()
        assert first.result().value == "t"
    assert keys.current(NOW, 0.1).value == "t"
