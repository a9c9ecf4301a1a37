"""Reports how far a partition is behind, as gauges, and warns before its unread records expire.

It is called once for each page and at the end of a poll, never for each record.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable

from beam_dis.read.partition.gauges import LagGauges
from beam_dis.read.process.lags import Lag
from beam_dis.read.process.per_connection import PerConnection
from beam_dis.read.process.per_read import PerRead
from beam_dis.stream_service import ReadPosition

_HOUR_MS = 3_600_000
_log = logging.getLogger(__name__)


class LagReport:
    """The reports for one part of a partition.

    Args:
        shared: the ends and the clock of the connection.
        read_state: what is known of the read.
        gauges: the step's gauges.
        part: tells the part from others of its partition.
    """

    def __init__(self, shared: PerConnection, read_state: PerRead, gauges: LagGauges, *, part: Hashable = None) -> None:
        self._shared = shared
        self._read_state = read_state
        self._gauges = gauges
        self._part = part

    def after_records(self, position: ReadPosition, newest: int, page_time: int, *, left: int | None = None) -> None:
        """The records before a position were read.

        Args:
            position: where the next page begins.
            newest: the arrival time (ms) of the last record.
            page_time: the service's clock (ms) when the page was requested.
            left: how many numbers are unread; None for those up to the end that was seen last.
        """
        now = max(page_time, self._shared.now() or page_time)
        left = self._left(position) if left is None else self._shared.record_size.records_in(left)
        lag = self._read_state.lags.after_records(
            _key(position), self._part, left=left, up_to=newest, now=now, retention=self._retention(position)
        )
        self._report(position, lag)

    def after_catching_up(self, position: ReadPosition, at: int) -> None:
        """There were no more records at a time (ms) of the service's clock."""
        lag = self._read_state.lags.after_catching_up(
            _key(position), self._part, at=at, retention=self._retention(position)
        )
        self._report(position, lag)

    def after_nothing(self, position: ReadPosition) -> None:
        """A request failed, or had no records although there may be more."""
        if (now := self._shared.now()) is not None:
            lag = self._read_state.lags.after_nothing(
                _key(position), self._part, left=self._left(position), now=now, retention=self._retention(position)
            )
            if lag is not None:
                self._report(position, lag)

    def after_end(self, position: ReadPosition, newest: int | None) -> None:
        """The part was read to its end, or is given up. ``newest`` is the arrival time (ms) of the last record, None if there is none."""
        now = self._shared.now() or newest
        if now is None:
            self.forget(position)
            return
        lag = self._read_state.lags.after_end(_key(position), self._part, now=now, retention=self._retention(position))
        self._report(position, lag)

    def forget(self, position: ReadPosition) -> None:
        """The part isn't read here any more."""
        self._read_state.lags.forget(_key(position), self._part)

    def _left(self, position: ReadPosition) -> int:
        """How many records are unread: an estimate, unless each number has one."""
        numbers = self._shared.ends.left(position.stream_id, position.partition_id, position.sequence_number)
        return self._shared.record_size.records_in(numbers)

    def _retention(self, position: ReadPosition) -> int | None:
        return self._shared.ends.retention_ms(position.stream_id)

    def _report(self, position: ReadPosition, lag: Lag) -> None:
        size = self._shared.record_size.estimate(lag.records)
        self._gauges.report((position.stream, position.partition_id), lag, size)
        if self._read_state.expiry.claim_warning(_key(position), lag.unread_share) and lag.expires_in is not None:
            _log.warning(
                "%s: its oldest unread records may expire in %.1f h, and the stream keeps records for %.0f h. The pipeline is slower"
                " than the stream: give it more workers, find the step that holds it up, or lengthen the stream's retention",
                position,
                lag.expires_in / _HOUR_MS,
                (self._retention(position) or 0) / _HOUR_MS,
            )


def _key(position: ReadPosition) -> tuple[str, str]:
    return position.stream_id, position.partition_id
