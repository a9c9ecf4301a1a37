"""The Avro schema that a sink makes of the fields of its rows. Beam reads annotations at run time, so there is no future import."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple, Optional

import pytest
from apache_beam.utils.timestamp import Timestamp

from beam_dis.coders import AvroCoder
from beam_dis.errors import ConfigurationError
from beam_dis.yaml.beam_schema import avro_of_beam_schema, schema_of_elements


class Stop(NamedTuple):
    city: str


class Trip(NamedTuple):
    id: int
    price: float
    paid: bool
    data: bytes
    at: Timestamp
    day: date
    stops: Sequence[Stop]
    counts: Mapping[str, int]
    note: Optional[str]  # noqa: UP045 - Beam makes an untyped field of ``str | None``
    partition_key_: str


TRIP = Trip(1, 2.5, True, b"x", Timestamp(3), date(2026, 1, 1), [Stop("Bonn")], {"a": 1}, None, "k")


def test_rows_of_the_schema_are_those_that_were_written():
    coder = AvroCoder(avro_of_beam_schema(schema_of_elements(Trip), frozenset({"partition_key_"})))
    row = coder.decode(coder.encode(TRIP))
    assert row._fields == Trip._fields[:-1]
    assert row[:6] == TRIP[:6]
    assert ([stop.city for stop in row.stops], row.counts, row.note) == (["Bonn"], {"a": 1}, None)


@pytest.mark.parametrize("type_", [Any, Decimal])
def test_a_field_without_an_avro_type_is_named(type_):
    class Priced(NamedTuple):
        id: int
        price: type_

    with pytest.raises(ConfigurationError, match="the field 'price' of the elements has no type that Avro has"):
        avro_of_beam_schema(schema_of_elements(Priced), frozenset())


def test_elements_that_are_no_rows_are_refused():
    with pytest.raises(ConfigurationError, match=r"the elements are .*int.*, and not rows"):
        schema_of_elements(int)
