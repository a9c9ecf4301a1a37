"""Checks that the stream and the partition that a fault is for exist: otherwise their names are misspelled."""

from __future__ import annotations

from beam_dis.errors import ConfigurationError
from beam_dis.local.faults.values import Fault
from beam_dis.local.store import Store


def check_exists(store: Store, fault: Fault) -> None:
    """Raise ConfigurationError for a stream or a partition that isn't there, unless the fault is for create_stream."""
    if fault.stream is None or fault.operation == "create_stream":
        return
    streams = {stream.name: len(stream.partitions) for stream in store.streams()}
    if fault.stream not in streams:
        raise ConfigurationError(f"there is no stream {fault.stream!r}; the streams are: {_some(sorted(streams))}")
    number = fault.partition_number()
    if number is not None and number >= streams[fault.stream]:
        count = streams[fault.stream]
        raise ConfigurationError(f"stream {fault.stream!r} has no partition {fault.partition}: it has 0 to {count - 1}")


def _some(names: list[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "") or "none"
