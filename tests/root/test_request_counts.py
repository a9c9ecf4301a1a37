"""Requests are counted for those who cause them, and for nobody else."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from beam_dis.errors import CredentialsError, DISError, TransportError, service_error
from beam_dis.request_counts import RequestCounts, failure_code, note_request


def test_a_request_is_counted_by_operation_with_its_milliseconds() -> None:
    counts = RequestCounts()
    with counts.counting():
        note_request("get_records", 0.0123)
        note_request("get_records", 0.5)
        note_request("describe_stream", 0.02)
        note_request("create_app", 0.001)
    assert counts.take().millis == {"read": [12, 500], "list": [20], "other": [1]}


def test_what_was_taken_is_not_counted_again() -> None:
    counts = RequestCounts()
    counts.note("put_records", 1, TransportError("cut"))
    assert counts.take() == ({"put": [1000]}, {"no_answer": 1})
    assert counts.take() == ({}, {})


def test_a_request_outside_of_a_block_is_counted_nowhere() -> None:
    counts = RequestCounts()
    with counts.counting():
        pass
    note_request("get_records", 1)
    assert counts.take() == ({}, {})


def test_two_threads_that_count_at_the_same_time_have_numbers_of_their_own() -> None:
    both = threading.Barrier(2)

    def work(counts: RequestCounts, operation: str) -> None:
        with counts.counting():
            both.wait(10)
            note_request(operation, 0.001)
            both.wait(10)

    first, second = RequestCounts(), RequestCounts()
    other = threading.Thread(target=work, args=(first, "put_records"))
    other.start()
    work(second, "get_records")
    other.join(10)
    assert (first.take().millis, second.take().millis) == ({"put": [1]}, {"read": [1]})


def test_between_two_items_the_requests_of_others_are_not_counted() -> None:
    def pages() -> Iterator[int]:
        for number in range(2):
            note_request("get_records", 0.001)
            yield number

    counts = RequestCounts()
    for _ in counts.counted_items(pages()):
        note_request("put_records", 0.001)
    assert counts.take().millis == {"read": [1, 1]}


def test_a_counted_function_counts_in_any_thread() -> None:
    counts = RequestCounts()
    thread = threading.Thread(target=counts.counted(note_request), args=("put_records", 0.001))
    thread.start()
    thread.join(10)
    assert counts.take().millis == {"put": [1]}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (service_error("no", code="DIS.4303", status=400), "DIS.4303"),
        (service_error("no", code="", status=503), "HTTP.503"),
        (service_error("no", code="DIS.made up", status=400), "HTTP.400"),
        (service_error("no", code="APIG.0201", status=504), "HTTP.504"),
        (service_error("no", code="", status=12345), "none"),
        (TransportError("cut"), "no_answer"),
        (TransportError("refused", maybe_done=False), "no_connection"),
        (CredentialsError("none"), "none"),
    ],
)
def test_a_failure_has_a_code_of_few(error: DISError, code: str) -> None:
    assert failure_code(error) == code
