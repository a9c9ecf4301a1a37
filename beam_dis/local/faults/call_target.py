"""Finds the stream and the partitions that a call is about.

Rules:

1. Nothing is refused here. A request that makes no sense is about no stream, and its handler says what is wrong with it.
2. A put is about every partition that it has a record for. A record that names no partition may go to any.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from beam_dis.local.faults.values import Fault
from beam_dis.local.handlers.routing import Routes
from beam_dis.local.store import Store, Stream
from beam_dis.wire.cursors import decode_cursor
from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.ranges import partition_number
from beam_dis.wire.records import PutRecordsRequestEntry


class CallTarget(NamedTuple):
    """The name of a stream, "" if there is none, and the numbers of partitions."""

    stream: str = ""
    partitions: frozenset[int] = frozenset()

    def matches(self, fault: Fault) -> bool:
        """Whether it is what a fault's selectors of stream and partition ask for."""
        partition = fault.partition_number()
        return fault.stream in (None, self.stream) and (partition is None or partition in self.partitions)


def find_target(store: Store, names: Mapping[str, str], message: Any) -> CallTarget:
    """The target of a call.

    Args:
        store: Knows the names of streams that are given by their id.
        names: The names in the path of the call.
        message: The request message of its route, or None if it has none.
    """
    try:
        if hasattr(message, "partition_cursor"):
            cursor = decode_cursor(message.partition_cursor).get_iterator_param
            return CallTarget(cursor.stream_name, frozenset([partition_number(cursor.partition_id)]))
        name = names.get("stream_name") or names.get("stream_id") or getattr(message, "stream_name", None) or ""
        stream = store.stream(names["project_id"], name, getattr(message, "stream_id", None) or name)
        stream_name = name if stream is None else stream.name
        if hasattr(message, "records"):
            return CallTarget(stream_name, _partitions_of(stream, message.records or []))
        partition = names.get("partition_id") or getattr(message, "partition_id", None)
        return CallTarget(stream_name, frozenset([partition_number(partition)] if partition else []))
    except Refusal:
        return CallTarget()


def _partitions_of(stream: Stream | None, records: list[PutRecordsRequestEntry]) -> frozenset[int]:
    if stream is None:
        return frozenset()
    if not all(record.partition_id or record.explicit_hash_key or record.partition_key for record in records):
        return frozenset(partition.number for partition in stream.partitions)
    return frozenset(Routes(stream, lambda: 0).route(records).partitions)
