"""Operations on checkpoints [§5.3]; methods of ``DISClient``.

Law: a checkpoint is the *next* sequence number an app will read. The only type is LAST_READ. Besides what each names, all
raise the general errors of ``DISClient``.
"""

from __future__ import annotations

from beam_dis.client.answers import reading
from beam_dis.client.session import Session
from beam_dis.wire import checkpoints as wire


def commit_checkpoint(
    client: Session,
    app_name: str,
    *,
    stream_name: str,
    partition_id: str,
    sequence_number: int,
    metadata: str | None = None,
    stream_id: str | None = None,
) -> None:
    """Keep the sequence number that an app will read next in a partition [§5.3.1].

    The service takes any number of 0 to 2^63-1, also a lower one than before; ``metadata`` has 1000 characters at most.
    Repeating it is harmless, so a lost answer is tried again.
    Raises AppNotFoundError, StreamNotFoundError, PartitionNotFoundError, InvalidRequestError.
    """
    request = wire.CommitCheckpointRequest(
        app_name=app_name,
        checkpoint_type=wire.LAST_READ,
        stream_name=stream_name,
        partition_id=partition_id,
        sequence_number=str(sequence_number),
        metadata=metadata,
        stream_id=stream_id,
    )
    client.tell("commit_checkpoint", message=request)


def get_checkpoint(
    client: Session, app_name: str, *, stream_name: str, partition_id: str, stream_id: str | None = None
) -> wire.Checkpoint:
    """What an app has committed in a partition; ``sequence_number`` is None where nothing [§5.3.2; the status is 200, SDK].

    Raises AppNotFoundError, StreamNotFoundError, PartitionNotFoundError.
    """
    query = wire.GetCheckpointQuery(stream_name, partition_id, app_name, wire.LAST_READ, stream_id)
    return client.ask("get_checkpoint", reading(wire.Checkpoint, may_be_empty=True), message=query)


def delete_checkpoint(client: Session, app_name: str, *, stream_name: str, partition_id: str | None = None) -> None:
    """Forget what an app has committed in a partition, or in all of a stream [§5.3.3].

    Raises AppNotFoundError, StreamNotFoundError, CheckpointNotFoundError where the app has nothing in the stream.
    """
    client.tell(
        "delete_checkpoint", message=wire.DeleteCheckpointQuery(stream_name, app_name, wire.LAST_READ, partition_id)
    )
