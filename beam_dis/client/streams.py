"""Operations on streams and their partitions [§5.1]; methods of ``DISClient``.

Law: arguments have the wire's names; what is None isn't sent. Counts are partitions, periods are hours, times are
milliseconds. Besides what each names, all raise the general errors of ``DISClient``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from beam_dis.client.answers import Answer, reading, with_answer
from beam_dis.client.session import Session
from beam_dis.wire import streams as wire

_LISTED = 100
_DESCRIBED = 1000


def create_stream(
    client: Session,
    stream_name: str,
    *,
    partition_count: int = 1,
    stream_type: str | None = None,
    data_type: str | None = None,
    data_duration: int | None = None,
    data_schema: str | None = None,
    csv_delimiter: str | None = None,
    compression_format: str | None = None,
    auto_scale_enabled: bool | None = None,
    auto_scale_min_partition_count: int | None = None,
    auto_scale_max_partition_count: int | None = None,
    tags: Mapping[str, str] | None = None,
    retry_lost: bool = False,
) -> None:
    """Make a stream of 1 to 64 letters, digits, ``-`` and ``_`` [§5.1.1].

    ``stream_type`` is COMMON (default; 1 MB a second and partition) or ADVANCED (5 MB), ``data_type`` BLOB (default), JSON
    or CSV, ``data_duration`` 24 (default) to 168 hours of retention, ``data_schema`` an Avro schema as JSON text,
    ``compression_format`` snappy, gzip or zip. ``tags``: at most ten.
    Raises AlreadyExistsError; QuotaExceededError; InvalidRequestError, also for a bad schema (DIS.4360). With
    ``retry_lost`` an answer that was lost is tried again, and AlreadyExistsError may mean that the first attempt made it.
    """
    request = wire.CreateStreamRequest(
        stream_name=stream_name,
        partition_count=partition_count,
        stream_type=stream_type,
        data_type=data_type,
        data_duration=data_duration,
        auto_scale_enabled=auto_scale_enabled,
        auto_scale_min_partition_count=auto_scale_min_partition_count,
        auto_scale_max_partition_count=auto_scale_max_partition_count,
        data_schema=data_schema,
        csv_properties=None if csv_delimiter is None else wire.CSVProperties(csv_delimiter),
        compression_format=compression_format,
        tags=None if tags is None else [wire.Tag(key, value) for key, value in tags.items()],
    )
    client.tell("create_stream", message=request, retry_lost=retry_lost)


def list_streams(
    client: Session, *, limit: int | None = None, start_stream_name: str | None = None
) -> wire.ListStreamsResult:
    """A page of streams by name: 1 to 100 (10 without ``limit``), those behind ``start_stream_name`` [§5.1.2].

    ``total_number`` counts all there are; ``iter_streams`` goes through all pages.
    """
    return client.ask(
        "list_streams", reading(wire.ListStreamsResult), message=wire.ListStreamsQuery(limit, start_stream_name)
    )


def iter_streams(client: Session) -> Iterator[str]:
    """The names of all streams of the project, sorted."""
    start = None
    while True:
        page = list_streams(client, limit=_LISTED, start_stream_name=start)
        yield from page.stream_names
        if not page.has_more_streams or not page.stream_names:
            return
        start = page.stream_names[-1]


def delete_stream(client: Session, stream_name: str) -> None:
    """Delete a stream with its records, checkpoints and tags [§5.1.3]. Raises StreamNotFoundError."""
    client.tell("delete_stream", stream_name=stream_name)


def describe_stream(
    client: Session,
    stream_name: str,
    *,
    stream_id: str | None = None,
    start_partition_id: str | None = None,
    limit_partitions: int | None = None,
) -> wire.StreamDescription:
    """A stream and a page of its partitions by number: 1 to 1000 (100 without limit), behind ``start_partition_id`` [§5.1.4].

    ``stream_id`` counts where the name doesn't resolve, as for a stream shared by another project. A partition's
    ``sequence_number_range`` prints as ``[earliest : next]``. ``describe_whole_stream`` has every partition.
    Raises StreamNotFoundError.
    """
    description, _ = describe_page(
        client,
        stream_name,
        stream_id=stream_id,
        start_partition_id=start_partition_id,
        limit_partitions=limit_partitions,
    )
    return description


def describe_whole_stream(client: Session, stream_name: str, *, stream_id: str | None = None) -> wire.StreamDescription:
    """A stream with every partition, by number, from as many pages as it takes. Raises StreamNotFoundError."""
    description, _ = describe_pages(client, stream_name, stream_id=stream_id)
    return description


def describe_pages(
    client: Session, stream_name: str, *, stream_id: str | None = None
) -> tuple[wire.StreamDescription, Answer]:
    """A stream with every partition, and the answer that its first page came in."""
    whole, first = describe_page(client, stream_name, stream_id=stream_id, limit_partitions=_DESCRIBED)
    page = whole
    while page.has_more_partitions and page.partitions:
        page, _ = describe_page(
            client,
            stream_name,
            stream_id=stream_id,
            start_partition_id=page.partitions[-1].partition_id,
            limit_partitions=_DESCRIBED,
        )
        whole.partitions.extend(page.partitions)
    whole.has_more_partitions = False
    return whole, first


def describe_page(
    client: Session,
    stream_name: str,
    *,
    stream_id: str | None = None,
    start_partition_id: str | None = None,
    limit_partitions: int | None = None,
) -> tuple[wire.StreamDescription, Answer]:
    """One page of a description, and the answer it came in."""
    query = wire.DescribeStreamQuery(
        start_partitionId=start_partition_id, limit_partitions=limit_partitions, stream_id=stream_id
    )
    return client.ask(
        "describe_stream", with_answer(reading(wire.StreamDescription)), message=query, stream_name=stream_name
    )


def update_partition_count(
    client: Session, stream_name: str, *, target_partition_count: int
) -> wire.UpdatePartitionCountResult:
    """Scale a stream to a number of partitions that take records, at least 1 [§5.1.5].

    Partitions scaled away can be read until their retention has passed; scaling up restores them first.
    Raises StreamNotFoundError, QuotaExceededError, StreamNotRunningError, ThrottledError (a few times an hour at most).
    """
    request = wire.UpdatePartitionCountRequest(stream_name=stream_name, target_partition_count=target_partition_count)
    return client.ask(
        "update_partition_count",
        reading(wire.UpdatePartitionCountResult, may_be_empty=True),
        message=request,
        stream_name=stream_name,
    )


def update_stream(
    client: Session,
    stream_name: str,
    *,
    data_duration: int | None = None,
    data_type: str | None = None,
    data_schema: str | None = None,
    auto_scale_enabled: bool | None = None,
    auto_scale_min_partition_count: int | None = None,
    auto_scale_max_partition_count: int | None = None,
) -> None:
    """Change a stream's retention (hours), data type, schema or scaling; what is None stays [§5.1.6].

    Raises StreamNotFoundError; InvalidRequestError, also for a bad schema (DIS.4360).
    """
    request = wire.UpdateStreamRequest(
        stream_name=stream_name,
        data_duration=data_duration,
        data_type=data_type,
        data_schema=data_schema,
        auto_scale_enabled=auto_scale_enabled,
        auto_scale_min_partition_count=auto_scale_min_partition_count,
        auto_scale_max_partition_count=auto_scale_max_partition_count,
    )
    client.tell("update_stream", message=request, stream_name=stream_name)


def add_policy(
    client: Session,
    stream_name: str,
    *,
    stream_id: str,
    principal_names: Sequence[str],
    action_type: str,
    effect: str = "accept",
    retry_lost: bool = False,
) -> None:
    """Let other accounts use a stream [§5.1.7].

    ``principal_names`` are ``"domain.*"`` or ``"domain.user"``, ``action_type`` is ``"putRecords"`` or ``"getRecords"``.
    Raises StreamNotFoundError, also where ``stream_id`` is another stream's. ``retry_lost`` as in ``create_stream``.
    """
    request = wire.AddPolicyRequest(stream_id, ",".join(principal_names), action_type, effect)
    client.tell("add_policy", message=request, retry_lost=retry_lost, stream_name=stream_name)


def list_policies(client: Session, stream_name: str) -> wire.ListPoliciesResult:
    """Who else may use a stream [§5.1.8]. Raises StreamNotFoundError."""
    return client.ask("list_policies", reading(wire.ListPoliciesResult), stream_name=stream_name)
