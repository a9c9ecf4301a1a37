"""Apps and their checkpoints."""

import pytest

from beam_dis.local.store import StoredCheckpoint
from beam_dis.local.store.catalogue import Draft
from beam_dis.wire.error_codes import Refusal


@pytest.fixture
def app(opened):
    return opened.store.create_app("p", "reader").result()


def test_an_app_is_found_by_name_in_its_project_after_a_restart(opened, app):
    opened.reopen()
    assert (opened.store.app("p", "reader"), opened.store.app("q", "reader")) == (app, None)
    assert (app.created_ms, len(app.app_id)) == (1767225600000, 19)


def test_apps_are_listed_by_name(opened):
    for name in "bca":
        opened.store.create_app("p", name).result()
    assert [app.name for app in opened.store.apps("p")] == ["a", "b", "c"]


def test_a_second_app_of_one_name_is_refused(opened, app):
    with pytest.raises(Refusal, match=r"DIS\.4330"):
        opened.store.create_app("p", "reader").result()


def test_a_project_can_have_a_hundred_apps(opened):
    made = [opened.store.create_app("p", f"app{n}") for n in range(101)]
    assert [future.exception() is None for future in made] == [True] * 100 + [False]
    assert made[100].exception().code == "DIS.4329"


def test_the_last_checkpoint_replaces_the_one_before_it(opened, app):
    stream = opened.stream()
    for number in (5, 3):
        opened.store.commit_checkpoint("p", app, stream, 0, number, f"m{number}").result()
    opened.reopen()
    assert opened.store.checkpoint("p", app, stream.stream_id, 0) == StoredCheckpoint(3, "m3")


def test_checkpoints_of_an_app_are_found_in_one_stream_or_in_all(opened, app):
    first, second = opened.stream(), opened.stream(name="t", partitions=2)
    opened.store.commit_checkpoint("p", app, first, 0, 1).result()
    opened.store.commit_checkpoint("p", app, second, 1, 2).result()
    in_second = {(second.stream_id, 1): StoredCheckpoint(2, None)}
    assert opened.store.checkpoints("p", app, second.stream_id) == in_second
    assert opened.store.checkpoints("p", app) == {(first.stream_id, 0): StoredCheckpoint(1, None), **in_second}


def test_a_checkpoint_needs_its_app_and_its_partition(opened, app):
    stream = opened.stream()
    out_of_range = opened.store.commit_checkpoint("p", app, stream, 1, 0).exception()
    opened.store.delete_app("p", app).result()
    no_app = opened.store.commit_checkpoint("p", app, stream, 0, 0).exception()
    assert (out_of_range.code, no_app.code) == ("DIS.4302", "DIS.4332")


def test_deleting_one_partition_s_checkpoint_leaves_the_others(opened, app):
    stream = opened.stream(partitions=2)
    for partition in (0, 1):
        opened.store.commit_checkpoint("p", app, stream, partition, 7).result()
    opened.store.delete_checkpoints("p", app, stream, 0).result()
    assert list(opened.reopen().checkpoints("p", app)) == [(stream.stream_id, 1)]


def test_deleting_one_checkpoint_does_not_look_at_the_others(opened, app, monkeypatch):
    stream = opened.stream()
    opened.store.commit_checkpoint("p", app, stream, 0, 7).result()
    monkeypatch.delattr(Draft, "checkpoint_keys")
    for _ in range(2):
        opened.store.delete_checkpoints("p", app, stream, 0).result()
    assert opened.store.checkpoints("p", app) == {}


def test_deleting_all_checkpoints_in_a_stream_leaves_those_in_another(opened, app):
    stream, other = opened.stream(), opened.stream(name="t")
    for each in (stream, other):
        opened.store.commit_checkpoint("p", app, each, 0, 7).result()
    opened.store.delete_checkpoints("p", app, stream, None).result()
    assert list(opened.reopen().checkpoints("p", app)) == [(other.stream_id, 0)]


@pytest.mark.parametrize("deleted", ["app", "stream"])
def test_checkpoints_are_deleted_with_their_app_or_stream(opened, app, deleted):
    stream = opened.stream()
    opened.store.commit_checkpoint("p", app, stream, 0, 7).result()
    (opened.store.delete_app("p", app) if deleted == "app" else opened.store.delete_stream(stream)).result()
    assert opened.store.checkpoints("p", app) == {}
    assert opened.reopen().checkpoints("p", app) == {}


def test_deleting_an_app_twice_is_refused(opened, app):
    opened.store.delete_app("p", app).result()
    assert opened.store.delete_app("p", app).exception().code == "DIS.4332"
