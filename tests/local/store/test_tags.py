"""Tags in the store: they are kept over a restart, and a refused change changes nothing."""

from __future__ import annotations

from beam_dis.local.store import Tag


def tags(opened):
    return {tag.key: tag.value for tag in opened.store.stream("p", "s").tags}


def test_tags_are_kept_over_a_restart(opened):
    stream = opened.stream(tags=(Tag("a", "1"),))
    opened.store.put_tags(stream, [Tag("b", "2"), Tag("a", "3")]).result()
    opened.reopen()
    assert tags(opened) == {"a": "3", "b": "2"}
    opened.store.delete_tag(stream, "a").result()
    opened.reopen()
    assert tags(opened) == {"b": "2"}


def test_more_than_ten_tags_are_refused_as_a_whole(opened):
    stream = opened.stream()
    opened.store.put_tags(stream, [Tag(key, "1") for key in "abcdefghi"]).result()
    refused = opened.store.put_tags(stream, [Tag("j", "2"), Tag("k", "2")])
    assert refused.exception().code == "DIS.4601"
    assert set(tags(opened)) == set("abcdefghi")


def test_a_missing_tag_can_be_deleted_in_a_batch_but_not_alone(opened):
    stream = opened.stream(tags=(Tag("a", "1"),))
    assert opened.store.delete_tag(stream, "b").exception().code == "DIS.4604"
    opened.store.delete_tags(stream, ["b", "a"]).result()
    assert tags(opened) == {}


def test_the_tags_of_a_deleted_stream_cannot_be_changed(opened):
    stream = opened.stream()
    opened.store.delete_stream(stream).result()
    changes = [
        opened.store.put_tags(stream, [Tag("a", "1")]),
        opened.store.delete_tag(stream, "a"),
        opened.store.delete_tags(stream, ["a"]),
    ]
    assert {change.exception().code for change in changes} == {"DIS.4603"}
