"""pytest fixtures for tests of pipelines: a local DIS for each test, streams on it, and the rows in them.

pytest loads this module in every project in which the package is installed, so it imports the rest of the package only when a
test asks for a fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from beam_dis.local import LocalDIS


@pytest.fixture
def local_dis() -> Iterator[LocalDIS]:
    """An empty LocalDIS on a free port, which stops after the test."""
    from beam_dis.local import LocalDIS

    with LocalDIS() as dis:
        yield dis


@pytest.fixture
def dis_stream(local_dis: LocalDIS) -> Callable[..., str]:
    """A function that creates streams on ``local_dis``: ``dis_stream(partitions=4, data_type="JSON", …)`` returns the name.

    ``name`` is the beginning of the stream's name. ``data_schema`` may be a dict too. ``rows`` are put into the stream: rows by
    its schema, or bytes or text if it has none; ``partition_key`` is the field of the rows with their key. The other arguments
    are those of ``DISClient.create_stream``.
    """
    import json

    from beam_dis.client import DISClient
    from beam_dis.testing.streams import put_rows

    def make(
        name: str = "stream",
        *,
        partitions: int = 1,
        data_schema: str | Mapping[str, Any] | None = None,
        rows: Iterable[Any] = (),
        partition_key: str | None = None,
        **fields: Any,
    ) -> str:
        unique = f"{name}-{token_hex(4)}"
        schema = json.dumps(data_schema) if isinstance(data_schema, Mapping) else data_schema
        with DISClient(local_dis.connection) as client:
            client.create_stream(unique, partition_count=partitions, data_schema=schema, **fields)
            put_rows(client, unique, rows, partition_key)
        return unique

    return make


@pytest.fixture
def dis_rows(local_dis: LocalDIS) -> Callable[[str], list[Any]]:
    """A function that returns the rows of a stream on ``local_dis``: ``dis_rows("late")``.

    They are dicts by the stream's schema, or bytes if it has none; partition by partition, those of each in order.
    """
    from beam_dis.client import DISClient
    from beam_dis.testing.streams import rows_of

    def read(stream: str) -> list[Any]:
        with DISClient(local_dis.connection) as client:
            return rows_of(client, stream)

    return read
