"""The source: ``ReadFromDIS`` and ``ReadAllFromDIS``.

Law: Beam's shells are ``transform``, ``read_steps``, the steps (``discover_partitions``, ``watch_partitions``,
``read_partition``, ``poll_partition``, ``decode_page``), the two trackers, ``estimator``, ``event_time``, ``runner_traits``
and ``state_coders``; everything that thinks is plain Python beside them. Nothing here knows HTTP or error codes.
"""

from beam_dis.read.read_steps import ReadFromDISResult
from beam_dis.read.transform import ReadAllFromDIS, ReadFromDIS

__all__ = ["ReadAllFromDIS", "ReadFromDIS", "ReadFromDISResult"]
