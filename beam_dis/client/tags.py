"""The operations on the tags of streams [§5.7].

A stream is named by its id, as in its description. Arguments that are None aren't sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from beam_dis.client.answers import nothing, reading
from beam_dis.client.api import API
from beam_dis.client.arguments import checks_arguments
from beam_dis.wire import tags as wire
from beam_dis.wire.streams import Tag


class TagOperations:
    """The methods of ``DISClient`` about tags. All raise the general errors that ``DISClient`` lists.

    Those that name a stream raise StreamNotFoundError if no stream of the project has that id (DIS.4603).
    """

    _api: API

    @checks_arguments
    def create_tag(self, stream_id: str, *, key: str, value: str = "") -> None:
        """Add a tag to a stream, or give it another value [§5.7.1].

        Args:
            stream_id: the stream's id.
            key: 1 to 36 letters, digits, ``_``, ``-``, ``.`` or Chinese characters.
            value: up to 43 of them.

        Raises:
            StreamNotFoundError: no stream of the project has that id.
            InvalidRequestError: key or value have another form, or the stream has ten tags (DIS.4601).
        """
        self._api.call("create_tag", nothing, message=wire.CreateTagRequest(Tag(key, value)), stream_id=stream_id)

    @checks_arguments
    def list_stream_tags(self, stream_id: str) -> dict[str, str]:
        """Return the tags of a stream, value by key [§5.7.2]. Raises StreamNotFoundError."""
        found = self._api.call("list_stream_tags", reading(wire.StreamTags), stream_id=stream_id)
        return {tag.key: tag.value or "" for tag in found.tags}

    @checks_arguments
    def delete_tag(self, stream_id: str, *, key: str) -> None:
        """Delete a tag of a stream [§5.7.3].

        Raises:
            StreamNotFoundError: no stream of the project has that id.
            TagNotFoundError: the stream has no tag of that key.
        """
        self._api.call("delete_tag", nothing, stream_id=stream_id, key=key)

    @checks_arguments
    def batch_create_tags(self, stream_id: str, *, tags: Mapping[str, str]) -> None:
        """Add several tags to a stream, all or none; a key that is there gets the new value [§5.7.4].

        Args:
            stream_id: the stream's id.
            tags: value by key, in the form of ``create_tag``.

        Raises:
            StreamNotFoundError: no stream of the project has that id.
            InvalidRequestError: a tag has another form, or the stream would have more than ten (DIS.4601).
        """
        self._change(wire.CREATE, stream_id, tags)

    @checks_arguments
    def batch_delete_tags(self, stream_id: str, *, keys: Sequence[str]) -> None:
        """Delete several tags of a stream; one that isn't there counts as deleted [§5.7.7]. Raises StreamNotFoundError."""
        self._change(wire.DELETE, stream_id, dict.fromkeys(keys))

    @checks_arguments
    def list_tags(self) -> dict[str, list[str]]:
        """Return the keys of all tags in the project, each with its values [§5.7.5]."""
        found = self._api.call("list_tags", reading(wire.ListTagsResult))
        return {tag.key: tag.values for tag in found.tags}

    @checks_arguments
    def list_resources_by_tags(
        self,
        *,
        all_tags: Mapping[str, Sequence[str]] | None = None,
        any_tags: Mapping[str, Sequence[str]] | None = None,
        not_all_tags: Mapping[str, Sequence[str]] | None = None,
        not_any_tags: Mapping[str, Sequence[str]] | None = None,
        resource_name: str | None = None,
        limit: int | None = None,
        offset: int | None = None,
        count_only: bool = False,
    ) -> wire.FindResourcesResult:
        """Search for streams by their tags [§5.7.6]; without arguments, for all streams.

        The first four arguments map the key of a tag to the values that count; no values mean any value. Each has up to ten keys
        with up to ten values.

        Args:
            all_tags: the stream has all of these.
            any_tags: the stream has at least one of these.
            not_all_tags: the stream lacks at least one of these.
            not_any_tags: the stream has none of these.
            resource_name: the name of the stream.
            limit: 1 to 1000 streams, the default.
            offset: how many streams to skip.
            count_only: return only how many streams fit; ``resources`` is then None.

        Returns:
            ``total_count`` streams fit, and ``resources`` is a page of them: id, name and tags.
        """
        request = wire.FindResourcesRequest(
            action=wire.COUNT if count_only else wire.FILTER,
            limit=None if limit is None else str(limit),
            offset=None if offset is None else str(offset),
            tags=_filter(all_tags),
            tags_any=_filter(any_tags),
            not_tags=_filter(not_all_tags),
            not_tags_any=_filter(not_any_tags),
            matches=None if resource_name is None else [wire.ResourceMatch(wire.RESOURCE_NAME, resource_name)],
        )
        return self._api.call("list_resources_by_tags", reading(wire.FindResourcesResult), message=request)

    def _change(self, action: str, stream_id: str, tags: Mapping[str, str | None]) -> None:
        request = wire.ChangeTagsRequest(action, [Tag(key, value) for key, value in tags.items()])
        self._api.call(f"batch_{action}_tags", nothing, message=request, stream_id=stream_id)


def _filter(values: Mapping[str, Sequence[str]] | None) -> list[wire.TagValues] | None:
    return None if values is None else [wire.TagValues(key, list(texts)) for key, texts in values.items()]
