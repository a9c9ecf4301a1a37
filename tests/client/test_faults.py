"""A put that returns is stored, and a put that raises says whether it may be stored, whatever fails on the way."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis.client import DISClient
from beam_dis.client.api import API
from beam_dis.client.transport import Response
from beam_dis.connection import DISConnection
from beam_dis.errors import DISError, TransportError
from beam_dis.record import PutRecord

STORED = b'{"failed_record_count":0,"records":[{"partition_id":"shardId-0000000000","sequence_number":"0"}]}'

BEFORE = {
    "refused": TransportError("refused", maybe_done=False),
    "cut before": TransportError("cut"),
    "failed": Response(500, {}, b'{"errorCode":"DIS.5000","message":"System error."}'),
    "busy": Response(400, {}, b'{"errorCode":"DIS.4303","message":"slow"}'),
    "too many": Response(429),
}
AFTER = {
    "cut after": TransportError("cut"),
    "gateway": Response(504, {}, b"<html>"),
    "garbled": Response(200, {}, b"<html>"),
}


class FaultyStore:
    """Counts the puts that it stored; each of the given faults occurs once, in order, before or after storing."""

    def __init__(self, faults):
        self.faults = list(faults)
        self.stored = 0

    def send(self, _request):
        fault = self.faults.pop(0) if self.faults else None
        self.stored += fault not in BEFORE
        answer = {**BEFORE, **AFTER}.get(fault, Response(200, {}, STORED))
        if isinstance(answer, Exception):
            raise answer
        return answer

    def renew(self):
        """Has no connections."""

    def close(self):
        """Has nothing to close."""


def put(store, *, retry_lost):
    time = [0.0]
    api = API(
        DISConnection(endpoint="http://127.0.0.1:1", project_id="p"),
        transport=store,
        monotonic=lambda: time[0],
        sleep=lambda seconds: time.append(time.pop() + seconds),
        random=lambda: 1.0,
    )
    try:
        return DISClient(api=api).put_records("s", [PutRecord(b"x")], retry_lost=retry_lost)
    except DISError as error:
        return error


FAULTS = st.lists(st.sampled_from([*BEFORE, *AFTER]), max_size=12)


@settings(deadline=None)
@given(faults=FAULTS)
def test_a_put_that_succeeds_is_stored_exactly_once(faults):
    store = FaultyStore(faults)
    outcome = put(store, retry_lost=False)
    assert store.stored <= 1
    if not isinstance(outcome, DISError):
        assert store.stored == 1
    elif isinstance(outcome, TransportError) and not outcome.maybe_done:
        assert store.stored == 0


@settings(deadline=None)
@given(faults=FAULTS)
def test_a_put_with_retry_lost_that_succeeds_is_stored(faults):
    store = FaultyStore(faults)
    outcome = put(store, retry_lost=True)
    if not isinstance(outcome, DISError):
        assert store.stored >= 1
    elif isinstance(outcome, TransportError) and not outcome.maybe_done:
        assert store.stored == 0


@pytest.mark.parametrize("fault", BEFORE)
def test_a_put_succeeds_after_a_fault_before_storing(fault):
    store = FaultyStore([fault])
    outcome = put(store, retry_lost=fault.startswith("cut"))
    assert (outcome.failed_record_count, store.stored) == (0, 1)
