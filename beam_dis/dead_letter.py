"""The dead letter: a record that couldn't be read, or an element that couldn't be written, and why.

Rules:
1. A plain value, no Beam. The transforms that yield it register a RowCoder for it.
2. One class for the source and the sink, so that one step of a pipeline can take the dead letters of both.
3. Beam reads the annotations at run time, so this file has no ``from __future__ import annotations`` and no ``|``.
"""

from typing import Any, NamedTuple, Optional


class DeadLetter(NamedTuple):
    """A record or an element that was left out, with the reason.

    Attributes:
        error: the reason, as a message.
        code: the service's error code, such as ``"DIS.4302"``; ``""`` if the service wasn't asked.
        stream: the stream's name, None if it isn't known.
        partition_id: the partition of a record that was read; None for an element that was never written.
        sequence_number: the record's number in that partition; None for an element that was never written.
        partition_key: the record's key; None if there is none, or if the element never became a record.
        data: the record's data; None if the element never became a record.
        element: the element that the sink was given, any picklable value; None for the source.
    """

    error: str
    code: str = ""
    stream: Optional[str] = None  # noqa: UP045 - Beam makes an untyped field of ``str | None``
    partition_id: Optional[str] = None  # noqa: UP045
    sequence_number: Optional[int] = None  # noqa: UP045
    partition_key: Optional[str] = None  # noqa: UP045
    data: Optional[bytes] = None  # noqa: UP045
    element: Any = None
