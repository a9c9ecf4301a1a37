"""The operations on consumer groups, which share the partitions of streams among the members of an app [Kafka adapter of the SDK].

A member joins, waits, syncs until it has partitions, and then sends a heartbeat every ten seconds, whose state tells it to go on, to
sync or to join again. Commits of a member name its ``client_id`` and ``generation_id``.
"""

from __future__ import annotations

from collections.abc import Sequence

from beam_dis.client.answers import nothing, reading
from beam_dis.client.api import API
from beam_dis.client.arguments import checks_arguments
from beam_dis.wire import consumer_groups as wire


class ConsumerGroupOperations:
    """The methods of ``DISClient`` about consumer groups. All raise the general errors that ``DISClient`` lists."""

    _api: API

    @checks_arguments
    def join_group(
        self,
        app_name: str,
        *,
        client_id: str,
        stream_names: Sequence[str] | None = None,
        stream_ids: Sequence[str] | None = None,
        stream_pattern: str | None = None,
    ) -> wire.JoinGroupResult:
        """Become a member of an app's group, for some streams.

        Args:
            app_name: the app.
            client_id: the member's own name in the group.
            stream_names: the streams.
            stream_ids: streams by their ids, such as those of other projects.
            stream_pattern: a pattern of names, if no stream is named.

        Returns:
            ``state`` is OK, ERR_SUBSCRIPTION if there are no such streams, or GROUP_NOT_EXIST if there is no such app.
            ``subscription`` has the streams, and ``sync_delayed_time_ms`` says how long to wait before ``sync_group``.

        Raises:
            InvalidRequestError: the group has as many members as partitions (DIS.4339).
        """
        request = wire.JoinGroupRequest(
            client_id=client_id,
            group_id=app_name,
            interested_stream=None if stream_names is None else list(stream_names),
            interested_stream_id_list=None if stream_ids is None else list(stream_ids),
            stream_pattern=stream_pattern,
        )
        return self._api.call("join_group", reading(wire.JoinGroupResult), message=request, app_name=app_name)

    @checks_arguments
    def sync_group(self, app_name: str, *, client_id: str, generation_id: int | None = None) -> wire.SyncGroupResult:
        """Ask for a member's partitions.

        Args:
            app_name: the app.
            client_id: the member.
            generation_id: the last generation that the member knows; None for none.

        Returns:
            ``state`` is OK with the ``generation`` and the ``assignment``, partition numbers by stream; WAITING if other members
            haven't asked yet, REJOIN if it isn't a member, or GROUP_NOT_EXIST if there is no such app.
        """
        return self._api.call(
            "sync_group",
            reading(wire.SyncGroupResult),
            message=wire.SyncGroupRequest(app_name, client_id, _generation(generation_id)),
            app_name=app_name,
            client_id=client_id,
        )

    @checks_arguments
    def group_heartbeat(
        self, app_name: str, *, client_id: str, generation_id: int | None = None
    ) -> wire.HeartbeatResult:
        """Say that a member is alive, at least every thirty seconds.

        Args:
            app_name: the app.
            client_id: the member.
            generation_id: the generation of its partitions; None for none.

        Returns:
            ``state`` is STABLE to go on, SYNCING to call ``sync_group``, JOINING to call ``join_group``, or GROUP_NOT_EXIST if
            there is no such app.
        """
        return self._api.call(
            "group_heartbeat",
            reading(wire.HeartbeatResult),
            message=wire.HeartbeatRequest(app_name, client_id, _generation(generation_id)),
            app_name=app_name,
            client_id=client_id,
        )

    @checks_arguments
    def leave_group(self, app_name: str, *, client_id: str) -> None:
        """Leave a group, so that the other members get the partitions at once; one that isn't a member has left it."""
        self._api.call("leave_group", nothing, app_name=app_name, client_id=client_id)


def _generation(number: int | None) -> int:
    return -1 if number is None else number
