"""An endless read under faults for a long time: every acknowledged record is read, and none is read twice.

While a producer writes, faults of every kind are injected and removed, the stream is resharded at random and the server is
killed. The reader has short timeouts, so that many faults reach it.

A test takes three minutes on each runner, or BEAM_DIS_SOAK_SECONDS, and up to 90 seconds more until everything is read. It prints
the seed of its random choices, and BEAM_DIS_SOAK_SEED repeats them.
"""

from __future__ import annotations

import os
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.runner import PipelineState

from beam_dis import DISClient, DISConnection, DISRecord, ReadFromDIS
from beam_dis.errors import DISError
from beam_dis.local import LocalDIS
from beam_dis.record import PutRecord
from beam_dis.testing import (
    ClockSkew,
    CutAnswer,
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

SECONDS = float(os.environ.get("BEAM_DIS_SOAK_SECONDS", "180"))
REST_SECONDS = 90.0
pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.timeout(SECONDS + REST_SECONDS + 90)]

STREAM = "soak"
FAULTS: list[Callable[..., Fault]] = [
    lambda **hit: Failing(status=500, **hit),
    lambda **hit: Failing(status=502, when="after", **hit),
    lambda **hit: Failing(status=503, body=False, **hit),
    Throttled,
    lambda **hit: Throttled(status=429, **hit),
    lambda **hit: RequestRefused(code="DIS.4225", operation="get_records", **hit),
    lambda **hit: Reset(when="before", **hit),
    lambda **hit: Reset(when="after", **hit),
    lambda **hit: CutAnswer(after=0.6, **hit),
    lambda **hit: SlowHeaders(seconds=1.5, **hit),
    lambda **hit: SlowBody(seconds=1.5, **hit),
    lambda **hit: SlowHeaders(seconds=5, **hit),
    WrongJSON,
    WrongContentType,
    lambda **hit: ClockSkew(seconds=90, **hit),
    lambda **hit: ClockSkew(seconds=-90, **hit),
    lambda **hit: Latency(seconds=0.1, jitter=0.1, **hit),
    RecordsRefused,
    lambda **hit: RecordsRefused(stored=True, **hit),
]

RecordId = tuple[str, int]
"""Partition and sequence number."""


class WriteToFile(beam.DoFn):
    """Writes the partition, sequence number and data of each record to a file; each instance has its own file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def setup(self) -> None:
        self._file = self._folder / uuid.uuid4().hex

    def start_bundle(self) -> None:
        self._lines: list[str] = []

    def process(self, record: DISRecord) -> None:
        self._lines.append(f"{record.partition_id} {record.sequence_number} {record.data.decode()}\n")

    def finish_bundle(self) -> None:
        with self._file.open("a") as file:
            file.write("".join(self._lines))


def records_read(folder: Path) -> list[tuple[RecordId, int]]:
    """The id and the number of each record that the pipeline read, once for each time that it was read."""
    lines = [line.split() for file in folder.iterdir() for line in file.read_text().splitlines(keepends=True)]
    return [((partition, int(number)), int(value)) for partition, number, value in lines]


@dataclass
class Trouble:
    """A producer and a source of faults, each in its own thread, until ``stop`` is set.

    ``acknowledged`` has the numbers that the service said it stored, by record. ``doubtful`` are the numbers that may be stored
    again or elsewhere, because an answer was lost. ``done`` counts the faults, ``errors`` are exceptions of the threads.
    """

    dis: LocalDIS
    chance: random.Random
    stop: threading.Event = field(default_factory=threading.Event)
    acknowledged: dict[RecordId, int] = field(default_factory=dict)
    doubtful: set[int] = field(default_factory=set)
    done: Counter[str] = field(default_factory=Counter)
    errors: list[BaseException] = field(default_factory=list)

    def produce(self) -> None:
        """Put numbers; those that were refused or are in doubt aren't sent again."""
        first = 0
        with DISClient(impatient(self.dis.connection)) as client:
            while not self.stop.is_set():
                numbers = range(first, first + self.chance.randrange(1, 200))
                self._put(client, numbers)
                first = numbers.stop
                self.stop.wait(0.02)

    def _put(self, client: DISClient, numbers: range) -> None:
        entries = [PutRecord(data=b"%d" % n, partition_key=str(n)) for n in numbers]
        try:
            result = client.put_records(STREAM, entries)
        except DISError:
            self.doubtful.update(numbers)
            return
        for number, entry in zip(numbers, result.records, strict=True):
            if entry.error_code:
                self.doubtful.add(number)
            else:
                self.acknowledged[entry.partition_id, int(entry.sequence_number)] = number

    def disturb(self) -> None:
        """Inject faults, reshard or kill the server, every 0.5 to 2 seconds: each of them once, then at random."""
        first = [self._fault, self._reshard, self._kill]
        with DISClient(impatient(self.dis.connection)) as client:
            while not self.stop.wait(self.chance.uniform(0.5, 2.0)):
                at_random = self.chance.choices([self._fault, self._reshard, self._kill], [8, 3, 1])[0]
                disturbance = first.pop(0) if first else at_random
                disturbance(client)

    def _fault(self, _client: DISClient) -> None:
        if len(self.dis.faults()) >= 8:
            self.done["hits"] += sum(fault.hits for fault in self.dis.faults())
            self.dis.clear_faults()
        for kind in self.chance.sample(FAULTS, 4):
            self.dis.inject(kind(rate=self.chance.choice((0.02, 0.1, 0.5)), seed=self.chance.randrange(10**6)))
            self.done["faults"] += 1

    def _reshard(self, client: DISClient) -> None:
        count = self.chance.randrange(1, 7)
        with suppress(DISError):  # because of a fault, or because the stream has this count already
            client.update_partition_count(STREAM, target_partition_count=count)
            self.done["reshards"] += 1

    def _kill(self, _client: DISClient) -> None:
        self.done["hits"] += sum(fault.hits for fault in self.dis.faults())
        self.dis.restart(kill=True)
        self.done["kills"] += 1

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run both threads during the block; after it there are no faults."""
        threads = [threading.Thread(target=self._keep_error, args=[work]) for work in (self.produce, self.disturb)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self.stop.set()
            for thread in threads:
                thread.join()
            self.dis.clear_faults()

    def _keep_error(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the test reports it
            self.errors.append(error)


def impatient(connection: DISConnection) -> DISConnection:
    """The connection with short timeouts."""
    return replace(connection, timeout=3.0, deadline=4.0)


@contextmanager
def running(options: PipelineOptions, connection: DISConnection, folder: Path) -> Iterator[Any]:
    """Run the pipeline under test, and cancel it at the end of the block."""
    pipeline = beam.Pipeline(options=options)
    read = ReadFromDIS(STREAM, connection=connection, poll_interval=0.2, discovery_interval=1.0, app="soak")
    _ = pipeline | read | beam.ParDo(WriteToFile(folder))
    result = pipeline.run()
    try:
        yield result
    finally:
        result.cancel()


def read_to_the_end(folder: Path, acknowledged: dict[RecordId, int]) -> list[tuple[RecordId, int]]:
    """The records read, once every acknowledged one is among them or ``REST_SECONDS`` are over."""
    until = time.monotonic() + REST_SECONDS
    while not acknowledged.keys() <= {record_id for record_id, _ in records_read(folder)} and time.monotonic() < until:
        time.sleep(1)
    time.sleep(2)  # no repeated record: it could follow after the last new one
    return records_read(folder)


def test_every_acknowledged_record_is_read_and_none_twice(endless_options: PipelineOptions, tmp_path: Path) -> None:
    seed = int(os.environ.get("BEAM_DIS_SOAK_SEED", random.randrange(10**6)))
    with LocalDIS() as dis:
        with DISClient(dis.connection) as client:
            client.create_stream(STREAM, partition_count=3)
        trouble = Trouble(dis, random.Random(seed))
        with running(endless_options, impatient(dis.connection), tmp_path) as result:
            with trouble.running():
                time.sleep(SECONDS)
            read = read_to_the_end(tmp_path, trouble.acknowledged)
            assert result.state == PipelineState.RUNNING
    found, acknowledged = dict(read), trouble.acknowledged
    print(f"seed {seed}: {len(acknowledged)} acknowledged, {len(read)} read, {dict(trouble.done)}")  # noqa: T201 - the seed, to repeat a failure
    assert trouble.errors == []
    assert min(trouble.done["kills"], trouble.done["reshards"], trouble.done["hits"]) > 0
    assert {record_id: found.get(record_id) for record_id in acknowledged} == acknowledged
    assert len(read) == len(found)
    assert set(found.values()) - set(acknowledged.values()) <= trouble.doubtful
