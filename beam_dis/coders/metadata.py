"""The fields of a record that rows have beside those of its data.

Rules:
1. ``partition_key`` of a record is the field ``partition_key_`` of the row, as a field ``_partition_key`` of a schema would be:
   a NamedTuple, and so Beam's row, takes no name with an underscore at the start.
2. The fields come after those of the data, in the order in which they are asked for. A schema that has such a field itself is
   refused.
3. When rows are written, these fields aren't part of the data, unless the schema has them.
"""

from __future__ import annotations

from beam_dis.formats.type_tree import Nullable, Scalar, Type

METADATA: dict[str, tuple[str, Type]] = {
    "partition_key": ("partition_key", Nullable(Scalar("string"))),
    "sequence_number": ("sequence_number", Scalar("long")),
    "partition_id": ("partition_id", Scalar("string")),
    "arrival_time": ("timestamp", Scalar("timestamp-millis")),
    "stream": ("stream", Scalar("string")),
    "client_info": ("client_info", Nullable(Scalar("bytes"))),
}
"""The attribute of a DISRecord that each field is made from, and its type."""

METADATA_FIELDS = frozenset(name for field in METADATA for name in (f"{field}_", f"_{field}"))
"""The names of these fields in rows, and as a schema would have them."""
