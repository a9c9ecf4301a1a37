"""Copies a stream from one DIS to another: ``copy_stream``. No Beam is imported.

Rules:

1. Partition ``n`` is copied into partition ``n``, in its order, with each record's key and bytes. What the partitions got before
   the stream was scaled is copied before what they got afterwards, so each key stays in order.
2. How far a copy is, is kept by the target: in checkpoints of an app that say which number of the source a number of the target
   is, and in the numbers themselves. So a copy that ended or was killed goes on where it was, without a state of its own.
3. Nothing but one copy may write to the target: a copy that finds other records there ends with an error.

::

    with DISClient(source) as old, DISClient(target) as new:
        copy_stream(old, new, "orders")
"""

from beam_dis.copying.stream_copy import Copied, copy_stream

__all__ = ["Copied", "copy_stream"]
