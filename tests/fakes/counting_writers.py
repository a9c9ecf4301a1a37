"""Writers of bundles that count their requests, for tests of throttling. Processes run it, so it isn't in a test's file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from beam_dis.connection import DISConnection
from beam_dis.record import PutRecord
from beam_dis.services import shared_service
from beam_dis.stream_service import NotWritten, Written
from beam_dis.write.bundle import BundleWriter, WritePlan
from beam_dis.write.pace import PACES
from beam_dis.write.routing import element_encoder
from beam_dis.write.sender import Sender

RECORD_BYTES = 1024


class Sent(NamedTuple):
    """One request: how many records it had, how many were refused, and when it was sent and answered (epoch seconds)."""

    records: int
    refused: int
    began: float
    answered: float


def write_bundles(
    connection: DISConnection, stream: str, key: Callable[[bytes], str] | None, bundles: Sequence[Iterable[int]]
) -> list[Sent]:
    """Write bundles at once, each in a thread of its own: a record for each number, with ``key`` of its data."""
    service, log = shared_service(connection), []
    plan = WritePlan(stream=stream, to_record=element_encoder(bytes, partition_key=key))

    def write(stream: str, records: Sequence[PutRecord]) -> list[Written | NotWritten]:
        began = time.time()
        answers = service.write(stream, records)
        log.append(Sent(len(records), sum(isinstance(each, NotWritten) for each in answers), began, time.time()))
        return answers

    def write_bundle(numbers: Iterable[int]) -> None:
        writer = BundleWriter(plan, service, Sender(write, pace_of=lambda stream: PACES.of(service, stream)))
        writer.begin()
        for number in numbers:
            writer.add(b"%010d" % number + bytes(RECORD_BYTES - 10))
        writer.finish()
        writer.close()

    with ThreadPoolExecutor(len(bundles)) as pool:
        list(pool.map(write_bundle, bundles))
    return log
