"""The names that Flink's reporter for Prometheus gives the metrics of Beam."""

from __future__ import annotations

import re

PREFIX = "flink_taskmanager_job_task_operator_"


def in_prometheus(name: str) -> str:
    """The name of a metric of Beam, such as ``beam_dis.read.records_read``, in Prometheus."""
    return PREFIX + re.sub("[^a-zA-Z0-9:_]", "_", name)
