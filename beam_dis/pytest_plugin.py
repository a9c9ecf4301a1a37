"""pytest fixtures for tests of pipelines: a local DIS for each test, and streams on it.

pytest loads this module in every project in which the package is installed, so it imports the rest of the package only when a
test asks for a fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
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

    ``name`` is the beginning of the stream's name; the other arguments are those of ``DISClient.create_stream``.
    """
    from beam_dis.client import DISClient

    def make(name: str = "stream", *, partitions: int = 1, **fields: Any) -> str:
        unique = f"{name}-{token_hex(4)}"
        with DISClient(local_dis.connection) as client:
            client.create_stream(unique, partition_count=partitions, **fields)
        return unique

    return make
