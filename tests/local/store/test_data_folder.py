"""The folder of a store: created if it is missing, and used by one store at a time."""

import time

import pytest

from beam_dis.local.store import StoreError, StoreUnavailable, open_store


def test_a_second_store_in_the_folder_is_refused_with_the_process_that_uses_it(opened):
    with pytest.raises(StoreError, match=r"data is in use by process \d+: stop it, or give another folder$"):
        open_store(opened.folder, clock=opened.clock)


def test_a_folder_is_free_once_its_store_is_closed(opened):
    stream = opened.stream()
    assert opened.reopen().stream("p", "s") == stream


def test_a_folder_that_can_t_be_created_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "data"
    with pytest.raises(StoreError) as caught:
        open_store(folder, clock=time.time)
    assert str(caught.value) == f"{folder} can't hold a store: Not a directory; give a folder that can be written"


def test_closing_a_store_twice_leaves_the_folder_locked_for_its_next_store(tmp_path):
    first = open_store(tmp_path, clock=time.time)
    first.close()
    second = open_store(tmp_path, clock=time.time)
    first.close()
    with pytest.raises(StoreError, match="is in use"):
        open_store(tmp_path, clock=time.time)
    assert second.create_app("p", "a").result().name == "a"
    second.close()


def test_a_change_of_a_closed_store_fails_with_that_reason(tmp_path):
    store = open_store(tmp_path, clock=time.time)
    store.close()
    with pytest.raises(StoreUnavailable, match="the store is closed: open it again"):
        store.create_app("p", "a").result()
