"""Reads one partition, page by page, and waits out failures that may pass."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import NamedTuple

from beam_dis.errors import DISError, OutOfRangeError, PartitionExpiredError
from beam_dis.outages import FailureSeries
from beam_dis.stream_service import PageRecord, ReadPosition, StreamService

_EMPTY_SECONDS = 0.1
"""The pause after an empty page in front of records that the listing has."""


class PartitionPage(NamedTuple):
    """Records of one partition, in the order of their numbers."""

    partition_id: str
    records: list[PageRecord]


class PartitionPages:
    """The records of a partition from a position on; used by one thread at a time.

    Args:
        service: reads pages.
        position: the first record.
        stop: the first number that isn't read; None if there is no end.
        page_bytes: the most data of a page.
        sleep: pauses after a failure.
        warn: called with a message if records were skipped or a request failed.

    Attributes:
        position: the next record.
        stop: see above; may be changed between two reads.
        expired: how many records had expired before they were read.
    """

    def __init__(
        self,
        service: StreamService,
        position: ReadPosition,
        stop: int | None,
        *,
        page_bytes: int,
        sleep: Callable[[float], None],
        warn: Callable[[str], None],
    ) -> None:
        self.position = position
        self.stop = stop
        self.expired = 0
        self._service = service
        self._page_bytes = page_bytes
        self._sleep = sleep
        self._warn = warn
        self._failures = FailureSeries(endless=stop is None)
        self._partition_expired = False

    @property
    def partition_id(self) -> str:
        """The partition's id."""
        return self.position.partition_id

    @property
    def ended(self) -> bool:
        """Whether no more records will come."""
        at_stop = self.stop is not None and self.position.sequence_number >= self.stop
        return at_stop or self._partition_expired

    def read(self) -> list[PageRecord]:
        """The next records, perhaps none. Raises DISError for a failure that doesn't pass."""
        failed = 0
        while not self.ended:
            records, pause = self._attempt(first=not failed)
            if records or (records is not None and self.stop is None):
                return records
            failed += 1
            self._sleep(pause)
        return []

    def _attempt(self, *, first: bool) -> tuple[list[PageRecord] | None, float]:
        """One request: the records, None if it failed, and the seconds to pause."""
        try:
            page = self._service.read(self.position, self._page_bytes)
        except PartitionExpiredError:
            self._end_expired()
            return None, 0.0
        except OutOfRangeError as error:
            self._skip_expired(error)
            return None, 0.0
        except DISError as error:
            pause = self._failures.pause_after(error, worked=True)
            if pause is None:
                raise
            if first:
                self._warn(f"{error}: trying again")
            return None, pause
        self._failures.note_success()
        return self._before_stop(page.records), _EMPTY_SECONDS

    def _before_stop(self, records: list[PageRecord]) -> list[PageRecord]:
        position = self.position.after(records)
        if self.stop is not None and position.sequence_number > self.stop:
            records = [record for record in records if record.sequence_number < self.stop]
            position = position.at(self.stop)
        self.position = position
        return records

    def _skip_expired(self, error: OutOfRangeError) -> None:
        first = self.position.sequence_number
        if error.earliest is None or error.earliest <= first:
            raise error
        beyond = error.earliest if self.stop is None else min(error.earliest, self.stop)
        self._note_expired(beyond)

    def _end_expired(self) -> None:
        self._partition_expired = True
        if self.stop is not None:
            self._note_expired(self.stop)

    def _note_expired(self, beyond: int) -> None:
        """Go on at a number: those before it have expired."""
        first = self.position.sequence_number
        self.expired += beyond - first
        self.position = self.position.at(beyond)
        self._warn(
            f"partition {self.partition_id}: {beyond - first} records from number {first} on have expired before they were read"
        )


Done = SimpleQueue[tuple[PartitionPages, "Future[list[PageRecord]]"]]
"""The reads that have ended."""


def start_read(executor: Executor, pages: PartitionPages, done: Done) -> None:
    """Read the next page in the background; the result is put into ``done``."""
    executor.submit(pages.read).add_done_callback(lambda future: done.put((pages, future)))
