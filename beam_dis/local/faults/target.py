"""Which stream and which partitions a call is about.

Law: pure, and never refuses: what makes no sense is about nothing, and the handler says what is wrong with it. A put is
about every partition that it has a record for; records that name no place may go to any.
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


class Target(NamedTuple):
    """The name of a stream, "" for none, and the numbers of partitions."""

    stream: str = ""
    partitions: frozenset[int] = frozenset()

    def fits(self, fault: Fault) -> bool:
        """Whether a fault's selectors of stream and partition let it through."""
        partition = fault.partition_number()
        return fault.stream in (None, self.stream) and (partition is None or partition in self.partitions)


def target_of(store: Store, names: Mapping[str, str], message: Any) -> Target:
    """What a call is about: ``names`` are those of its path, ``message`` its request (None where it has none)."""
    try:
        return _target_of(store, names, message)
    except Refusal:
        return Target()


def _target_of(store: Store, names: Mapping[str, str], message: Any) -> Target:
    if hasattr(message, "partition_cursor"):
        cursor = decode_cursor(message.partition_cursor).get_iterator_param
        return Target(cursor.stream_name, frozenset([partition_number(cursor.partition_id)]))
    name = names.get("stream_name") or getattr(message, "stream_name", None) or ""
    stream = store.stream(names["project_id"], name, getattr(message, "stream_id", None) or "")
    known = name if stream is None else stream.name
    if hasattr(message, "records"):
        return Target(known, _partitions_of(stream, message.records or []))
    named = getattr(message, "partition_id", None)
    return Target(known, frozenset([partition_number(named)] if named else []))


def _partitions_of(stream: Stream | None, records: list[PutRecordsRequestEntry]) -> frozenset[int]:
    if stream is None:
        return frozenset()
    if not all(record.partition_id or record.explicit_hash_key or record.partition_key for record in records):
        return frozenset(partition.number for partition in stream.partitions)
    return frozenset(Routes(stream, lambda: 0).route(records).partitions)
