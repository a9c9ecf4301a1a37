"""A client of a V3IO in memory, with a clock that only pauses advance."""

import pytest
from fake_v3io import FakeV3IO

from beam_dis.credentials import Token
from beam_dis.v3io.client import V3IOClient
from beam_dis.v3io.connection import V3IOConnection


@pytest.fixture
def v3io():
    """The service: the container ``c`` with a stream ``a/b`` of one shard."""
    return FakeV3IO()


@pytest.fixture
def connect(v3io):
    """Makes a client of it; the fields are the connection's."""

    def client(**fields):
        fields = {
            "endpoint": "https://v3io.example",
            "container": "c",
            "credentials": Token(value="the-key"),
            **fields,
        }
        time = v3io.time
        return V3IOClient(
            V3IOConnection(**fields),
            transport=v3io,
            clock=time.now,
            monotonic=time.now,
            sleep=time.sleep,
            random=lambda: 0.5,
        )

    return client


@pytest.fixture
def client(connect):
    return connect()
