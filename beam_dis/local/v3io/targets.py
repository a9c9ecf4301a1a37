"""What a request is for: the container, the path of the stream and the shard, from the URL and the body.

Rules:

1. Slashes at the beginning and the end, and double ones, mean nothing between names: official clients send them [V].
2. ``StreamName`` and ``ShardId`` may be in the body. Then the path of the URL ends with a slash, and a name has none [D].
3. The name of a stream is in the body only together with its shard, if the function is for a shard [D].
"""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote

from beam_dis.local.v3io.refusals import V3IORefusal
from beam_dis.v3io.messages import INVALID_ARGUMENT, SHARD_OUT_OF_RANGE

_MAX_SHARD_DIGITS = 10


class Target(NamedTuple):
    """What a URL names: the container, the names below it, and whether it ends with a slash."""

    container: str
    names: tuple[str, ...]
    folder: bool


def target_of(raw_path: bytes) -> Target:
    """The target of a URL; refused if its path isn't UTF-8 or has no container."""
    try:
        path = unquote(raw_path.decode("ascii"), errors="strict")
    except UnicodeDecodeError:
        raise V3IORefusal(INVALID_ARGUMENT, "the path of the URL is not UTF-8, percent-encoded") from None
    names = tuple(filter(None, path.split("/")))
    if not names:
        raise V3IORefusal(INVALID_ARGUMENT, "the path of the URL has no container: send /<container>/<path>/")
    return Target(names[0], names[1:], path.endswith("/") or len(names) == 1)


def stream_path(target: Target, stream_name: str | None) -> str:
    """The path of the stream that a function is for."""
    names = target.names if stream_name is None else (*_above(target), _checked_name(stream_name))
    if not names:
        raise V3IORefusal(INVALID_ARGUMENT, "neither the URL nor StreamName names a stream")
    return "/".join(names)


def shard_path(target: Target, stream_name: str | None, shard_id: int | None) -> tuple[str, int]:
    """The path of the stream and the shard that a function is for."""
    if shard_id is not None:
        if shard_id < 0:
            raise V3IORefusal(SHARD_OUT_OF_RANGE, f"ShardId {shard_id} is below 0")
        above = Target(target.container, _above(target), folder=True)
        return stream_path(above, stream_name), shard_id
    if stream_name is not None:
        raise V3IORefusal(INVALID_ARGUMENT, "StreamName is in the body without ShardId: send both, or neither")
    name = target.names[-1] if target.names else ""
    number = shard_number(name)
    if number is None:
        raise V3IORefusal(INVALID_ARGUMENT, f"{name!r} is no shard: end the URL with one, or send ShardId")
    return stream_path(Target(target.container, target.names[:-1], folder=True), None), number


def shard_number(name: str) -> int | None:
    """The shard that a name in a URL is; None if it is none."""
    return int(name) if name.isascii() and name.isdecimal() and len(name) <= _MAX_SHARD_DIGITS else None


def _above(target: Target) -> tuple[str, ...]:
    """The names in the URL, if the rest is in the body."""
    if not target.folder:
        raise V3IORefusal(INVALID_ARGUMENT, "StreamName or ShardId is in the body, and the URL does not end with /")
    return target.names


def _checked_name(name: str) -> str:
    if not name or "/" in name:
        raise V3IORefusal(INVALID_ARGUMENT, f"StreamName {name!r} is empty or has a /: put the folders into the URL")
    return name
