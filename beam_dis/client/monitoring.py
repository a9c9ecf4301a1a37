"""The operations of monitoring: what happens to streams and partitions, by minute [§5.6]. Times are seconds since 1970."""

from __future__ import annotations

from collections.abc import Sequence

from beam_dis.client.answers import reading
from beam_dis.client.api import API
from beam_dis.client.arguments import checks_arguments
from beam_dis.wire import monitoring as wire


class MonitoringOperations:
    """The methods of ``DISClient`` about monitoring. All raise the general errors that ``DISClient`` lists."""

    _api: API

    @checks_arguments
    def stream_metrics(
        self, stream_name: str, *, labels: Sequence[str], start_time: int, end_time: int
    ) -> dict[str, list[wire.DataPoint]]:
        """Return what happened to a stream in each minute of a period [§5.6.1].

        Args:
            stream_name: the stream.
            labels: what to return, at least one: ``total_put_bytes_per_stream`` and the same with ``get`` or ``records``;
                ``total_put_req_latency`` (a mean, ms) and ``total_put_req_suc_per_stream``, also with ``get``;
                ``traffic_control_put`` and ``traffic_control_get``, the requests that were throttled.
            start_time: the beginning of the period, at most seven days before its end.
            end_time: its end.

        Returns:
            For each label its points, by time. Their ``timestamp`` is the beginning of a minute in seconds, ``value`` what was counted.

        Raises:
            StreamNotFoundError: there is no such stream.
            InvalidRequestError: a label isn't one of a stream's (DIS.4209), or the period is wrong (DIS.4203, 4204).
        """
        return _points(
            self._api.call(
                "stream_metrics",
                reading(wire.MetricsResult),
                message=_query(labels, start_time, end_time),
                stream_name=stream_name,
            )
        )

    @checks_arguments
    def partition_metrics(
        self, stream_name: str, *, partition_id: int | str, labels: Sequence[str], start_time: int, end_time: int
    ) -> dict[str, list[wire.DataPoint]]:
        """Return what happened to a partition in each minute of a period [§5.6.2]; arguments as for ``stream_metrics``.

        The labels are ``total_put_bytes_per_partition`` and the same with ``get`` or ``records``.

        Raises:
            StreamNotFoundError: there is no such stream.
            PartitionNotFoundError: there is no such partition.
            InvalidRequestError: a label isn't one of a partition's (DIS.4209), or the period is wrong (DIS.4203, 4204).
        """
        return _points(
            self._api.call(
                "partition_metrics",
                reading(wire.MetricsResult),
                message=_query(labels, start_time, end_time),
                stream_name=stream_name,
                partition_id=str(partition_id),
            )
        )


def _query(labels: Sequence[str], start_time: int, end_time: int) -> wire.MetricsQuery:
    return wire.MetricsQuery(label_list=",".join(labels), start_time=str(start_time), end_time=str(end_time))


def _points(found: wire.MetricsResult) -> dict[str, list[wire.DataPoint]]:
    return {series.label: series.dataPoints for series in found.metrics_list or [found.metrics]}
