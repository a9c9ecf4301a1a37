"""The durable log of the local DIS: streams, records, apps and checkpoints in one folder, on SQLite.

Law: acknowledged means committed and fsynced; numbers never go back; what is shown is committed. Imports the standard
library, msgspec, ``beam_dis.wire`` and nothing of the server. One process holds a folder at a time.

::

    store = open_store(Path("data"), clock=Clock())
    stream = store.create_stream("p", StreamDefinition(name="flights", partition_count=4)).result()
    store.append(stream, [Entry(0, "key", b"data")]).result()      # [Placed(partition=0, sequence_number=0)]
    store.read(stream, 0, 0, 2**20)                                # [StoredRecord(0, "key", b"data", 1767225600000)]

Snapshots (Stream, Partition, App) are frozen; ask again for newer ones. A Stream keeps its ``generation`` while only
positions move, so routing can be cached by ``(stream_id, generation)``. For many records there are columns:
``append_columns(stream, partitions, keys, datas)`` gives numbers, ``read_runs`` gives a Run(first, timestamp_ms, keys,
datas) for each batch of a page; both cost about half of ``append`` and ``read``.
"""

from beam_dis.local.store.failures import StoreError, StoreUnavailable
from beam_dis.local.store.store import Store, open_store
from beam_dis.local.store.values import (
    App,
    Entry,
    Partition,
    Placed,
    Run,
    StoredCheckpoint,
    StoredRecord,
    Stream,
    StreamDefinition,
)
from beam_dis.wire.streams import PartitionCountUpdate, PolicyRule, Tag

__all__ = [
    "App",
    "Entry",
    "Partition",
    "PartitionCountUpdate",
    "Placed",
    "PolicyRule",
    "Run",
    "Store",
    "StoreError",
    "StoreUnavailable",
    "StoredCheckpoint",
    "StoredRecord",
    "Stream",
    "StreamDefinition",
    "Tag",
    "open_store",
]
