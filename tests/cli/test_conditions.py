"""Conditions compare a field by its type."""

from __future__ import annotations

from datetime import date, datetime, timezone

import pytest

from beam_dis.cli.conditions import condition_of
from beam_dis.errors import ConfigurationError

ROW = {
    "delay": 15,
    "ratio": 0.5,
    "carrier": "UA",
    "late": True,
    "day": date(2013, 1, 2),
    "at": datetime(2013, 1, 2, tzinfo=timezone.utc),
    "gate": None,
    "from": {"city": "New York"},
    "raw": b"x\xff",
    "unknown": float("nan"),
}


@pytest.mark.parametrize(
    "text",
    [
        "delay=15",
        "delay>=15.0",
        "delay>9",
        "delay!=x",
        "ratio<0.51",
        "carrier=UA",
        "carrier != AA",
        "carrier<ZZ",
        "late=true",
        "day>2013-01-01",
        "at<=2013-01-02T00:00Z",
        "gate=null",
        "carrier!=null",
        "from.city~York",
        "missing!=1",
        "raw=x\udcff",
        "raw~\udcff",
        "unknown!=1",
    ],
)
def test_a_condition_holds(text):
    assert condition_of(text).holds(ROW)


@pytest.mark.parametrize(
    "text",
    [
        "delay=16",
        "delay<9",
        "delay=x",
        "delay=nan",
        "late=false",
        "late=1",
        "gate>3",
        "gate!=null",
        "carrier=null",
        "missing=1",
        "carrier.name=UA",
        "at>2013-01-02",
        "raw~b'",
        "unknown>=1",
        "unknown=nan",
        "from.city~Boston",
    ],
)
def test_a_condition_does_not_hold(text):
    assert not condition_of(text).holds(ROW)


def test_a_text_without_an_operator_is_refused():
    with pytest.raises(ConfigurationError, match="'delay' is not a condition: give FIELD=VALUE"):
        condition_of("delay")
