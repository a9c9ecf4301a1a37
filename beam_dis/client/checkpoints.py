"""The operations on checkpoints [§5.3].

A checkpoint is the *next* sequence number that an app will read. The only type is LAST_READ.
"""

from __future__ import annotations

import msgspec

from beam_dis.client.answers import nothing, reading
from beam_dis.client.api import API
from beam_dis.client.arguments import checks_arguments
from beam_dis.errors import TransportError
from beam_dis.wire import checkpoints as wire


class CommittedCheckpoint(msgspec.Struct):
    """A checkpoint: the sequence number that the app reads next, None if it hasn't committed any in the partition."""

    sequence_number: int | None
    metadata: str | None = None


class CheckpointOperations:
    """The methods of ``DISClient`` about checkpoints. All raise the general errors that ``DISClient`` lists."""

    _api: API

    @checks_arguments
    def commit_checkpoint(
        self,
        app_name: str,
        *,
        stream_name: str,
        partition_id: int | str,
        sequence_number: int,
        metadata: str | None = None,
        stream_id: str | None = None,
    ) -> None:
        """Commit the sequence number that an app will read next in a partition [§5.3.1].

        Committing twice has the effect of committing once, so a lost answer is tried again.

        Args:
            app_name: the app.
            stream_name: the stream.
            partition_id: a number or an id.
            sequence_number: 0 to 2^63-1; it may be lower than the one before.
            metadata: up to 1000 characters.
            stream_id: counts if the name isn't found, as for a stream shared by another project.

        Raises:
            AppNotFoundError: there is no such app.
            StreamNotFoundError: there is no such stream.
            PartitionNotFoundError: there is no such partition.
            InvalidRequestError: a value is out of range.
        """
        request = wire.CommitCheckpointRequest(
            app_name=app_name,
            checkpoint_type=wire.LAST_READ,
            stream_name=stream_name,
            partition_id=str(partition_id),
            sequence_number=str(sequence_number),
            metadata=metadata,
            stream_id=stream_id,
        )
        self._api.call("commit_checkpoint", nothing, message=request)

    @checks_arguments
    def get_checkpoint(
        self, app_name: str, *, stream_name: str, partition_id: int | str, stream_id: str | None = None
    ) -> CommittedCheckpoint:
        """Return what an app has committed in a partition [§5.3.2; without a checkpoint the status is 200, SDK].

        Args:
            app_name: the app.
            stream_name: the stream.
            partition_id: a number or an id.
            stream_id: counts if the name isn't found, as for a stream shared by another project.

        Raises:
            AppNotFoundError: there is no such app.
            StreamNotFoundError: there is no such stream.
            PartitionNotFoundError: there is no such partition.
        """
        query = wire.GetCheckpointQuery(
            stream_name=stream_name,
            partition_id=str(partition_id),
            app_name=app_name,
            checkpoint_type=wire.LAST_READ,
            stream_id=stream_id,
        )
        found = self._api.call("get_checkpoint", reading(wire.Checkpoint, may_be_empty=True), message=query)
        return CommittedCheckpoint(number_of(found.sequence_number), found.metadata)

    @checks_arguments
    def delete_checkpoint(self, app_name: str, *, stream_name: str, partition_id: int | str | None = None) -> None:
        """Delete an app's checkpoints in a stream, or in one partition of it, a number or an id [§5.3.3].

        Raises:
            AppNotFoundError: there is no such app.
            StreamNotFoundError: there is no such stream.
            CheckpointNotFoundError: the app has none in the stream.
        """
        partition = None if partition_id is None else str(partition_id)
        query = wire.DeleteCheckpointQuery(
            stream_name=stream_name, app_name=app_name, checkpoint_type=wire.LAST_READ, partition_id=partition
        )
        self._api.call("delete_checkpoint", nothing, message=query)


def number_of(text: str | None) -> int | None:
    """The sequence number of a checkpoint; None for none, which the service also writes as "-1" and ""."""
    try:
        number = int(text or -1)
    except ValueError as error:
        raise TransportError(
            f"the service's checkpoint {text!r} is not a sequence number: check the endpoint"
        ) from error
    return number if number >= 0 else None
