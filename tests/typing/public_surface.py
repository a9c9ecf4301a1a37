"""Typed code of a user of the public names, checked by mypy."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from apache_beam import DoFn, Map, Pipeline
from apache_beam.pvalue import PCollection, PDone
from apache_beam.transforms.error_handling import ErrorHandler
from typing_extensions import assert_type

from beam_dis import (
    AvroCoder,
    CommitToDIS,
    Credentials,
    CSVCoder,
    DeadLetter,
    DISClient,
    DISConnection,
    DISError,
    DISRecord,
    JSONCoder,
    ReadAllFromDIS,
    ReadFromDIS,
    ReadFromDISResult,
    ReadPositions,
    StartingPosition,
    StoppingPosition,
    Token,
    WriteToDIS,
    WrittenRecord,
    errors,
)
from beam_dis.local import LocalDIS
from beam_dis.testing import InjectedFault, ProcessCall, RequestRefused, SplittableDoFnDriver, Throttled

SCHEMA = '{"type": "record", "name": "R", "fields": [{"name": "a", "type": "int"}]}'


def credentials() -> Credentials:
    return Credentials(access_key="ak", secret_key="sk")


def token() -> Token:
    return Token(value="t", expires=datetime(2026, 1, 1, 12, tzinfo=timezone.utc))


def connections() -> None:
    for source in (credentials, token, credentials(), token()):
        DISConnection(credentials=source, proxy="http://proxy.example:3128", ca_bundle="/etc/ca.pem")


def positions() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
    assert_type(StartingPosition.earliest(), StartingPosition)
    assert_type(StartingPosition.at_timestamp(noon), StartingPosition)
    assert_type(StartingPosition.at_sequence_number({0: 1, "shardId-0000000001": 2}), StartingPosition)
    assert_type(StoppingPosition.latest(), StoppingPosition)
    StoppingPosition.earliest()  # type: ignore[attr-defined]


def transforms(connection: DISConnection) -> None:
    ReadFromDIS("s", stop=StoppingPosition.latest(), app="a", decode=CSVCoder(SCHEMA, null="NA"), connection=connection)
    ReadFromDIS("s", StartingPosition.earliest())  # type: ignore[call-overload]
    ReadFromDIS("s", start=StoppingPosition.latest())  # type: ignore[call-overload]
    begin = Pipeline() | Map(str)
    assert_type(ReadFromDIS("s").expand(begin), PCollection[Any])
    failed = ReadFromDISResult[PCollection[DeadLetter], None]
    assert_type(ReadFromDIS("s", dead_letters=True).expand(begin), failed)
    assert_type(ReadAllFromDIS(dead_letters=True).with_error_handler(None), ReadAllFromDIS[failed])
    manual = ReadFromDIS("s", app="a", commit="manual").expand(begin)
    assert_type(manual.positions, PCollection[ReadPositions])
    assert_type(CommitToDIS("a").expand(manual.positions), PDone)
    WriteToDIS(lambda row: str(row.stream), encode=JSONCoder(SCHEMA), partition_key="a", connection=connection)
    WriteToDIS("s", encode=AvroCoder(SCHEMA), results=True, dead_letters=True)
    WriteToDIS("s", connection="http://127.0.0.1:7700")  # type: ignore[call-overload]


def records(record: DISRecord, letter: DeadLetter) -> None:
    assert_type(record.sequence_number, int)
    assert_type(record.partition_key, str | None)
    assert_type(record.data, bytes)
    assert_type(record.arrival_time, datetime)
    assert_type(letter.error, str)


def clients() -> None:
    with LocalDIS() as dis, DISClient(dis.connection) as client:
        assert_type(dis.endpoint, str)
        assert_type(dis.connection, DISConnection)
        assert_type(client, DISClient)
        assert_type(client.get_cursor("s", partition_id="0", cursor_type="LATEST"), str)
        assert_type(client.list_streams().stream_names, list[str])
    DISClient(DISConnection(region="eu-de", project_id="p", credentials=credentials))


def failures(error: DISError) -> None:
    if isinstance(error, errors.OutOfRangeError):
        assert_type(error.earliest, int | None)
        assert_type(error.code, str)


def faults(dis: LocalDIS) -> None:
    assert_type(dis.inject(Throttled(rate=0.2, partition=1)), int)
    assert_type(dis.faults(), list[InjectedFault])
    dis.clear_faults()
    dis.advance(hours=25)
    RequestRefused()  # type: ignore[call-arg]
    Throttled("put_records")  # type: ignore[call-arg]


def driver(fn: DoFn) -> None:
    driver = SplittableDoFnDriver(fn, "element", unpack=list)
    assert_type(driver.call(), ProcessCall)
    assert_type(driver.call().delay, float | None)
    SplittableDoFnDriver(fn)  # type: ignore[call-arg]


def results() -> None:
    assert_type(WriteToDIS("s"), WriteToDIS[None, None])
    assert_type(WriteToDIS("s", results=True), WriteToDIS[PCollection[WrittenRecord], None])
    assert_type(WriteToDIS("s", dead_letters=True), WriteToDIS[None, PCollection[DeadLetter]])
    both = WriteToDIS("s", results=True, dead_letters=True, encode="rows")
    result = both.expand(PCollection(Pipeline()))
    assert_type(result.written, PCollection[WrittenRecord])
    assert_type(result.dead_letters, PCollection[DeadLetter])
    with ErrorHandler(Map(print)) as handler:
        assert_type(WriteToDIS("s").with_error_handler(handler), WriteToDIS[None, None])
    WriteToDIS("s", ordered="partition_key")  # type: ignore[call-overload]
