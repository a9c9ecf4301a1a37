"""Slow or large requests can't keep a connection open: it is answered and closed."""

from __future__ import annotations

import json
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from beam_dis.local.http.deadlines import (
    ANSWER_SECONDS,
    BODY_SECONDS,
    HEADER_SECONDS,
    IDLE_SECONDS,
    MAX_AHEAD,
    MAX_HEADER_BYTES,
    DeadlineProtocol,
)


class Timer:
    def __init__(self, seconds: float, call: Any) -> None:
        self.seconds, self.call, self.cancelled = seconds, call, False

    def cancel(self) -> None:
        self.cancelled = True


class Loop:
    """Keeps the timers and tasks that it is given."""

    def __init__(self) -> None:
        self.timers: list[Timer] = []
        self.tasks: list[Any] = []

    def call_later(self, seconds: float, call: Any) -> Timer:
        self.timers.append(Timer(seconds, call))
        return self.timers[-1]

    def create_task(self, work: Any, **_: Any) -> Any:
        work.close()
        self.tasks.append(self)
        return self

    def add_done_callback(self, _: Any) -> None:
        pass

    @property
    def armed(self) -> list[float]:
        return [timer.seconds for timer in self.timers if not timer.cancelled]

    def fire(self) -> None:
        [timer] = [timer for timer in self.timers if not timer.cancelled]
        timer.cancel()
        timer.call()


class Transport:
    """Keeps the bytes that are written."""

    def __init__(self) -> None:
        self.written, self.closed, self.reading = b"", False, True

    def write(self, data: bytes) -> None:
        self.written += data

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, _: str) -> None:
        return None

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


@pytest.fixture
def connection():
    async def app(scope, receive, send) -> None:
        pass

    loop, transport = Loop(), Transport()
    config = uvicorn.Config(app, http="httptools", lifespan="off", log_config=None)
    protocol = DeadlineProtocol(config, ServerState(), {}, _loop=loop)
    protocol.connection_made(transport)
    return protocol, loop, transport


HEADERS = b"POST /v2/p/records HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n"


def test_a_connection_without_a_request_is_closed_like_an_idle_one(connection):
    _, loop, transport = connection
    assert loop.armed == [IDLE_SECONDS]
    loop.fire()
    assert (transport.written, transport.closed) == (b"", True)


def test_headers_that_do_not_come_are_answered_408(connection):
    protocol, loop, transport = connection
    protocol.data_received(HEADERS[:30])
    assert loop.armed == [HEADER_SECONDS]
    loop.fire()
    head, _, body = transport.written.partition(b"\r\n\r\n")
    assert (head.split(b"\r\n")[0], transport.closed) == (b"HTTP/1.1 408 Request Timeout", True)
    assert json.loads(body)["errorCode"] == "DIS.4200"


def test_a_body_that_does_not_come_is_answered_408(connection):
    protocol, loop, transport = connection
    protocol.data_received(HEADERS + b"12345")
    assert loop.armed == [BODY_SECONDS]
    loop.fire()
    assert (transport.written[9:12], transport.closed) == (b"408", True)


def test_a_body_that_the_server_does_not_read_is_not_late(connection):
    protocol, loop, transport = connection
    protocol.data_received(HEADERS)
    protocol.flow.pause_reading()
    loop.fire()
    assert (transport.closed, loop.armed) == (False, [BODY_SECONDS])


def test_a_whole_request_has_no_deadline(connection):
    protocol, loop, _ = connection
    protocol.data_received(HEADERS + b"1234567890")
    assert loop.armed == []


def test_the_first_byte_of_the_next_request_starts_its_time(connection):
    protocol, loop, _ = connection
    protocol.data_received(HEADERS + b"1234567890")
    protocol.data_received(b"G")
    assert loop.armed == [HEADER_SECONDS]


def test_headers_over_the_limit_are_refused(connection):
    protocol, _, transport = connection
    protocol.data_received(HEADERS[:-2] + b"x: ")
    for _ in range(MAX_HEADER_BYTES // 1024):
        protocol.data_received(b"y" * 1024)
    assert (transport.written[9:12], transport.closed) == (b"431", True)


def test_a_lost_connection_has_no_deadlines(connection):
    protocol, loop, _ = connection
    protocol.data_received(HEADERS)
    protocol.connection_lost(None)
    assert loop.armed == []


def test_an_answer_that_is_not_read_in_time_ends_the_connection(connection):
    protocol, loop, transport = connection
    protocol.data_received(HEADERS + b"1234567890")
    protocol.pause_writing()
    assert loop.armed == [ANSWER_SECONDS]
    loop.fire()
    assert transport.closed


def test_an_answer_that_was_read_has_no_deadline(connection):
    protocol, loop, _ = connection
    protocol.data_received(HEADERS + b"1234567890")
    protocol.pause_writing()
    protocol.resume_writing()
    assert loop.armed == []


def test_requests_far_ahead_of_their_answers_are_refused(connection):
    protocol, _, transport = connection
    protocol.data_received((HEADERS + b"1234567890") * (MAX_AHEAD + 1))
    assert not transport.closed
    protocol.data_received(HEADERS)
    assert (transport.written[9:12], transport.closed) == (b"400", True)


def test_blank_lines_do_not_keep_a_connection_open(connection):
    """They end uvicorn's keep-alive timer without beginning a request."""
    protocol, loop, _ = connection
    protocol.data_received(HEADERS + b"1234567890")
    protocol.cycle.response_complete = True
    protocol.data_received(b"\r\n")
    assert loop.armed == [IDLE_SECONDS]
