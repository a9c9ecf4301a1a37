"""The durable log of the local DIS: streams, records, apps, checkpoints and dump tasks in one folder, on SQLite.

Rule 1: an acknowledged change is committed and fsynced.
Rule 2: sequence numbers never go back.
Rule 3: reads and look-ups see committed state only.
Rule 4: one process at a time uses a folder.
Rule 5: the store knows the standard library, msgspec and ``beam_dis.wire``, and nothing of the server.

::

    store = open_store(Path("data"), clock=Clock())
    stream = store.create_stream("p", StreamDefinition(name="flights", partition_count=4)).result()
    store.append(stream, [0, 0], ["key", None], [b"a", b"b"]).result()    # [0, 1]
    store.read(stream, 0, 0, 2**20)                  # [StoredRecords(0, 1767225600000, ["key", None], [b"a", b"b"])]

Streams, partitions and apps are frozen snapshots: ask again for newer ones. Records are passed as columns (partitions, keys,
data), because one object per record would double the cost of a put and of a page.
"""

from beam_dis.local.store.database import has_store
from beam_dis.local.store.dump_values import DumpObject, DumpPosition, DumpRun, DumpTask, task_named
from beam_dis.local.store.failures import StoreError, StoreUnavailable
from beam_dis.local.store.snapshot_export import export_snapshot
from beam_dis.local.store.snapshot_file import Snapshot
from beam_dis.local.store.snapshot_import import import_snapshot
from beam_dis.local.store.store import Store, open_store
from beam_dis.local.store.usage import KEPT_MINUTES, WHOLE_STREAM, Usage
from beam_dis.local.store.values import (
    Partition,
    StoredApp,
    StoredCheckpoint,
    StoredRecords,
    Stream,
    StreamDefinition,
)
from beam_dis.wire.streams import PartitionCountUpdate, PolicyRule, Tag

__all__ = [
    "KEPT_MINUTES",
    "WHOLE_STREAM",
    "DumpObject",
    "DumpPosition",
    "DumpRun",
    "DumpTask",
    "Partition",
    "PartitionCountUpdate",
    "PolicyRule",
    "Snapshot",
    "Store",
    "StoreError",
    "StoreUnavailable",
    "StoredApp",
    "StoredCheckpoint",
    "StoredRecords",
    "Stream",
    "StreamDefinition",
    "Tag",
    "Usage",
    "export_snapshot",
    "has_store",
    "import_snapshot",
    "open_store",
    "task_named",
]
