"""A stream is listed for its schema when a record doesn't decode, at most once per interval."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest

from beam_dis import DISConnection
from beam_dis.errors import DISError, StreamNotFoundError, TransportError
from beam_dis.read.schema_history import MOST_SCHEMAS, SchemaHistory, StreamSchemas
from beam_dis.stream_service import StreamListing, WriteLimits

CONNECTION = DISConnection(endpoint="http://127.0.0.1:1", project_id="p")


class Described:
    """The stream that a service describes: its schema, or an error."""

    def __init__(self) -> None:
        self.schema, self.count = "A", 0
        self.error: DISError | None = None

    def describe(self, stream: str) -> StreamListing:
        self.count += 1
        if self.error is not None:
            raise self.error
        return StreamListing(stream, "id", "BLOB", self.schema, ",", (), WriteLimits(1, 1, 1), 0)


@pytest.fixture
def described() -> Described:
    return Described()


@pytest.fixture
def refresh(described: Described, now: Any) -> Callable[[], tuple[str, ...]]:
    service: Any = described
    history = SchemaHistory(lambda _: service, clock=now)
    return lambda: history.refresh(CONNECTION, "s", 10.0)


def test_a_stream_is_listed_at_most_once_per_interval(described: Described, now: Any, refresh: Any) -> None:
    assert (refresh(), refresh(), described.count) == (("A",), ("A",), 1)
    described.schema = "B"
    now.seconds += 9.9
    assert (refresh(), described.count) == (("A",), 1)
    now.seconds += 0.2
    assert (refresh(), described.count) == (("B", "A"), 2)


def test_schemas_are_kept_newest_first_up_to_a_number(described: Described, now: Any, refresh: Any) -> None:
    for number in [*range(20), 5]:
        described.schema = f"{number}"
        now.seconds += 11
        refresh()
    assert refresh() == tuple(map(str, (5, *range(19, 5, -1), 4)))
    assert len(refresh()) == MOST_SCHEMAS


def test_a_stream_that_is_not_there_keeps_its_schemas(described: Described, now: Any, refresh: Any) -> None:
    refresh()
    now.seconds += 11
    described.error = StreamNotFoundError("gone")
    assert refresh() == ("A",)


def test_a_failure_of_the_service_is_raised_and_the_stream_listed_again(described: Described, refresh: Any) -> None:
    described.error = TransportError("no answer")
    for _ in range(2):
        with pytest.raises(TransportError):
            refresh()
    described.error = None
    assert (refresh(), described.count) == (("A",), 3)


def test_the_schemas_of_a_stream_can_be_pickled() -> None:
    schemas = StreamSchemas(CONNECTION, "s", 10.0)
    assert pickle.loads(pickle.dumps(schemas)) == schemas
