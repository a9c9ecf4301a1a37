"""The operations on streams and their partitions [§5.1].

Arguments have the wire's names, and those that are None aren't sent. Counts are partitions, periods are hours, times are
milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from beam_dis.client.answers import GoodAnswer, nothing, reading, with_answer
from beam_dis.client.api import API
from beam_dis.client.arguments import checks_arguments
from beam_dis.wire import streams as wire

_LISTED = 100
_DESCRIBED = 1000


class StreamOperations:
    """The methods of ``DISClient`` about streams. All raise the general errors that ``DISClient`` lists."""

    _api: API

    @checks_arguments
    def create_stream(
        self,
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
        """Create a stream [§5.1.1].

        Args:
            stream_name: 1 to 64 letters, digits, ``-`` and ``_``.
            partition_count: at least 1.
            stream_type: COMMON (default; 1 MB per second and partition) or ADVANCED (5 MB).
            data_type: BLOB (default), JSON or CSV.
            data_duration: hours of retention, 24 (default) to 168.
            data_schema: an Avro schema as JSON text.
            csv_delimiter: a comma by default.
            compression_format: snappy, gzip or zip.
            auto_scale_enabled: let the service scale the stream.
            auto_scale_min_partition_count: down to this number.
            auto_scale_max_partition_count: up to this number.
            tags: up to ten.
            retry_lost: send the request again if its answer is lost. AlreadyExistsError may then mean that the first attempt
                created it.

        Raises:
            AlreadyExistsError: the name is taken.
            QuotaExceededError: the project's partitions are used up.
            InvalidRequestError: a value is out of range, or the schema isn't an Avro schema (DIS.4360).
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
        self._api.call("create_stream", nothing, message=request, retry_lost=retry_lost)

    @checks_arguments
    def list_streams(self, *, limit: int | None = None, start_stream_name: str | None = None) -> wire.ListStreamsResult:
        """Return a page of streams by name [§5.1.2]; ``iter_streams`` goes through all pages.

        Args:
            limit: 1 to 100, default 10.
            start_stream_name: the page begins after this name.

        Returns:
            The page; ``total_number`` counts all streams of the project.
        """
        return self._api.call(
            "list_streams", reading(wire.ListStreamsResult), message=wire.ListStreamsQuery(limit, start_stream_name)
        )

    @checks_arguments
    def iter_streams(self) -> Iterator[str]:
        """Yield the names of all streams of the project, sorted."""
        start = None
        while True:
            page = self.list_streams(limit=_LISTED, start_stream_name=start)
            yield from page.stream_names
            if not page.has_more_streams or not page.stream_names:
                return
            start = page.stream_names[-1]

    @checks_arguments
    def delete_stream(self, stream_name: str) -> None:
        """Delete a stream with its records, checkpoints and tags [§5.1.3]. Raises StreamNotFoundError."""
        self._api.call("delete_stream", nothing, stream_name=stream_name)

    @checks_arguments
    def describe_stream(
        self,
        stream_name: str,
        *,
        stream_id: str | None = None,
        start_partition_id: int | str | None = None,
        limit_partitions: int | None = None,
    ) -> wire.StreamDescription:
        """Return a stream and a page of its partitions [§5.1.4]; ``describe_whole_stream`` returns every partition.

        Args:
            stream_name: the stream.
            stream_id: counts if the name isn't found, as for a stream shared by another project.
            start_partition_id: the page begins after this partition, a number or an id.
            limit_partitions: 1 to 1000, default 100.

        Returns:
            The description. A partition's ``earliest`` and ``next`` are the sequence numbers of its oldest record and of the
            one that will be written next, None once it has expired.

        Raises:
            StreamNotFoundError: there is no stream of that name or id.
        """
        start = None if start_partition_id is None else str(start_partition_id)
        description, _ = describe_page(self._api, stream_name, stream_id, start, limit_partitions)
        return description

    @checks_arguments
    def describe_whole_stream(self, stream_name: str, *, stream_id: str | None = None) -> wire.StreamDescription:
        """Return a stream with every partition, by number, in as many requests as it takes. Raises StreamNotFoundError."""
        description, _ = describe_pages(self._api, stream_name, stream_id=stream_id)
        return description

    @checks_arguments
    def update_partition_count(
        self, stream_name: str, *, target_partition_count: int
    ) -> wire.UpdatePartitionCountResult:
        """Scale a stream to a number of partitions that take records, at least 1 [§5.1.5].

        A partition that is scaled away can be read until its retention has passed; scaling up restores it first.

        Raises:
            StreamNotFoundError: there is no such stream.
            QuotaExceededError: the project's partitions are used up.
            StreamNotRunningError: the stream is being created or deleted, or is frozen.
            ThrottledError: it can be scaled a few times per hour.
        """
        return self._api.call(
            "update_partition_count",
            reading(wire.UpdatePartitionCountResult, may_be_empty=True),
            message=wire.UpdatePartitionCountRequest(
                stream_name=stream_name, target_partition_count=target_partition_count
            ),
            stream_name=stream_name,
        )

    @checks_arguments
    def update_stream(
        self,
        stream_name: str,
        *,
        data_duration: int | None = None,
        data_type: str | None = None,
        data_schema: str | None = None,
        auto_scale_enabled: bool | None = None,
        auto_scale_min_partition_count: int | None = None,
        auto_scale_max_partition_count: int | None = None,
    ) -> None:
        """Change a stream's retention (hours), data type, schema or scaling [§5.1.6]; arguments as for ``create_stream``.

        Arguments that are None leave the stream's values unchanged.

        Raises:
            StreamNotFoundError: there is no such stream.
            InvalidRequestError: a value is out of range, or the schema isn't an Avro schema (DIS.4360).
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
        self._api.call("update_stream", nothing, message=request, stream_name=stream_name)

    @checks_arguments
    def change_stream(
        self,
        stream_name: str,
        *,
        update_type: str,
        data_type: str | None = None,
        data_schema: str | None = None,
        auto_scale_enabled: bool | None = None,
        auto_scale_min_partition_count: int | None = None,
        auto_scale_max_partition_count: int | None = None,
    ) -> wire.ChangeStreamResult:
        """Change a stream's data type and schema, or its scaling, by another route than ``update_stream`` [vendor's pages].

        Arguments that are None leave the stream's values unchanged.

        Args:
            stream_name: the stream.
            update_type: ``"DATA_TYPE"`` or ``"AUTO_SCALE"``: only the arguments that belong to it count.
            data_type: with DATA_TYPE; BLOB, JSON or CSV.
            data_schema: with DATA_TYPE; an Avro schema as JSON text.
            auto_scale_enabled: with AUTO_SCALE; let the service scale the stream.
            auto_scale_min_partition_count: down to this number.
            auto_scale_max_partition_count: up to this number.

        Raises:
            StreamNotFoundError: there is no such stream.
            InvalidRequestError: a value is out of range, or the schema isn't an Avro schema (DIS.4360).
        """
        request = wire.ChangeStreamRequest(
            update_type=update_type,
            stream_name=stream_name,
            data_type=data_type,
            data_schema=data_schema,
            auto_scale_enabled=auto_scale_enabled,
            auto_scale_min_partition_count=auto_scale_min_partition_count,
            auto_scale_max_partition_count=auto_scale_max_partition_count,
        )
        return self._api.call(
            "change_stream",
            reading(wire.ChangeStreamResult, may_be_empty=True),
            message=request,
            stream_name=stream_name,
        )

    @checks_arguments
    def scaling_log(self, stream_name: str) -> list[wire.PartitionCountUpdate]:
        """Return how a stream was scaled: when, and from how many partitions to how many. Raises StreamNotFoundError."""
        return self._api.call("scaling_log", reading(wire.ScalingLog), stream_name=stream_name).update_partition_counts

    @checks_arguments
    def add_policy(
        self,
        stream_name: str,
        *,
        stream_id: str,
        principal_names: Sequence[str],
        action_type: str,
        effect: str = "accept",
        retry_lost: bool = False,
    ) -> None:
        """Let other accounts use a stream, by its id, from their own projects [§5.1.7].

        Args:
            stream_name: the stream.
            stream_id: its id.
            principal_names: ``"domain.*"`` or ``"domain.user"`` for each; at least one.
            action_type: ``"putRecords"`` or ``"getRecords"``; ``"getStreamInfo"`` only to describe it.
            effect: ``"accept"``.
            retry_lost: send the request again if its answer is lost.

        Raises:
            StreamNotFoundError: there is no such stream, or ``stream_id`` is another stream's.
        """
        request = wire.AddPolicyRequest(stream_id, ",".join(principal_names), action_type, effect)
        self._api.call("add_policy", nothing, message=request, retry_lost=retry_lost, stream_name=stream_name)

    @checks_arguments
    def add_policy_by_id(
        self,
        stream_name: str,
        *,
        stream_id: str,
        principal_ids: Sequence[str],
        action_type: str,
        effect: str = "accept",
        retry_lost: bool = False,
    ) -> None:
        """Let other accounts use a stream: as ``add_policy``, with the ids of accounts or users [vendor's page CreatePoliciesv3].

        Args:
            stream_name: the stream.
            stream_id: its id.
            principal_ids: the id of each account or user; at least one. A local DIS takes names for ids.
            action_type: as for ``add_policy``.
            effect: ``"accept"``.
            retry_lost: send the request again if its answer is lost.

        Raises:
            StreamNotFoundError: there is no such stream, or ``stream_id`` is another stream's.
        """
        request = wire.AddPolicyByIdRequest(stream_id, ",".join(principal_ids), action_type, effect)
        self._api.call("add_policy_by_id", nothing, message=request, retry_lost=retry_lost, stream_name=stream_name)

    @checks_arguments
    def delete_policy(
        self,
        stream_name: str,
        *,
        stream_id: str,
        principal_names: Sequence[str],
        action_type: str,
        effect: str = "accept",
    ) -> None:
        """Take back what ``add_policy`` allowed; arguments as there [vendor's page DeletePolicies].

        What wasn't allowed counts as taken back.

        Raises:
            StreamNotFoundError: there is no such stream, or ``stream_id`` is another stream's.
        """
        request = wire.DeletePolicyRequest(stream_id, ",".join(principal_names), action_type, effect)
        self._api.call("delete_policy", nothing, message=request, stream_name=stream_name)

    @checks_arguments
    def list_policies(self, stream_name: str) -> wire.ListPoliciesResult:
        """Return which other accounts may use a stream [§5.1.8]. Raises StreamNotFoundError."""
        return self._api.call("list_policies", reading(wire.ListPoliciesResult), stream_name=stream_name)


def describe_pages(
    api: API, stream_name: str, *, stream_id: str | None = None
) -> tuple[wire.StreamDescription, GoodAnswer]:
    """Return a stream with every partition, and the answer with its first page."""
    whole, first = describe_page(api, stream_name, stream_id, None, _DESCRIBED)
    page = whole
    while page.has_more_partitions and page.partitions:
        page, _ = describe_page(api, stream_name, stream_id, page.partitions[-1].partition_id, _DESCRIBED)
        whole.partitions.extend(page.partitions)
    whole.has_more_partitions = False
    return whole, first


def describe_page(
    api: API, stream_name: str, stream_id: str | None, start_partition_id: str | None, limit: int | None
) -> tuple[wire.StreamDescription, GoodAnswer]:
    """Return one page of a description, and its answer."""
    query = wire.DescribeStreamQuery(start_partitionId=start_partition_id, limit_partitions=limit, stream_id=stream_id)
    return api.call(
        "describe_stream", with_answer(reading(wire.StreamDescription)), message=query, stream_name=stream_name
    )
