"""The source: ``ReadFromDIS``.

Law: Beam's shells are ``transform``, ``discover_partitions``, ``read_partition``, ``decode_page``, ``tracker`` and
``state_coders``; everything that thinks is plain Python beside them. Nothing here knows HTTP, codes or cursors.
"""

from beam_dis.read.transform import ReadFromDIS, ReadFromDISResult

__all__ = ["ReadFromDIS", "ReadFromDISResult"]
