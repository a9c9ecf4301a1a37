"""Closing a store: what comes after it, and once more."""

from __future__ import annotations

import time

import pytest

from beam_dis.local.store import StoreError, StoreUnavailable, open_store


def test_closing_twice_takes_nothing_from_who_has_the_folder_now(tmp_path):
    first = open_store(tmp_path, clock=time.time)
    first.close()
    second = open_store(tmp_path, clock=time.time)
    first.close()
    with pytest.raises(StoreError, match="is in use"):
        open_store(tmp_path, clock=time.time)
    assert second.create_app("p", "a").result().name == "a"
    second.close()


def test_a_closed_store_says_so(tmp_path):
    store = open_store(tmp_path, clock=time.time)
    store.close()
    with pytest.raises(StoreUnavailable, match="the store is closed"):
        store.create_app("p", "a").result()
