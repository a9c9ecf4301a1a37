"""The operations on apps, the named consumers that own checkpoints [§5.2].

Arguments have the wire's names, and those that are None aren't sent.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from beam_dis.client.answers import nothing, reading
from beam_dis.client.api import API
from beam_dis.client.arguments import checks_arguments
from beam_dis.client.checkpoints import number_of
from beam_dis.wire import apps as wire
from beam_dis.wire.checkpoints import LAST_READ

_LISTED = 100
_STATES = 1000


class PartitionProgress(msgspec.Struct):
    """How far an app has read one partition.

    ``partition_id`` is the bare number, as the service gives it. ``sequence_number`` is the one that the app reads next, None if
    it hasn't committed any. ``earliest_offset`` and ``latest_offset`` are the ends of the partition, the second exclusive.
    """

    partition_id: str
    sequence_number: int | None
    earliest_offset: int
    latest_offset: int
    checkpoint_type: str
    status: str | None
    metadata: str | None


class AppProgress(msgspec.Struct):
    """How far an app has read a stream: a page of its partitions, by number."""

    stream_name: str
    app_name: str
    partition_consuming_states: list[PartitionProgress]
    has_more: bool


class AppOperations:
    """The methods of ``DISClient`` about apps. All raise the general errors that ``DISClient`` lists."""

    _api: API

    @checks_arguments
    def create_app(self, app_name: str, *, retry_lost: bool = False) -> None:
        """Create an app [§5.2.1].

        Args:
            app_name: 1 to 200 letters, digits, ``-`` and ``_``.
            retry_lost: send the request again if its answer is lost. AlreadyExistsError may then mean that the first attempt
                created it.

        Raises:
            AlreadyExistsError: the name is taken.
            QuotaExceededError: the project's apps are used up.
        """
        self._api.call("create_app", nothing, message=wire.CreateAppRequest(app_name), retry_lost=retry_lost)

    @checks_arguments
    def list_apps(
        self, *, limit: int | None = None, start_app_name: str | None = None, stream_name: str | None = None
    ) -> wire.ListAppsResult:
        """Return a page of apps by name [§5.2.2]; ``iter_apps`` goes through all pages.

        Args:
            limit: 1 to 100, default 10.
            start_app_name: the page begins after this name.
            stream_name: only the apps with a checkpoint in this stream.
        """
        return self._api.call(
            "list_apps", reading(wire.ListAppsResult), message=wire.ListAppsQuery(limit, start_app_name, stream_name)
        )

    @checks_arguments
    def iter_apps(self, *, stream_name: str | None = None) -> Iterator[wire.AppInfo]:
        """Yield all apps of the project, by name; with ``stream_name``, those with a checkpoint in that stream."""
        start = None
        while True:
            page = self.list_apps(limit=_LISTED, start_app_name=start, stream_name=stream_name)
            yield from page.apps
            if not page.has_more_app or not page.apps:
                return
            start = page.apps[-1].app_name

    @checks_arguments
    def delete_app(self, app_name: str) -> None:
        """Delete an app and its checkpoints [§5.2.3].

        Raises:
            AppNotFoundError: there is no such app.
            InvalidRequestError: it is in use (DIS.4331).
        """
        self._api.call("delete_app", nothing, app_name=app_name)

    @checks_arguments
    def describe_app(self, app_name: str) -> wire.AppInfo:
        """Return an app, and the streams in which it has committed checkpoints [§5.2.4]. Raises AppNotFoundError."""
        return self._api.call("describe_app", reading(wire.AppInfo), app_name=app_name)

    @checks_arguments
    def consumer_state(
        self,
        app_name: str,
        *,
        stream_name: str,
        limit: int | None = None,
        start_partition_id: int | str | None = None,
    ) -> AppProgress:
        """Return how far an app has read a stream, for a page of its partitions [§5.2.5].

        ``iter_consumer_states`` goes through all partitions.

        Args:
            app_name: the app.
            stream_name: the stream.
            limit: 1 to 1000 partitions, default 100.
            start_partition_id: the page begins after this partition, a number or an id.

        Raises:
            AppNotFoundError: there is no such app.
            StreamNotFoundError: there is no such stream.
        """
        start = None if start_partition_id is None else str(start_partition_id)
        page = _state_page(self._api, app_name, stream_name, limit, start)
        return AppProgress(
            stream_name=page.stream_name,
            app_name=page.app_name,
            partition_consuming_states=[_progress(state) for state in page.partition_consuming_states],
            has_more=page.has_more,
        )

    @checks_arguments
    def iter_consumer_states(self, app_name: str, *, stream_name: str) -> Iterator[PartitionProgress]:
        """Yield how far an app has read each partition of a stream. Raises as ``consumer_state`` does."""
        start = None
        while True:
            page = _state_page(self._api, app_name, stream_name, _STATES, start)
            yield from map(_progress, page.partition_consuming_states)
            if not page.has_more or not page.partition_consuming_states:
                return
            start = page.partition_consuming_states[-1].partition_id


def _state_page(
    api: API, app_name: str, stream_name: str, limit: int | None, start: str | None
) -> wire.ConsumerStateResult:
    """Return a page; ``start`` is a partition as the service named it, or its id."""
    return api.call(
        "consumer_state",
        reading(wire.ConsumerStateResult),
        message=wire.ConsumerStateQuery(LAST_READ, limit, start),
        app_name=app_name,
        stream_name=stream_name,
    )


def _progress(state: wire.PartitionConsumingState) -> PartitionProgress:
    return PartitionProgress(
        partition_id=state.partition_id,
        sequence_number=number_of(state.sequence_number),
        earliest_offset=state.earliest_offset,
        latest_offset=state.latest_offset,
        checkpoint_type=state.checkpoint_type,
        status=state.status,
        metadata=state.metadata,
    )
