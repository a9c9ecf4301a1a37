"""Warns once if all records of a stream go to one of its partitions.

Rules:
1. Records that name their partition don't count: that is a choice. A key that all records share mostly isn't.
2. The first thousand records that were written decide. One record in another partition is enough for no warning.
3. Thread-safe.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from beam_dis.forks import ForkSafeLock
from beam_dis.record import PutRecord
from beam_dis.stream_service import NotWritten, Written

DECISIVE_RECORDS = 1000

_log = logging.getLogger(__name__)


class Spread:
    """Where the records of one stream went, until it is known whether they are spread."""

    def __init__(self) -> None:
        self._lock = ForkSafeLock()
        self._known = False
        self._partition: str | None = None
        self._records = 0

    def note(
        self, stream: str, records: Sequence[PutRecord], answers: Sequence[Written | NotWritten], partitions: int
    ) -> None:
        """Note the answers to some records; ``partitions``: how many of the stream's can be written to."""
        if self._known or partitions < 2:
            return
        written = [
            answer.partition_id
            for record, answer in zip(records, answers, strict=True)
            if isinstance(answer, Written) and record.partition_id is None
        ]
        if not written:
            return
        with self._lock:
            if self._known:
                return
            self._partition = self._partition or written[0]
            self._records += len(written)
            spread = set(written) != {self._partition}
            self._known = spread or self._records >= DECISIVE_RECORDS
            if not self._known or spread:
                return
        _log.warning(
            "the first %d records for stream %r all went to %s, one of %d partitions: choose a partition_key that differs"
            " from record to record, or none",
            self._records,
            stream,
            self._partition,
            partitions,
        )
