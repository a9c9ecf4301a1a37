"""Reads streams in a program without a pipeline: the commands of ``beam-dis`` that read. No Beam is imported.

Rules:

1. A partition's records come in the order of their numbers. What is promised between partitions is said by each function.
2. Nothing is committed: no app's checkpoint moves.
3. Failures that may pass are waited out, by the table of ``beam_dis.outages``.
4. Records that have expired before they were read are skipped, and ``warn`` is called with their number.
5. Memory is bounded, however many partitions a stream has.
"""

from beam_dis.consumer.bounds import Bounds, LastRecords, bounds_of
from beam_dis.consumer.partition_pages import PartitionPage
from beam_dis.consumer.stream_reader import Arrival, StreamReader

__all__ = ["Arrival", "Bounds", "LastRecords", "PartitionPage", "StreamReader", "bounds_of"]
