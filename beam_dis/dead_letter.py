"""The dead letter: a record that couldn't be read, or an element that couldn't be written, and why.

Rules:
1. A plain value, no Beam. The transforms that yield it register a RowCoder for it.
2. One class for the source and the sink, so that one step of a pipeline can take the dead letters of both.
3. Beam reads the annotations at run time, so this file has no ``from __future__ import annotations`` and no ``|``.
4. As a line of JSON a dead letter can be kept in a file or a stream, and be replayed: see ``beam-dis dead-letters``.
"""

from contextlib import suppress
from typing import Any, NamedTuple, Optional

import msgspec

from beam_dis.errors import DecodeError


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

    def to_json(self) -> bytes:
        """The dead letter as one line of JSON: ``letters | beam.Map(DeadLetter.to_json)``.

        Data that is UTF-8 text is in the field ``text``, other data in base64 in ``data``. An element that JSON can't express is its
        ``repr``. What is None is left out.
        """
        text, data = None, self.data
        if data is not None:
            with suppress(UnicodeDecodeError):
                text, data = data.decode(), None
        error = self.error.encode("utf-8", "backslashreplace").decode()
        code = self.code or None
        fields = {
            **self._asdict(),
            "error": error,
            "code": code,
            "text": text,
            "data": data,
            "element": _json_of(self.element),
        }
        return msgspec.json.encode({name: value for name, value in fields.items() if value is not None})

    @classmethod
    def from_json(cls, line: bytes) -> "DeadLetter":
        """The dead letter of such a line; its element is what JSON has of it. Raises DecodeError for any other text."""
        try:
            found = msgspec.json.decode(line, type=_LetterLine)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise DecodeError(f"not a dead letter as a line of JSON: {error}") from error
        data = found.data if found.text is None else found.text.encode("utf-8", "surrogatepass")
        place = (found.stream, found.partition_id, found.sequence_number, found.partition_key)
        return cls(found.error, found.code, *place, data, found.element)


class _LetterLine(msgspec.Struct):
    error: str
    code: str = ""
    stream: Optional[str] = None  # noqa: UP045
    partition_id: Optional[str] = None  # noqa: UP045
    sequence_number: Optional[int] = None  # noqa: UP045
    partition_key: Optional[str] = None  # noqa: UP045
    text: Optional[str] = None  # noqa: UP045
    data: Optional[bytes] = None  # noqa: UP045
    element: Any = None


def _json_of(element: Any) -> Any:
    if element is None:
        return None
    try:
        return msgspec.Raw(msgspec.json.encode(element, enc_hook=repr))
    except (TypeError, ValueError, RecursionError, OverflowError):
        return repr(element)
