"""The operations on dump tasks, which copy the records of a stream into a bucket or a table [§5.5].

Arguments have the wire's names, and those that are None aren't sent.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from beam_dis.client.answers import nothing, reading
from beam_dis.client.api import API
from beam_dis.client.arguments import checks_arguments
from beam_dis.wire import dump_tasks as wire
from beam_dis.wire.limits import DEFAULT_DELIVER_SECONDS


class DumpTaskOperations:
    """The methods of ``DISClient`` about dump tasks. All raise the general errors that ``DISClient`` lists."""

    _api: API

    @checks_arguments
    def create_dump_task(self, stream_name: str, destination: wire.Destination, *, retry_lost: bool = False) -> None:
        """Create a task that copies the records of a stream [§5.5.1, §5.5.7 to §5.5.10].

        Args:
            stream_name: the stream.
            destination: an ``OBSDestination`` of ``beam_dis.dump_tasks``, which names the task and the bucket; or a DWSDestination,
                MRSDestination, DLIDestination or CloudTableDestination.
            retry_lost: send the request again if its answer is lost. AlreadyExistsError may then mean that the first attempt
                created it.

        Raises:
            StreamNotFoundError: there is no such stream.
            AlreadyExistsError: the stream has a task of that name.
            QuotaExceededError: the stream has five tasks.
            InvalidRequestError: a value is wrong (DIS.4200), there is no such bucket (DIS.4306), it can't be written (DIS.4310),
                or the stream has no schema for parquet (DIS.4360).
        """
        self._api.call(
            "create_dump_task",
            nothing,
            message=_request(destination),
            retry_lost=retry_lost,
            stream_name=stream_name,
        )

    @checks_arguments
    def list_dump_tasks(
        self, stream_name: str, *, limit: int | None = None, start_task_name: str | None = None
    ) -> wire.ListDumpTasksResult:
        """Return the tasks of a stream by name, with their states [§5.5.2]; a stream has at most five.

        Args:
            stream_name: the stream.
            limit: 1 to 100, default 10.
            start_task_name: the list begins after this name.
        """
        query = wire.ListDumpTasksQuery(limit, start_task_name)
        return self._api.call(
            "list_dump_tasks", reading(wire.ListDumpTasksResult), message=query, stream_name=stream_name
        )

    @checks_arguments
    def describe_dump_task(self, stream_name: str, task_name: str) -> wire.DumpTaskDescription:
        """Return a task: its state, its destination, and how far it is in each partition [§5.5.4].

        ``last_transfer_offset`` is the number of the next record to copy, and ``discard`` counts records that were not copied.

        Raises:
            DumpTaskNotFoundError: the stream has no such task.
        """
        return self._api.call(
            "describe_dump_task",
            reading(wire.DumpTaskDescription),
            stream_name=stream_name,
            task_name=task_name,
        )

    @checks_arguments
    def update_dump_task(self, stream_name: str, destination: wire.Destination) -> None:
        """Replace all properties of the task that the destination names, from its next interval on.

        Its position stays, and so does its ``consumer_strategy``. Raises as ``create_dump_task`` does, and DumpTaskNotFoundError.
        """
        self._api.call("update_dump_task", nothing, message=_request(destination), stream_name=stream_name)

    @checks_arguments
    def delete_dump_task(self, stream_name: str, task_name: str) -> None:
        """Delete a task [§5.5.3]. What it has copied stays. Raises DumpTaskNotFoundError."""
        self._api.call("delete_dump_task", nothing, stream_name=stream_name, task_name=task_name)

    @checks_arguments
    def start_dump_tasks(self, stream_name: str, *, task_ids: Sequence[str]) -> None:
        """Start tasks, all or none: they go on with the records that they haven't copied [§5.5.5].

        Args:
            stream_name: the stream.
            task_ids: their ids, which ``list_dump_tasks`` gives; a local DIS takes names too.

        Raises:
            DumpTaskNotFoundError: the stream doesn't have one of the tasks.
        """
        self._act("start_dump_tasks", wire.START, stream_name, task_ids)

    @checks_arguments
    def stop_dump_tasks(self, stream_name: str, *, task_ids: Sequence[str]) -> None:
        """Stop tasks, all or none: they copy nothing until they are started again [§5.5.6]. Raises as ``start_dump_tasks``."""
        self._act("stop_dump_tasks", wire.STOP, stream_name, task_ids)

    def _act(self, operation: str, action: str, stream_name: str, task_ids: Sequence[str]) -> None:
        request = wire.DumpTasksAction(action, [wire.DumpTaskId(task_id) for task_id in task_ids])
        self._api.call(operation, nothing, message=request, stream_name=stream_name)


def _request(destination: wire.Destination) -> wire.DumpTaskRequest:
    """The request for a destination, with the properties that the service requires of every task [T5-82]."""
    complete = msgspec.structs.replace(
        destination,
        agency_name=destination.agency_name or wire.DEFAULT_AGENCY,
        deliver_time_interval=destination.deliver_time_interval or DEFAULT_DELIVER_SECONDS,
    )
    kind = wire.DESCRIPTOR_TYPES[type(destination)]
    return wire.DumpTaskRequest(kind, **{f"{kind.lower()}_destination_descriptor": complete})  # type: ignore[arg-type]
