"""Messages about streams and their partitions [§5.1].

Fields are named as the official clients parse them, which the reference sometimes spells differently. Counts are partitions,
periods are hours, times are milliseconds.
"""

from __future__ import annotations

from beam_dis.wire.messages import Message, Query, WireAnswer
from beam_dis.wire.ranges import parse_range

STREAM_TYPES = ("COMMON", "ADVANCED")
DATA_TYPES = ("BLOB", "JSON", "CSV")
COMPRESSION_FORMATS = ("snappy", "gzip", "zip")
UPDATE_TYPES = ("DATA_TYPE", "AUTO_SCALE")
PUT_RECORDS, GET_RECORDS, GET_STREAM_INFO = "putRecords", "getRecords", "getStreamInfo"
POLICY_ACTIONS = (PUT_RECORDS, GET_RECORDS, GET_STREAM_INFO)
"""What a policy allows; either of the first two includes the third, which is on the vendor's page DeletePolicies (ours)."""

POLICY_EFFECTS = ("accept",)

CREATING, RUNNING, TERMINATING, FROZEN = "CREATING", "RUNNING", "TERMINATING", "FROZEN"
"""Statuses of a stream [T5-11; the text's TERMINATED is never sent]."""

ACTIVE, DELETED, EXPIRED = "ACTIVE", "DELETED", "EXPIRED"
"""Statuses of a partition: written and read; read only, because it was scaled away; no longer readable [T5-20, user manual dis_01_0401]."""


class CSVProperties(Message):
    """How a CSV stream's records are written [T5-4]; the default ``delimiter`` is a comma."""

    delimiter: str | None = None


class Tag(Message):
    """A tag of a stream [T5-5]; a stream has up to ten."""

    key: str
    value: str | None = None


class CreateStreamRequest(Message):
    """POST /v2/{project_id}/streams [T5-3]; answered 201 without a body."""

    stream_name: str
    partition_count: int
    stream_type: str | None = None
    data_type: str | None = None
    data_duration: int | None = None
    auto_scale_enabled: bool | None = None
    auto_scale_min_partition_count: int | None = None
    auto_scale_max_partition_count: int | None = None
    data_schema: str | None = None
    csv_properties: CSVProperties | None = None
    compression_format: str | None = None
    tags: list[Tag] | None = None
    sys_tags: list[Tag] | None = None


class ListStreamsQuery(Query):
    """GET /v2/{project_id}/streams [T5-8]; 1 to 100 names after ``start_stream_name``, 10 without a limit."""

    limit: int | None = None
    start_stream_name: str | None = None


class StreamInfo(WireAnswer):
    """One stream of a listing [T5-11]; ``stream_id`` is in the reference's sample only, ``private`` in no table [SDK]."""

    stream_id: str = ""
    stream_name: str = ""
    create_time: int = 0
    retention_period: int = 0
    status: str = ""
    stream_type: str = ""
    data_type: str = ""
    data_schema: str | None = None
    private: bool = False
    partition_count: int = 0
    auto_scale_enabled: bool = False
    auto_scale_min_partition_count: int = 0
    auto_scale_max_partition_count: int = 0
    tags: list[Tag] = []
    sys_tags: list[Tag] = []


class ListStreamsResult(WireAnswer):
    """A page of streams, by name [T5-10]; ``total_number`` counts all streams."""

    total_number: int = 0
    stream_names: list[str] = []
    stream_info_list: list[StreamInfo] = []
    has_more_streams: bool = False


class DescribeStreamQuery(Query):
    """GET /v2/{project_id}/streams/{stream_name} [T5-17]; 1 to 1000 partitions after the given one, 100 without a limit.

    Clients send ``start_partitionId``, the reference says ``start_partition_id``: the service takes both [SDK].
    """

    start_partitionId: str | None = None  # noqa: N815 - the name in the protocol
    start_partition_id: str | None = None
    limit_partitions: int | None = None
    stream_id: str | None = None


class PartitionResult(WireAnswer):
    """One partition of a description [T5-20]; the ranges print as ``[lo : hi]``, or are null."""

    status: str = ""
    partition_id: str = ""
    hash_range: str | None = None
    sequence_number_range: str | None = None
    parent_partitions: str | None = None

    @property
    def earliest(self) -> int | None:
        """The sequence number of the oldest record; None without a range, as once the partition has expired."""
        numbers = parse_range(self.sequence_number_range)
        return numbers and numbers.start

    @property
    def next(self) -> int | None:
        """The sequence number that the next record will get; None without a range."""
        numbers = parse_range(self.sequence_number_range)
        return numbers and numbers.end


class PartitionCountUpdate(WireAnswer):
    """One scaling of a stream [T5-22]; ``result_code`` 1 is done, 0 is failed."""

    create_timestamp: int = 0
    src_partition_count: int = 0
    target_partition_count: int = 0
    result_code: int = 1
    auto_scale: bool = False


class StreamDescription(WireAnswer):
    """A stream with its partitions, by number [T5-19]. Writable counts ACTIVE, readable ACTIVE and DELETED ones."""

    stream_id: str = ""
    stream_name: str = ""
    create_time: int = 0
    last_modified_time: int | str = 0
    retention_period: int = 0
    status: str = ""
    stream_type: str = ""
    data_type: str = ""
    data_schema: str | None = None
    compression_format: str | None = None
    csv_properties: CSVProperties | None = None
    writable_partition_count: int = 0
    readable_partition_count: int = 0
    partitions: list[PartitionResult] = []
    has_more_partitions: bool = False
    update_partition_counts: list[PartitionCountUpdate] = []
    tags: list[Tag] = []
    sys_tags: list[Tag] = []
    auto_scale_enabled: bool = False
    auto_scale_min_partition_count: int = 0
    auto_scale_max_partition_count: int = 0


class UpdatePartitionCountRequest(Message, kw_only=True):
    """PUT /v2/{project_id}/streams/{stream_name} [T5-27]: scale to a number of ACTIVE partitions."""

    stream_name: str | None = None
    target_partition_count: int | None = None


class UpdatePartitionCountResult(WireAnswer):
    """The count before and the count asked for [SDK; the reference shows no body]."""

    stream_name: str = ""
    current_partition_count: int = 0
    target_partition_count: int = 0


class UpdateStreamRequest(Message):
    """PUT /v3/{project_id}/streams/{stream_name} [T5-29]; absent fields keep their value (ours); answered 204."""

    stream_name: str | None = None
    data_duration: int | None = None
    data_type: str | None = None
    data_schema: str | None = None
    auto_scale_enabled: bool | None = None
    auto_scale_min_partition_count: int | None = None
    auto_scale_max_partition_count: int | None = None


class ChangeStreamRequest(Message):
    """PUT /v2/{project_id}/streams/{stream_name}/update [vendor's page UpdateStreamAutoScaleInfo; SDK]: type or scaling.

    ``update_type`` says which fields count: DATA_TYPE those of data, AUTO_SCALE those of scaling. Absent ones keep their value.
    """

    update_type: str
    stream_name: str | None = None
    data_type: str | None = None
    data_schema: str | None = None
    auto_scale_enabled: bool | None = None
    auto_scale_min_partition_count: int | None = None
    auto_scale_max_partition_count: int | None = None


class ChangeStreamResult(WireAnswer):
    """The stream and its data type after the change [SDK]."""

    stream_name: str = ""
    target_data_type: str = ""


class ScalingLog(WireAnswer):
    """GET /v2/{project_id}/streams/{stream_name}/update_partition_counts [vendor's page QueryUpdatePartitionCountlog]."""

    update_partition_counts: list[PartitionCountUpdate] = []


class AddPolicyRequest(Message):
    """POST /v2/{project_id}/streams/{stream_name}/policies [T5-32]; answered 201 without a body."""

    stream_id: str
    principal_name: str
    action_type: str
    effect: str | None = None


class AddPolicyByIdRequest(Message):
    """POST /v3/{project_id}/streams/{stream_name}/policies [vendor's page CreatePoliciesv3]; answered 200."""

    stream_id: str
    principal_id: str
    action_type: str
    effect: str | None = None


class DeletePolicyRequest(Message):
    """DELETE /v2/{project_id}/streams/{stream_name}/policies [vendor's page DeletePolicies]; answered 200."""

    stream_id: str
    principal_name: str
    action_type: str
    effect: str | None = None


class PolicyRule(WireAnswer):
    """One permission on a stream [T5-36]."""

    principal: str = ""
    principal_name: str = ""
    action_type: str = ""
    effect: str = "accept"


class ListPoliciesResult(WireAnswer):
    """The permissions on a stream [T5-35]; the reference's sample says ``streamId``, clients read ``stream_id``."""

    stream_id: str = ""
    streamId: str = ""  # noqa: N815 - the name in the protocol
    rules: list[PolicyRule] = []
