"""The handlers of tags: add, list, delete, one by one and several at once, and search streams by them [§5.7].

Rules:

1. A stream is named by its id; an id that no stream of the project has is refused with DIS.4603.
2. A request for several tags does all that it asks for, or nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from beam_dis.local.handlers.call import Call, durable
from beam_dis.local.handlers.tag_rules import checked_new_tags, checked_tag
from beam_dis.local.store import Stream
from beam_dis.wire import tags as wire
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.limits import MAX_FOUND_RESOURCES, MAX_SEARCHED_TAGS
from beam_dis.wire.ranges import parse_number


async def create_tag(call: Call, request: wire.CreateTagRequest) -> None:
    """Add a tag to a stream, or give it another value; refused with DIS.4601 if the stream has as many as it may."""
    tag = checked_tag(request.tag)
    await durable(call.store.put_tags(_tagged(call), [tag]))


async def list_stream_tags(call: Call, _: None) -> wire.StreamTags:
    """The tags of a stream, as they were added."""
    return wire.StreamTags(list(_tagged(call).tags))


async def delete_tag(call: Call, _: None) -> None:
    """Delete a tag of a stream; refused with DIS.4604 if the stream doesn't have it."""
    await durable(call.store.delete_tag(_tagged(call), call.names["key"]))


async def batch_create_tags(call: Call, request: wire.ChangeTagsRequest) -> None:
    """Add several tags to a stream; one that is there already gets the new value."""
    if request.action != wire.CREATE:
        raise Refusal(4605, request.action)
    tags = checked_new_tags(request.tags)
    await durable(call.store.put_tags(_tagged(call), tags))


async def batch_delete_tags(call: Call, request: wire.ChangeTagsRequest) -> None:
    """Delete several tags of a stream; one that isn't there counts as deleted."""
    if not request.tags:
        raise Refusal(4200, "there are no tags")
    if not all(tag.key for tag in request.tags):
        raise Refusal(4200, "the key of a tag is empty")
    await durable(call.store.delete_tags(_tagged(call), [tag.key for tag in request.tags]))


async def list_tags(call: Call, _: None) -> wire.ListTagsResult:
    """The keys of all tags in the project with their values, sorted."""
    values: dict[str, set[str]] = defaultdict(set)
    for stream in call.store.streams(call.project):
        for tag in stream.tags:
            values[tag.key].add(tag.value or "")
    return wire.ListTagsResult([wire.TagValues(key, sorted(values[key])) for key in sorted(values)])


async def list_resources_by_tags(call: Call, request: wire.FindResourcesRequest) -> wire.FindResourcesResult:
    """The streams with some tags and without others: a page, sorted by name, or their number."""
    if request.action not in (wire.FILTER, wire.COUNT):
        raise Refusal(4605, request.action)
    limit = _number(request.limit, MAX_FOUND_RESOURCES, range(1, MAX_FOUND_RESOURCES + 1), "limit")
    offset = _number(request.offset, 0, range(2**31), "offset")
    fits = _search(request)
    found = [stream for stream in call.store.streams(call.project) if fits(stream)]
    if request.action == wire.COUNT:
        return wire.FindResourcesResult(len(found))
    page = [
        wire.TaggedResource(stream.stream_id, stream.name, None, list(stream.tags))
        for stream in found[offset : offset + limit]
    ]
    return wire.FindResourcesResult(len(found), page)


def _tagged(call: Call) -> Stream:
    stream_id = call.names["stream_id"]
    stream = call.store.stream(call.project, "", stream_id)
    if stream is None:
        raise Refusal(4603, stream_id)
    return stream


def _search(request: wire.FindResourcesRequest) -> Callable[[Stream], bool]:
    """A function that says whether a stream fits."""
    every, some, not_every, none = (
        _checked_filter(filters or (), name)
        for filters, name in (
            (request.tags, "tags"),
            (request.tags_any, "tags_any"),
            (request.not_tags, "not_tags"),
            (request.not_tags_any, "not_tags_any"),
        )
    )
    names = _names(request.matches)

    def fits(stream: Stream) -> bool:
        return (
            all(name == stream.name for name in names)
            and all(_results(stream, every))
            and (not some or any(_results(stream, some)))
            and not (not_every and all(_results(stream, not_every)))
            and not any(_results(stream, none))
        )

    return fits


def _results(stream: Stream, filters: Iterable[wire.TagValues]) -> Iterable[bool]:
    """Whether the stream has a tag of each key with one of its values."""
    values = {tag.key: tag.value or "" for tag in stream.tags}
    for wanted in filters:
        yield wanted.key in values and (not wanted.values or values[wanted.key] in wanted.values)


def _checked_filter(filters: Sequence[wire.TagValues], name: str) -> Sequence[wire.TagValues]:
    if len(filters) > MAX_SEARCHED_TAGS:
        raise Refusal(4200, f"{name} has {len(filters)} keys, more than {MAX_SEARCHED_TAGS}")
    for wanted in filters:
        if not wanted.key:
            raise Refusal(4200, f"{name} has an empty key")
        if len(wanted.values) > MAX_SEARCHED_TAGS:
            raise Refusal(
                4200, f"{name}: {wanted.key!r} has {len(wanted.values)} values, more than {MAX_SEARCHED_TAGS}"
            )
    return filters


def _names(matches: str | list[wire.ResourceMatch] | None) -> list[str]:
    """The names that a stream must have; text is a name."""
    if isinstance(matches, str):
        return [matches] if matches else []
    for match in matches or ():
        if match.key != wire.RESOURCE_NAME:
            raise Refusal(4200, f"matches: {match.key!r} is not {wire.RESOURCE_NAME}")
    return [match.value or "" for match in matches or ()]


def _number(value: int | str | None, default: int, allowed: range, name: str) -> int:
    number = parse_number(value) if isinstance(value, str) and value else value
    if value in (None, ""):
        return default
    if not isinstance(number, int) or number not in allowed:
        raise Refusal(4200, f"{name} {value!r} is not within {allowed.start} to {allowed.stop - 1}")
    return number
