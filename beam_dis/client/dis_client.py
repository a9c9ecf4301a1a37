"""The client as users hold it: every operation of DIS as a method.

Law: a table of contents. The operations are functions of their API group's file, whose first argument is the client.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import final

from beam_dis.backoff import own_random
from beam_dis.client import apps, checkpoints, records, streams
from beam_dis.client.session import Session
from beam_dis.client.transport import HTTPTransport, Transport
from beam_dis.connection import DISConnection


@final
class DISClient(Session):
    """Speaks to one DIS, thread-safe, over pooled connections that ``close`` or a ``with`` block lets go.

    ``connection`` says which DIS and as whom; what it leaves open comes from the environment. ::

        with DISClient(DISConnection(region="eu-de", project_id="0123…")) as client:
            client.create_stream("flights", partition_count=4)
            cursor = client.get_cursor("flights", partition_id="shardId-0000000000", cursor_type="TRIM_HORIZON")

    Every method raises the errors of ``beam_dis.errors``: besides what its own text names, AuthenticationError,
    AccessDeniedError, InvalidRequestError, ThrottledError, ServerError, TransportError where no answer came within the
    connection's deadline (8 s where none ever has), and CredentialsError. Failures that are worth it are tried again first,
    by the rules of ``beam_dis.client.retry``. ``transport``, ``metadata``, clocks, ``sleep`` and ``random`` are for tests.
    """

    def __init__(
        self,
        connection: DISConnection | None = None,
        *,
        transport: Transport | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = own_random,
        metadata: Transport | None = None,
    ) -> None:
        resolved = (connection or DISConnection()).resolved()
        super().__init__(
            resolved,
            transport or HTTPTransport(resolved.endpoint or "", proxy=resolved.proxy, ca_bundle=resolved.ca_bundle),
            clock=clock,
            monotonic=monotonic,
            sleep=sleep,
            random=random,
            metadata=metadata,
        )

    def __enter__(self) -> DISClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"DISClient({self.connection!r})"

    create_stream = streams.create_stream
    list_streams = streams.list_streams
    iter_streams = streams.iter_streams
    delete_stream = streams.delete_stream
    describe_stream = streams.describe_stream
    describe_whole_stream = streams.describe_whole_stream
    update_partition_count = streams.update_partition_count
    update_stream = streams.update_stream
    add_policy = streams.add_policy
    list_policies = streams.list_policies

    create_app = apps.create_app
    list_apps = apps.list_apps
    iter_apps = apps.iter_apps
    delete_app = apps.delete_app
    describe_app = apps.describe_app
    consumer_state = apps.consumer_state
    iter_consumer_states = apps.iter_consumer_states

    commit_checkpoint = checkpoints.commit_checkpoint
    get_checkpoint = checkpoints.get_checkpoint
    delete_checkpoint = checkpoints.delete_checkpoint

    put_records = records.put_records
    get_records = records.get_records
    get_cursor = records.get_cursor
