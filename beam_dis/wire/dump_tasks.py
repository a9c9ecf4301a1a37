"""Messages about dump tasks, which copy the records of a stream to another service [§5.5].

A task's destination is a ``…_descriptor`` in requests and a ``…_description`` in answers. Five kinds of destinations share one
route. Times are milliseconds, intervals are seconds.
"""

from __future__ import annotations

import msgspec

from beam_dis.wire.messages import Message, Query, WireAnswer

OBS, DWS, MRS, DLI, CLOUDTABLE = DESTINATION_TYPES = ("OBS", "DWS", "MRS", "DLI", "CLOUDTABLE")

STARTING, RUNNING, PAUSED, ABNORMAL, ERROR, DELETE = STATES = (
    "STARTING",
    "RUNNING",
    "PAUSED",
    "ABNORMAL",
    "ERROR",
    "DELETE",
)
"""States of a task [T5-87]; a task that is DELETE is never listed."""

START, STOP = ACTIONS = ("start", "stop")
LATEST, TRIM_HORIZON = CONSUMER_STRATEGIES = ("LATEST", "TRIM_HORIZON")
TEXT, PARQUET = FILE_TYPES = ("text", "parquet")
GZIP = "gzip"
PARTITION_FORMATS = ("yyyy", "yyyy/MM", "yyyy/MM/dd", "yyyy/MM/dd/HH", "yyyy/MM/dd/HH/mm")
TIMESTAMP_TYPES = ("String", "Timestamp")
TIMESTAMP_FORMATS = tuple(
    f"{date} HH:mm:ss" for date in ("yyyy/MM/dd", "MM/dd/yyyy", "dd/MM/yyyy", "yyyy-MM-dd", "MM-dd-yyyy", "dd-MM-yyyy")
)
DEFAULT_AGENCY = "dis_admin_agency"
"""The agency that the service makes for dump tasks [T5-82]."""


class ProcessingSchema(Message, kw_only=True):
    """The attribute of a record that decides about its folder [T5-83]; ``timestamp_format`` is for type String."""

    timestamp_name: str
    timestamp_type: str
    timestamp_format: str | None = None


class _Destination(Message, kw_only=True):
    """What all destinations have: the name of the task, and when and from where on records are copied."""

    task_name: str
    agency_name: str | None = None
    deliver_time_interval: int | None = None
    consumer_strategy: str | None = None
    retry_duration: int | str | None = None


class _BucketDestination(_Destination, kw_only=True):
    """What destinations have that copy into a bucket, or through one."""

    obs_bucket_path: str
    file_prefix: str | None = None


class OBSDestination(_BucketDestination, kw_only=True):
    """A bucket of the object store, and how objects are made [T5-82; SDK: ``compression_format``].

    ``partition_format`` makes folders of times, such as ``yyyy/MM/dd``. ``deliver_time_interval`` is 30 to 900 seconds, default
    300; ``deliver_size_interval`` is 1 to 300 MB. ``consumer_strategy`` is LATEST (default) or TRIM_HORIZON.
    """

    deliver_size_interval: int | None = None
    partition_format: str | None = None
    destination_file_type: str | None = None
    record_delimiter: str | None = None
    processing_schema: ProcessingSchema | None = None
    compression_format: str | None = None


class DWSOptions(Message, kw_only=True):
    """What a data warehouse does about records that don't fit [T5-105]; ``true`` or ``on``, ``false`` or ``off``."""

    fill_missing_fields: str | None = None
    ignore_extra_data: str | None = None
    compatible_illegal_chars: str | None = None
    reject_limit: str | None = None
    error_table_name: str | None = None


class DWSDestination(_BucketDestination, kw_only=True):
    """A table of a data warehouse [T5-104]."""

    dws_cluster_name: str
    dws_cluster_id: str
    dws_database_name: str
    dws_schema: str
    dws_table_name: str
    dws_delimiter: str
    user_name: str
    user_password: str
    kms_user_key_name: str
    kms_user_key_id: str
    dws_table_columns: str | None = None
    options: DWSOptions | None = None

    def __repr__(self) -> str:
        return f"DWSDestination(task_name={self.task_name!r}, dws_cluster_name={self.dws_cluster_name!r}, …)"


class MRSDestination(_BucketDestination, kw_only=True):
    """A folder of a MapReduce cluster's file system [T5-109; SDK: the last four]."""

    mrs_cluster_name: str
    mrs_cluster_id: str
    mrs_hdfs_path: str
    hdfs_prefix_folder: str | None = None
    destination_file_type: str | None = None
    partition_format: str | None = None
    compression_format: str | None = None


class DLIDestination(_BucketDestination, kw_only=True):
    """A table of a data lake [T5-114]."""

    dli_database_name: str
    dli_table_name: str


class MappedField(Message, kw_only=True):
    """A part of a row or of a metric, and the attribute of the record that it comes from [T5-121 to T5-126]."""

    value: str | None = None
    type: str | None = None
    name: str | None = None
    format: str | None = None
    column_family_name: str | None = None
    column_name: str | None = None


class CloudTableSchema(Message, kw_only=True):
    """How a record becomes a row of HBase [T5-120]."""

    row_key: list[MappedField]
    columns: list[MappedField]


class OpenTSDBSchema(Message, kw_only=True):
    """How a record becomes a point of a metric [T5-123]."""

    metric: list[MappedField]
    timestamp: MappedField
    value: MappedField
    tags: list[MappedField] = []


class CloudTableDestination(_Destination, kw_only=True):
    """A table of HBase, or the metrics of OpenTSDB [T5-119]."""

    cloudtable_cluster_name: str
    cloudtable_cluster_id: str
    cloudtable_table_name: str | None = None
    cloudtable_schema: CloudTableSchema | None = None
    opentsdb_schema: list[OpenTSDBSchema] | None = None
    cloudtable_row_key_delimiter: str | None = None
    obs_backup_bucket_path: str | None = None
    backup_file_prefix: str | None = None


class DumpTaskRequest(Message):
    """POST and PUT …/streams/{stream_name}/transfer-tasks [T5-81]: one descriptor, which matches ``destination_type``.

    Without a type it is OBS (ours: the tables contradict each other).
    """

    destination_type: str | None = None
    stream_name: str | None = None
    obs_destination_descriptor: OBSDestination | None = None
    dws_destination_descriptor: DWSDestination | None = None
    mrs_destination_descriptor: MRSDestination | None = None
    dli_destination_descriptor: DLIDestination | None = None
    cloudtable_destination_descriptor: CloudTableDestination | None = None


class ListDumpTasksQuery(Query):
    """GET …/transfer-tasks; the official client asks for 10 tasks after ``start_task_name`` [SDK]."""

    limit: int | None = None
    start_task_name: str | None = None


class DumpTaskInfo(WireAnswer):
    """One task of a listing [T5-87; sample: ``task_id``]."""

    task_id: str = ""
    task_name: str = ""
    destination_type: str = OBS
    state: str = ""
    create_time: int = 0
    last_transfer_timestamp: int = 0


class ListDumpTasksResult(WireAnswer):
    """The tasks of a stream, by name [T5-86]; ``quota`` is how many it may have."""

    total_number: int = 0
    quota: int = 0
    tasks: list[DumpTaskInfo] = []


class OBSDescription(WireAnswer):
    """A bucket and how objects are made, with every default filled in [sample of §5.5.4]."""

    agency_name: str = ""
    file_prefix: str = ""
    partition_format: str = ""
    obs_bucket_path: str = ""
    deliver_time_interval: int = 0
    consumer_strategy: str = LATEST
    retry_duration: int = 0
    destination_file_type: str = TEXT
    record_delimiter: str = "\n"
    processing_schema: ProcessingSchema | None = None
    deliver_size_interval: int | None = None
    compression_format: str | None = None


class DumpedPartition(WireAnswer):
    """How far a task is in one partition [sample of §5.5.4], and the partition itself [T5-93].

    ``last_transfer_offset`` is the number of the next record to copy; ``discard`` counts the records that were not copied.
    """

    partitionId: str = ""  # noqa: N815 - the name in the protocol
    state: str = ""
    discard: int = 0
    last_transfer_timestamp: int = 0
    last_transfer_offset: int = 0
    partition_id: str = ""
    status: str = ""
    hash_range: str | None = None
    sequence_number_range: str | None = None


class DumpTaskDescription(WireAnswer):
    """One task [§5.5.4]: its destination if that is a bucket, and how far it is in each partition."""

    stream_id: str = ""
    stream_name: str = ""
    task_id: str = ""
    task_name: str = ""
    destination_type: str = OBS
    state: str = ""
    create_time: int = 0
    last_transfer_timestamp: int = 0
    obs_destination_description: OBSDescription | None = None
    partitions: list[DumpedPartition] = []


class DumpTaskId(Message):
    """One task of an action [T5-98]; the local DIS takes the task's name too (ours)."""

    id: str


class DumpTasksAction(Message):
    """POST …/transfer-tasks/action [T5-97]: ``start`` or ``stop`` tasks, all of them or none (ours); answered 200."""

    action: str
    tasks: list[DumpTaskId]


Destination = OBSDestination | DWSDestination | MRSDestination | DLIDestination | CloudTableDestination

DESCRIPTOR_TYPES: dict[type[msgspec.Struct], str] = {
    OBSDestination: OBS,
    DWSDestination: DWS,
    MRSDestination: MRS,
    DLIDestination: DLI,
    CloudTableDestination: CLOUDTABLE,
}
"""The ``destination_type`` of each kind of destination; a descriptor's name begins with it in lower case."""
