"""From runs of records to Arrow batches, for ``decode="arrow"``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from beam_dis.coders.batches import ArrowBatches, joined
from beam_dis.dead_letter import DeadLetter
from beam_dis.formats.arrow_pages import NotAtOnceError
from beam_dis.read.decode import PageDecoder
from beam_dis.record import DISRecord

ONE_BY_ONE = 16
"""So many records are decoded one by one if one of them can't be read together with the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDecoder(PageDecoder):
    """Decodes records to Arrow batches; ```batches`` makes them.

    A batch has the rows of a page whose records arrived within the same second, and the time of the first of them. So rows are in
    the right window if windows begin at whole seconds, and a page of records that were put one by one isn't a batch for each.
    """

    batches: ArrowBatches

    @property
    def run_milliseconds(self) -> int:
        return 1000

    def values(self, records: Iterable[DISRecord]) -> Iterator[Any]:
        """Dead letters, then the batch of the other records."""
        batches = []
        for value in self._batches_of(list(records)):
            if isinstance(value, DeadLetter):
                yield value
            else:
                batches.append(value)
        if batches:
            yield joined(batches)

    def _batches_of(self, records: list[DISRecord]) -> Iterator[Any]:
        """Batches and dead letters. A record that doesn't decode has few others decoded one by one."""
        batches = self.batches
        try:
            batch = batches.of_page(records)
        except NotAtOnceError:
            if batches.reads_pages and len(records) > ONE_BY_ONE:
                half = len(records) // 2
                yield from self._batches_of(records[:half])
                yield from self._batches_of(records[half:])
                return
        else:
            if self.limit is not None:
                self.limit.passed(records[-1])
            yield batch
            return
        decode = self._value if self.dead_letters else self.decode
        kept, rows = [], []
        for record in records:
            value = decode(record)
            if isinstance(value, DeadLetter):
                yield value
            else:
                kept.append(record)
                rows.append(value)
        if rows:
            yield batches.of_rows(rows, kept)
