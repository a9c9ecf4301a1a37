"""What is put and read in each second, from the counts by minute."""

from __future__ import annotations

from typing import NamedTuple

from beam_dis.local.store import Usage

RATE_MINUTES = 1
"""A rate is that of the last whole minutes and of the minute that has begun."""


class RatePeriod(NamedTuple):
    """The minutes that rates are from, both included, and the seconds that have passed in them."""

    first: int
    last: int
    seconds: float


class Rates(NamedTuple):
    """Records and bytes for each second."""

    put_records: float = 0.0
    put_bytes: float = 0.0
    get_records: float = 0.0
    get_bytes: float = 0.0


def rate_period(now: float) -> RatePeriod:
    """The period of the rates at a time in seconds since 1970."""
    minute = int(now // 60)
    return RatePeriod(minute - RATE_MINUTES, minute, RATE_MINUTES * 60 + now % 60)


def rates_of(counts: list[Usage], period: RatePeriod) -> Rates:
    """The rates of some counts of a period."""
    total = Usage()
    for usage in counts:
        total = total.plus(usage)
    sums = (total.put_records, total.put_bytes, total.get_records, total.get_bytes)
    return Rates(*(value / period.seconds for value in sums))
