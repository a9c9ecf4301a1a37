"""The client for users: every operation of DIS as a method.

The methods are in the files of their API groups; here is how a client is opened and closed.
"""

from __future__ import annotations

from types import TracebackType
from typing import NoReturn, final

from beam_dis.client.api import API
from beam_dis.client.apps import AppOperations
from beam_dis.client.checkpoints import CheckpointOperations
from beam_dis.client.consumer_groups import ConsumerGroupOperations
from beam_dis.client.dump_tasks import DumpTaskOperations
from beam_dis.client.monitoring import MonitoringOperations
from beam_dis.client.quotas import QuotaOperations
from beam_dis.client.records import RecordOperations
from beam_dis.client.streams import StreamOperations
from beam_dis.client.tags import TagOperations
from beam_dis.connection import DISConnection
from beam_dis.errors import ConfigurationError
from beam_dis.plain_values import described


@final
class DISClient(
    StreamOperations,
    AppOperations,
    CheckpointOperations,
    RecordOperations,
    TagOperations,
    MonitoringOperations,
    QuotaOperations,
    ConsumerGroupOperations,
    DumpTaskOperations,
):
    """A client for one DIS. It is thread-safe and keeps its connections until ``close``, or the end of a ``with`` block.

    Example::

        with DISClient(DISConnection(region="eu-de", project_id="0123…")) as client:
            client.create_stream("flights", partition_count=4)
            client.put_records("flights", [PutRecord(b"…", partition_key="UA")])
            cursor = client.get_cursor("flights", partition_id=0, cursor_type="TRIM_HORIZON")

    Arguments of a wrong type or form raise ConfigurationError before anything is sent. Besides the errors that it lists, each
    method raises AuthenticationError, AccessDeniedError, InvalidRequestError, ThrottledError, ServerError, TransportError if
    no answer came within the connection's deadline (8 s before the first answer), and CredentialsError. Failures that may pass
    are retried first, by the rules of ``beam_dis.client.retry``.

    Args:
        connection: the DIS and the credentials; what it leaves open comes from the environment.
        api: for tests and the adapter, in place of a connection.
    """

    def __init__(self, connection: DISConnection | None = None, *, api: API | None = None) -> None:
        if connection is None:
            connection = DISConnection()
        elif not isinstance(connection, DISConnection):
            raise ConfigurationError(
                f"connection={described(connection)}: give a DISConnection, such as DISConnection(endpoint=…)"
            )
        self._api = api or API(connection.resolved())

    @property
    def connection(self) -> DISConnection:
        """The connection, with endpoint and project."""
        return self._api.connection

    def close(self) -> None:
        """Close the connections. A later operation raises ConfigurationError."""
        self._api.close()

    def __enter__(self) -> DISClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        api = getattr(self, "_api", None)  # not there yet in the traceback of an error of the constructor
        return f"DISClient({api.connection if api else ''})"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a DISClient can't be pickled, because it has connections: make one where it is used, "
            "such as in the setup method of a DoFn, from its DISConnection, which can be pickled"
        )
