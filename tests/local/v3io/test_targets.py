"""The container, the stream and the shard of a request, from the URL and the body."""

from __future__ import annotations

import pytest

from beam_dis.local.v3io.refusals import V3IORefusal
from beam_dis.local.v3io.targets import shard_path, stream_path, target_of


def stream_in(path, name=None):
    target = target_of(path.encode())
    return target.container, stream_path(target, name)


def shard_in(path, name=None, shard=None):
    target = target_of(path.encode())
    return (target.container, *shard_path(target, name, shard))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/c/d/s/", None),
        ("/c/d/s", None),
        ("//c/d/s/", None),
        ("///c//d///s//", None),
        ("/c/d%2Fs/", None),
        ("/%63/%64/s", None),
        ("/c/d/", "s"),
        ("//c//d//", "s"),
    ],
)
def test_a_stream_has_many_spellings(path, name):
    assert stream_in(path, name) == ("c", "d/s")


@pytest.mark.parametrize(("path", "name"), [("/c/", "s"), ("/c", "s"), ("/c/s", None)])
def test_a_stream_may_be_right_in_the_container(path, name):
    assert stream_in(path, name) == ("c", "s")


def test_names_may_have_any_letters():
    assert stream_in("/c/%C3%A4%20b/%2B") == ("c", "ä b/+")


@pytest.mark.parametrize(
    ("path", "name", "shard"),
    [
        ("/c/d/s/7", None, None),
        ("/c/d/s/7/", None, None),
        ("//c/d/s//007/", None, None),
        ("/c/d/s/", None, 7),
        ("/c/d/", "s", 7),
    ],
)
def test_a_shard_has_many_spellings(path, name, shard):
    assert shard_in(path, name, shard) == ("c", "d/s", 7)


@pytest.mark.parametrize(
    ("path", "name", "shard"),
    [
        ("/c/d/s", None, 7),
        ("/c/d", "s", 7),
        ("/c/d/", "s", None),
        ("/c/d/s/", None, None),
        ("/c/d/", "a/s", 7),
        ("/c/d/", "", 7),
        ("/c/7", None, None),
        ("/c/", None, 7),
        ("/c/", None, None),
        ("/c/s/-1", None, None),
        ("/c/s/٣", None, None),
        ("/c/s/99999999999", None, None),
    ],
)
def test_a_shard_that_is_named_in_no_documented_way_is_refused(path, name, shard):
    with pytest.raises(V3IORefusal, match="InvalidArgumentException"):
        shard_in("".join(c if c.isascii() else "%D9%A3" for c in path), name, shard)


def test_a_shard_below_zero_is_out_of_range():
    with pytest.raises(V3IORefusal, match="ShardIDOutOfRangeException"):
        shard_in("/c/s/", None, -1)


@pytest.mark.parametrize("path", ["", "/", "///", "/c/%FF", "/%80/s"])
def test_a_path_without_container_or_of_another_encoding_is_refused(path):
    with pytest.raises(V3IORefusal, match="InvalidArgumentException"):
        stream_in(path)
