"""What a pipeline couldn't read or write, and why.

Law: plain values, no Beam; one shape for the source (records that don't decode) and the sink (elements that can't be
written), so that one step behind the pipeline takes both. A RowCoder carries it; whoever yields it registers that. Beam
reads the annotations as they are, so they are types and not text: no ``from __future__ import annotations`` here, no ``|``.
"""

from typing import Any, NamedTuple, Optional


class DeadLetter(NamedTuple):
    """A record or an element that was left out, with the reason.

    ``error`` is the reason in words. ``code`` is what the service said ("DIS.4302"), "" where it wasn't asked.
    ``stream`` is the stream's name, None where it isn't known.
    ``partition_id`` and ``sequence_number`` place a record that was read; None for what was never written.
    ``partition_key`` and ``data`` are the record's, None where the element never became one.
    ``element`` is what the sink was given (any picklable value), None for the source.
    """

    error: str
    code: str = ""
    stream: Optional[str] = None  # noqa: UP045 - Beam makes an untyped field of ``str | None``
    partition_id: Optional[str] = None  # noqa: UP045
    sequence_number: Optional[int] = None  # noqa: UP045
    partition_key: Optional[str] = None  # noqa: UP045
    data: Optional[bytes] = None  # noqa: UP045
    element: Any = None
