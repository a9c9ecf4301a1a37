"""Messages about the tags of streams [§5.7].

Paths have the stream's id, not its name. A tag without a value has the value "" (ours).
"""

from __future__ import annotations

from beam_dis.wire.messages import Message, WireAnswer
from beam_dis.wire.streams import Tag

CREATE, DELETE = "create", "delete"
"""What a request for several tags does with them [T5-151, T5-165]."""

FILTER, COUNT = "filter", "count"
"""What a search returns: streams and their number, or their number alone [T5-159]."""

RESOURCE_NAME = "resource_name"
"""The only field that a search can match [T5-159]."""


class CreateTagRequest(Message):
    """POST /v2/{project_id}/stream/{stream_id}/tags [T5-141]; answered 204 without a body."""

    tag: Tag


class StreamTags(WireAnswer):
    """The tags of a stream [T5-145]."""

    tags: list[Tag] = []


class ChangeTagsRequest(Message):
    """POST /v2/{project_id}/stream/{stream_id}/tags/action [T5-151, T5-165]: ``create`` or ``delete``; answered 204.

    To delete a tag, its key is enough.
    """

    action: str
    tags: list[Tag]


class TagValues(Message):
    """A key, and values of it [T5-156, T5-160]; in a search no values mean any value."""

    key: str
    values: list[str] = []


class ListTagsResult(WireAnswer):
    """The tags of all streams of a project [T5-155]."""

    tags: list[TagValues] = []


class ResourceMatch(Message):
    """A field of a stream and the value that it must have."""

    key: str
    value: str | None = None


class FindResourcesRequest(Message):
    """POST /v2/{project_id}/stream/resource_instances/action [T5-159]: search for streams by their tags.

    A stream must have all of ``tags``, one of ``tags_any``, not all of ``not_tags``, and none of ``not_tags_any``; numbers may be
    text. ``matches`` is text in the reference's table and a list in its sample: clients send either [SDK].
    """

    action: str
    limit: int | str | None = None
    offset: int | str | None = None
    tags: list[TagValues] | None = None
    tags_any: list[TagValues] | None = None
    not_tags: list[TagValues] | None = None
    not_tags_any: list[TagValues] | None = None
    matches: str | list[ResourceMatch] | None = None


class TaggedResource(WireAnswer):
    """A stream that a search has found [the sample of §5.7.6]."""

    resource_id: str = ""
    resource_name: str = ""
    resource_detail: str | None = None
    tags: list[Tag] = []


class FindResourcesResult(Message):
    """The number of streams that fit, and a page of them, by name; for ``count`` the number alone (ours)."""

    total_count: int
    resources: list[TaggedResource] | None = None
