"""Faults are values: JSON keeps them as they are, and a fault that could never hit is refused with the possible values."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beam_dis import testing
from beam_dis.errors import ConfigurationError
from beam_dis.local.faults.values import AnyFault
from beam_dis.testing import (
    ClockSkew,
    CutAnswer,
    EmptyPages,
    Failing,
    Fault,
    Latency,
    RecordsRefused,
    RequestRefused,
    Reset,
    SlowBody,
    SlowHeaders,
    Throttled,
    WrongContentType,
    WrongJSON,
)

KINDS = {
    Failing: {"status": 502, "body": False, "when": "after"},
    Throttled: {"code": "DIS.4309", "status": 429},
    RequestRefused: {"code": "DIS.4301"},
    RecordsRefused: {"code": "DIS.5250", "stored": True},
    Reset: {"when": "after"},
    CutAnswer: {"after": 0.25},
    SlowHeaders: {"seconds": 0.5},
    SlowBody: {"seconds": 0.5},
    WrongJSON: {},
    WrongContentType: {},
    EmptyPages: {"operation": "get_records"},
    ClockSkew: {"seconds": -3600.0},
    Latency: {"seconds": 0.2, "jitter": 0.1},
}
SELECTORS = st.fixed_dictionaries(
    {},
    optional={
        "operation": st.sampled_from(["put_records", None]),
        "stream": st.none() | st.text(),
        "partition": st.none() | st.integers(0, 9) | st.just("shardId-0000000003"),
        "rate": st.floats(0, 1, exclude_min=True),
        "nth": st.none() | st.integers(1, 2**40),
        "seed": st.integers(-(2**40), 2**40),
        "count": st.none() | st.integers(1, 2**40),
    },
)


@given(kind=st.sampled_from(list(KINDS)), selectors=SELECTORS)
@settings(deadline=None)
def test_a_fault_is_the_same_after_a_round_trip_through_json(kind, selectors):
    fault = kind(**{**selectors, **KINDS[kind]})
    assert msgspec.json.decode(msgspec.json.encode(fault), type=AnyFault) == fault


def test_every_kind_of_fault_is_public():
    public = {getattr(testing, name) for name in testing.__all__}
    assert {kind for kind in public if issubclass(kind, Fault) and kind is not Fault} == set(KINDS)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Throttled(rate=0), r"Throttled\(rate=0\): give a number above 0 up to 1"),
        (lambda: Throttled(rate=float("nan")), "rate=nan"),
        (lambda: Throttled(nth=0), r"nth=0\): give a whole number from 1"),
        (lambda: Throttled(count=True), "count=True"),
        (lambda: Throttled(partition="first"), "partition='first'.*give a number or an id"),
        (lambda: Throttled(operation="fly"), "operation='fly'.*give one of add_policy, .*put_records"),
        (lambda: Throttled(operation="create_app", partition=1), "operation='create_app'.*give one of .*get_records"),
        (lambda: Throttled(operation="list_streams", stream="s"), "operation='list_streams'.*give one of"),
        (lambda: Throttled(code="DIS.4301"), r"code='DIS.4301'\): give one of DIS.4303"),
        (lambda: Throttled(status=500), r"status=500\): give one of 400, 429"),
        (lambda: Failing(status=501), r"status=501\): give one of 500, 502, 503"),
        (lambda: Failing(when="now"), r"when='now'\): give one of before, after"),
        (lambda: RequestRefused(code="4301"), r"RequestRefused\(code='4301'\): give one of DIS.4100"),
        (lambda: RecordsRefused(operation="get_records"), r"give one of put_records$"),
        (lambda: RecordsRefused(code=""), "code=''"),
        (lambda: Reset(when="never"), "when='never'"),
        (lambda: CutAnswer(after=1), "after=1.*from 0 below 1"),
        (lambda: SlowBody(seconds=0), "seconds=0.*above 0"),
        (lambda: SlowHeaders(seconds="1"), "seconds='1'"),
        (
            lambda: WrongJSON(operation="create_stream"),
            "operation='create_stream'.*give one of change_stream, consumer_state",
        ),
        (lambda: WrongContentType(operation="delete_app"), "operation='delete_app'"),
        (lambda: EmptyPages(operation="put_records"), "operation='put_records'.*give one of get_records$"),
        (lambda: ClockSkew(seconds=float("inf")), "seconds=inf"),
        (lambda: Latency(seconds=1, jitter=2), "jitter=2.*from 0 up to 1"),
    ],
)
def test_an_impossible_fault_is_refused_when_it_is_made(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()
