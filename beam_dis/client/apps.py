"""Operations on apps, the named consumers that own checkpoints [§5.2]; methods of ``DISClient``.

Law: arguments have the wire's names; what is None isn't sent. Besides what each names, all raise the general errors of
``DISClient``.
"""

from __future__ import annotations

from collections.abc import Iterator

from beam_dis.client.answers import reading
from beam_dis.client.session import Session
from beam_dis.wire import apps as wire
from beam_dis.wire.checkpoints import LAST_READ

_LISTED = 100


def create_app(client: Session, app_name: str, *, retry_lost: bool = False) -> None:
    """Make an app of 1 to 200 letters, digits, ``-`` and ``_`` [§5.2.1].

    Raises AlreadyExistsError; QuotaExceededError. With ``retry_lost`` an answer that was lost is tried again, and
    AlreadyExistsError may mean that the first attempt made it.
    """
    client.tell("create_app", message=wire.CreateAppRequest(app_name), retry_lost=retry_lost)


def list_apps(
    client: Session, *, limit: int | None = None, start_app_name: str | None = None, stream_name: str | None = None
) -> wire.ListAppsResult:
    """A page of apps by name: 1 to 100 (10 without ``limit``), those behind ``start_app_name`` [§5.2.2].

    With ``stream_name``, only those with a checkpoint in that stream. ``iter_apps`` goes through all pages.
    """
    return client.ask(
        "list_apps", reading(wire.ListAppsResult), message=wire.ListAppsQuery(limit, start_app_name, stream_name)
    )


def iter_apps(client: Session, *, stream_name: str | None = None) -> Iterator[wire.App]:
    """All apps of the project, by name; with ``stream_name``, those with a checkpoint in that stream."""
    start = None
    while True:
        page = list_apps(client, limit=_LISTED, start_app_name=start, stream_name=stream_name)
        yield from page.apps
        if not page.has_more_app or not page.apps:
            return
        start = page.apps[-1].app_name


def delete_app(client: Session, app_name: str) -> None:
    """Delete an app and its checkpoints [§5.2.3]. Raises AppNotFoundError; InvalidRequestError while it is used (DIS.4331)."""
    client.tell("delete_app", app_name=app_name)


def describe_app(client: Session, app_name: str) -> wire.App:
    """An app, and the streams in which it has committed checkpoints [§5.2.4]. Raises AppNotFoundError."""
    return client.ask("describe_app", reading(wire.App), app_name=app_name)


def consumer_state(
    client: Session,
    app_name: str,
    *,
    stream_name: str,
    limit: int | None = None,
    start_partition_id: str | None = None,
) -> wire.ConsumerStateResult:
    """How far an app is in a stream, partition by partition behind ``start_partition_id`` [§5.2.5].

    1 to 1000 partitions, 100 without ``limit``. ``sequence_number`` is the app's next one as text, "-1" where it has none;
    ``earliest_offset`` and ``latest_offset`` are what the partition holds, the end exclusive.
    Raises AppNotFoundError, StreamNotFoundError, CheckpointNotFoundError where the app has committed nothing.
    """
    query = wire.ConsumerStateQuery(LAST_READ, limit, start_partition_id)
    return client.ask(
        "consumer_state", reading(wire.ConsumerStateResult), message=query, app_name=app_name, stream_name=stream_name
    )


def iter_consumer_states(client: Session, app_name: str, *, stream_name: str) -> Iterator[wire.PartitionConsumingState]:
    """How far an app is in every partition of a stream. Raises as ``consumer_state``."""
    start = None
    while True:
        page = consumer_state(client, app_name, stream_name=stream_name, limit=1000, start_partition_id=start)
        yield from page.partition_consuming_states
        if not page.has_more or not page.partition_consuming_states:
            return
        start = page.partition_consuming_states[-1].partition_id
