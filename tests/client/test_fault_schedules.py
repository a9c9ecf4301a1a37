"""For every finite schedule of faults, the client returns the right result or raises the right error."""

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beam_dis.client import DISClient
from beam_dis.client.api import API
from beam_dis.connection import DISConnection
from beam_dis.errors import DISError, InvalidRequestError, ServerError, TransportError
from beam_dis.local import LocalDIS
from beam_dis.record import PutRecord
from beam_dis.testing import (
    ClockSkew,
    CutAnswer,
    Failing,
    Latency,
    RecordsRefused,
    RequestRefused,
    Reset,
    Throttled,
    WrongContentType,
    WrongJSON,
)

pytestmark = pytest.mark.integration

P0 = "shardId-0000000000"
NAMES = (f"s{number}" for number in itertools.count())
WHEN = st.sampled_from(["before", "after"])


@pytest.fixture(scope="module")
def dis():
    with LocalDIS(access_key="AK", secret_key="SK") as dis:
        yield dis


@pytest.fixture(scope="module")
def client(dis):
    connection = DISConnection(
        endpoint=dis.endpoint, project_id="p", credentials=dis.connection.credentials, timeout=5.0
    )
    with DISClient(api=API(connection, sleep=lambda _: None)) as client:
        client.create_app("a")
        yield client


def passing(kind, operation, **fields):
    """A fault that ends: it affects at most a few calls, chosen by rate and seed, or by number."""
    chosen = st.one_of(
        st.fixed_dictionaries({"rate": st.floats(0.1, 1.0), "seed": st.integers(0, 99), "count": st.integers(1, 3)}),
        st.fixed_dictionaries({"nth": st.integers(1, 3)}),
    )
    return st.builds(lambda given, chosen: kind(operation=operation, **given, **chosen), st.fixed_dictionaries(fields), chosen)  # fmt: skip


def faults_of(operation):
    return st.one_of(
        passing(Reset, operation, when=WHEN),
        passing(CutAnswer, operation, after=st.floats(0, 0.9)),
        passing(Failing, operation, status=st.just(500), body=st.just(False), when=WHEN),
        passing(Failing, operation, status=st.just(502), when=WHEN),
        passing(Failing, operation, status=st.sampled_from([500, 503])),
        passing(Throttled, operation, status=st.sampled_from([400, 429])),
        passing(Latency, operation, seconds=st.floats(0, 0.01)),
        *([] if operation == "commit_checkpoint" else [passing(kind, operation) for kind in (WrongJSON, WrongContentType)]),
    )  # fmt: skip


def schedules(*operations):
    """Up to five faults, and perhaps a clock that is wrong by a constant; a changing one may be refused."""
    faults = st.lists(st.one_of(*(faults_of(operation) for operation in operations)), max_size=5)
    clocks = st.lists(st.builds(ClockSkew, seconds=st.sampled_from([-7200, -60, 7200])), max_size=1)
    return st.builds(list.__add__, clocks, faults)


SETTINGS = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


def outcome_of(dis, faults, call):
    """The result or the error of a call under the faults."""
    for fault in faults:
        dis.inject(fault)
    try:
        return call()
    except DISError as error:
        return error
    finally:
        dis.clear_faults()


def stored_in(client, stream):
    cursor = client.get_cursor(stream, partition_id=P0, cursor_type="TRIM_HORIZON")
    return [record.data for record in client.get_records(cursor).records]


@SETTINGS
@given(faults=schedules("put_records"), retry_lost=st.booleans())
def test_a_put_is_stored_as_often_as_its_result_says(dis, client, faults, retry_lost):
    """Without ``retry_lost`` at most once, with it at least once, and exactly once if the result says so."""
    stream = next(NAMES)
    client.create_stream(stream)
    entries = [PutRecord(b"x"), PutRecord(b"y")]
    outcome = outcome_of(dis, faults, lambda: client.put_records(stream, entries, retry_lost=retry_lost))
    stored = stored_in(client, stream)
    client.delete_stream(stream)
    assert stored == [b"x", b"y"] * (len(stored) // 2)
    if retry_lost:
        assert outcome.failed_record_count == 0
        assert stored
    elif isinstance(outcome, DISError):
        assert len(stored) <= 2
        assert isinstance(outcome, TransportError | ServerError)
    else:
        assert stored == [b"x", b"y"]


@SETTINGS
@given(faults=schedules("get_cursor", "get_records", "commit_checkpoint", "get_checkpoint"))
def test_transient_faults_do_not_affect_reading_and_committing(dis, client, faults):
    """The records and the checkpoint are read as they were written."""
    stream = next(NAMES)
    client.create_stream(stream)
    client.put_records(stream, [PutRecord(b"x"), PutRecord(b"y")])

    def work():
        client.commit_checkpoint("a", stream_name=stream, partition_id=P0, sequence_number=1)
        found = client.get_checkpoint("a", stream_name=stream, partition_id=P0)
        return stored_in(client, stream), found.sequence_number

    outcome = outcome_of(dis, faults, work)
    client.delete_stream(stream)
    assert outcome == ([b"x", b"y"], 1)


@SETTINGS
@given(nth=st.integers(1, 3), faults=schedules("put_records"))
def test_a_permanent_refusal_is_raised_in_any_schedule(dis, client, nth, faults):
    """If an earlier attempt was carried out, the refusal doesn't say so."""
    stream = next(NAMES)
    client.create_stream(stream)
    refusal = RequestRefused(code="DIS.4200", operation="put_records", nth=nth)
    entry = PutRecord(b"x")
    outcome = outcome_of(dis, [refusal, *faults], lambda: client.put_records(stream, [entry], retry_lost=True))
    stored = stored_in(client, stream)
    client.delete_stream(stream)
    assert isinstance(outcome, InvalidRequestError) or stored
    if nth == 1:
        assert (type(outcome), stored) == (InvalidRequestError, [])


@SETTINGS
@given(rate=st.floats(0.1, 1.0), seed=st.integers(0, 999), code=st.sampled_from(["DIS.4303", "DIS.5250", "DIS.4200"]))
def test_exactly_the_refused_records_have_an_error_code(dis, client, rate, seed, code):
    stream = next(NAMES)
    client.create_stream(stream)
    fault = RecordsRefused(code=code, rate=rate, seed=seed)
    entries = [PutRecord(b"%d" % number) for number in range(10)]
    outcome = outcome_of(dis, [fault], lambda: client.put_records(stream, entries))
    accepted = [entry.data for entry, result in zip(entries, outcome.records, strict=True) if result.error_code is None]
    stored = stored_in(client, stream)
    client.delete_stream(stream)
    assert (stored, outcome.failed_record_count) == (accepted, 10 - len(accepted))
