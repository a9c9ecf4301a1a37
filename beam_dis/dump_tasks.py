"""The destinations of dump tasks, for ``DISClient.create_dump_task`` and ``update_dump_task``.

The service that a task copies to decides about the class. A local DIS copies to OBS only.
"""

from beam_dis.wire.dump_tasks import (
    CloudTableDestination,
    CloudTableSchema,
    DLIDestination,
    DWSDestination,
    DWSOptions,
    MappedField,
    MRSDestination,
    OBSDestination,
    OpenTSDBSchema,
    ProcessingSchema,
)

__all__ = [
    "CloudTableDestination",
    "CloudTableSchema",
    "DLIDestination",
    "DWSDestination",
    "DWSOptions",
    "MRSDestination",
    "MappedField",
    "OBSDestination",
    "OpenTSDBSchema",
    "ProcessingSchema",
]
