"""pytest fixtures for tests of pipelines: a local DIS for each test, and streams on it.

Law: pytest loads this in every project where the package is installed, so it imports nothing of the package's until a test
asks for a fixture.
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
    """A LocalDIS of the test's own: empty, on a free port, gone behind the test."""
    from beam_dis.local import LocalDIS

    with LocalDIS() as dis:
        yield dis


@pytest.fixture
def dis_stream(local_dis: LocalDIS) -> Callable[..., str]:
    """Makes streams on ``local_dis``: ``dis_stream(partitions=4, data_type="JSON", …)`` gives the name of a new one.

    ``name`` is what its name begins with; the rest is what ``DISClient.create_stream`` takes.
    """
    from beam_dis.client import DISClient

    def make(name: str = "stream", *, partitions: int = 1, **fields: Any) -> str:
        unique = f"{name}-{token_hex(4)}"
        with DISClient(local_dis.connection) as client:
            client.create_stream(unique, partition_count=partitions, **fields)
        return unique

    return make
