import pytest

from beam_dis.local.store import StoredCheckpoint
from beam_dis.wire.error_codes import Refusal


@pytest.fixture
def app(shelf):
    return shelf.store.create_app("p", "reader").result()


def test_an_app_is_found_by_name_in_its_project_after_a_restart(shelf, app):
    shelf.reopen()
    assert (shelf.store.app("p", "reader"), shelf.store.app("q", "reader")) == (app, None)
    assert (app.created_ms, len(app.app_id)) == (1767225600000, 20)


def test_apps_are_listed_by_name(shelf):
    for name in "bca":
        shelf.store.create_app("p", name).result()
    assert [app.name for app in shelf.store.apps("p")] == ["a", "b", "c"]


def test_an_app_s_name_is_given_once(shelf, app):
    with pytest.raises(Refusal, match=r"DIS\.4330"):
        shelf.store.create_app("p", "reader").result()


def test_a_project_has_a_hundred_apps(shelf):
    made = [shelf.store.create_app("p", f"app{n}") for n in range(101)]
    assert [future.exception() is None for future in made] == [True] * 100 + [False]
    assert made[100].exception().code == "DIS.4329"


def test_the_last_checkpoint_counts_and_is_kept(shelf, app):
    stream = shelf.stream()
    for number in (5, 3):
        shelf.store.commit_checkpoint("p", app, stream, 0, number, f"m{number}").result()
    shelf.reopen()
    assert shelf.store.checkpoint("p", app, stream.stream_id, 0) == StoredCheckpoint(3, "m3")


def test_checkpoints_are_those_of_an_app_in_one_stream_or_in_all(shelf, app):
    first, second = shelf.stream(), shelf.stream(name="t", partitions=2)
    shelf.store.commit_checkpoint("p", app, first, 0, 1).result()
    shelf.store.commit_checkpoint("p", app, second, 1, 2).result()
    in_second = {(second.stream_id, 1): StoredCheckpoint(2, None)}
    assert shelf.store.checkpoints("p", app, second.stream_id) == in_second
    assert shelf.store.checkpoints("p", app) == {(first.stream_id, 0): StoredCheckpoint(1, None), **in_second}


def test_a_checkpoint_needs_its_app_and_its_partition(shelf, app):
    stream = shelf.stream()
    out_of_range = shelf.store.commit_checkpoint("p", app, stream, 1, 0).exception()
    shelf.store.delete_app("p", app).result()
    no_app = shelf.store.commit_checkpoint("p", app, stream, 0, 0).exception()
    assert (out_of_range.code, no_app.code) == ("DIS.4302", "DIS.4332")


def test_deleting_one_partition_s_checkpoint_leaves_the_others(shelf, app):
    stream = shelf.stream(partitions=2)
    for partition in (0, 1):
        shelf.store.commit_checkpoint("p", app, stream, partition, 7).result()
    shelf.store.delete_checkpoints("p", app, stream, 0).result()
    assert list(shelf.reopen().checkpoints("p", app)) == [(stream.stream_id, 1)]


def test_deleting_all_of_a_stream_leaves_those_of_another(shelf, app):
    stream, other = shelf.stream(), shelf.stream(name="t")
    for each in (stream, other):
        shelf.store.commit_checkpoint("p", app, each, 0, 7).result()
    shelf.store.delete_checkpoints("p", app, stream, None).result()
    assert list(shelf.reopen().checkpoints("p", app)) == [(other.stream_id, 0)]


@pytest.mark.parametrize("gone", ["app", "stream"])
def test_checkpoints_go_with_their_app_and_with_their_stream(shelf, app, gone):
    stream = shelf.stream()
    shelf.store.commit_checkpoint("p", app, stream, 0, 7).result()
    (shelf.store.delete_app("p", app) if gone == "app" else shelf.store.delete_stream(stream)).result()
    assert shelf.store.checkpoints("p", app) == {}
    assert shelf.reopen().checkpoints("p", app) == {}


def test_deleting_an_app_that_is_gone_is_refused(shelf, app):
    shelf.store.delete_app("p", app).result()
    assert shelf.store.delete_app("p", app).exception().code == "DIS.4332"
