"""The fixtures ``dis_stream`` and ``dis_rows``: rows by the schema of a stream, in every format."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from beam_dis import DISClient
from beam_dis.errors import ConfigurationError, EncodeError
from beam_dis.testing.streams import put_rows, rows_of

pytestmark = pytest.mark.integration

SCHEMA = '{"type": "record", "name": "Flight", "fields": [{"name": "carrier", "type": "string"}, {"name": "delay", "type": ["null", "int"]}]}'
ROWS = [{"carrier": "UA", "delay": 75}, {"carrier": "AA", "delay": None}]


class Flight(NamedTuple):
    carrier: str
    delay: int | None


@pytest.fixture
def client(local_dis):
    with DISClient(local_dis.connection) as client:
        yield client


@pytest.mark.parametrize(
    "stream",
    [
        {"data_type": "JSON"},
        {"data_type": "CSV"},
        {"data_type": "CSV", "csv_properties": {"delimiter": ";"}},
        {"data_type": "BLOB"},
        {"data_type": "JSON", "compression_format": "gzip"},
    ],
    ids=str,
)
def test_rows_are_put_and_read_by_the_schema_of_the_stream(stream, client, make_stream):
    name = make_stream(data_schema=SCHEMA, **stream)
    put_rows(client, name, [ROWS[0], Flight("AA", None)])
    assert rows_of(client, name) == ROWS


def test_a_stream_without_a_schema_holds_bytes_and_text(client, make_stream):
    name = make_stream()
    put_rows(client, name, [b"\x00", "é"])
    assert rows_of(client, name) == [b"\x00", "é".encode()]


def test_rows_of_one_key_are_in_one_partition_in_order(client, make_stream):
    name = make_stream(partitions=4, data_type="JSON", data_schema=SCHEMA)
    rows = [{"carrier": carrier, "delay": number} for number in range(600) for carrier in ("UA", "AA")]
    put_rows(client, name, rows, partition_key="carrier")
    found = rows_of(client, name)
    for carrier in ("UA", "AA"):
        assert [row["delay"] for row in found if row["carrier"] == carrier] == list(range(600))


def test_a_row_that_does_not_fit_is_an_error(client, make_stream):
    with pytest.raises(EncodeError, match="delay"):
        put_rows(client, make_stream(data_type="JSON", data_schema=SCHEMA), [{"carrier": "UA", "delay": "late"}])
    with pytest.raises(ConfigurationError, match="which a stream without data_schema holds: give the stream a schema"):
        put_rows(client, make_stream(), [{"carrier": "UA"}])
