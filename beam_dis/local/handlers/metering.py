"""Counts the requests for records, for monitoring: whether they succeed, how long they take, and what they read.

What is put is counted by the store, when it commits it.
"""

from __future__ import annotations

from beam_dis.local.handlers.call import Call, ServerContext
from beam_dis.local.store import WHOLE_STREAM, Stream, Usage
from beam_dis.wire.error_codes import Refusal

THROTTLED = "DIS.4303"


def count_put(call: Call, stream: Stream, started: float, *, stored: bool, throttled: bool) -> None:
    """Count a put: it succeeds if it stores a record, and is throttled if one of its records is."""
    took = _microseconds(call.context, started) if stored else 0
    call.store.count_usage(stream, WHOLE_STREAM, Usage(puts=int(stored), put_us=took, throttled_puts=int(throttled)))


def count_page(context: ServerContext, stream: Stream, number: int, started: float, records: int, size: int) -> None:
    """Count a page of ``size`` bytes of data, which may be empty."""
    context.store.count_usage(stream, WHOLE_STREAM, Usage(gets=1, get_us=_microseconds(context, started)))
    if records:
        context.store.count_usage(stream, number, Usage(get_records=records, get_bytes=size))


def check_read(call: Call, stream: Stream, number: int) -> None:
    """Refuse with DIS.4303, and count it, if more was read from a partition than its limit allows."""
    if call.context.limits is None:
        return
    try:
        call.context.limits.check_read(stream, number)
    except Refusal:
        call.store.count_usage(stream, WHOLE_STREAM, Usage(throttled_gets=1))
        raise


def _microseconds(context: ServerContext, started: float) -> int:
    return round((context.timer() - started) * 1_000_000)
