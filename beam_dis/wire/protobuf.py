"""The records of a put and of a page in the encoding of Protocol Buffers, in place of JSON [§5.4; SDK message.proto].

Rules:

1. The numbers of the fields are those of the vendor's file. No field is required, because clients differ about which ones are.
2. The structs are those of ``beam_dis.wire.records``: nothing else knows of protobuf.
3. Nothing is parsed further than a put's limit of records: a body of 12 MiB could have six million empty ones.
4. Fields that no struct has are passed over, as in JSON; of a field that is there twice, the last counts.
5. This is code of ours because it is on the path of every record: the library isn't faster, and it can't bound what it parses.
"""

from __future__ import annotations

from beam_dis.wire.error_codes import Refusal
from beam_dis.wire.records import (
    GetRecordsResult,
    PutRecordsRequest,
    PutRecordsRequestEntry,
    PutRecordsResult,
    PutRecordsResultEntry,
    ReadRecord,
)

PROTOBUF = "application/x-protobuf"

_BYTES = 2
"""The wire type of text, bytes and messages: their length comes first."""
_FIXED = {1: 8, 5: 4}
"""The wire types of numbers with a fixed size."""
_MAX_TAG = 0xFFFF_FFFF

_PUT_NAME, _PUT_RECORDS, _PUT_ID = (number << 3 | _BYTES for number in (1, 2, 30))
_DATA, _HASH_KEY, _KEY, _PARTITION = (number << 3 | _BYTES for number in (3, 4, 5, 6))


def decode_put(body: bytes, max_records: int) -> PutRecordsRequest:
    """Decode the body of a put.

    Raises:
        Refusal: DIS.4202 if the body is empty, 4300 if it doesn't parse, HTTP 413 if it has more than ``max_records``.
    """
    if not body:
        raise Refusal(4202)
    name = stream_id = b""
    entries: list[PutRecordsRequestEntry] = []
    position, end = 0, len(body)
    try:
        while position < end:
            tag = body[position]
            if tag == _PUT_RECORDS:  # nearly all of them, so without a call of _field
                size, start = _size(body, position + 1)
                position = start + size
            else:
                tag, start, position = _field(body, position, end)
            if tag == _PUT_RECORDS:
                if len(entries) == max_records:
                    raise Refusal(4200, f"the body has more than the {max_records} records of a request", status=413)
                entries.append(_entry(body, start, position))
            elif tag == _PUT_NAME:
                name = body[start:position]
            elif tag == _PUT_ID:
                stream_id = body[start:position]
        if position != end:
            raise ValueError("it ends too early")
        return PutRecordsRequest(name.decode() or None, stream_id.decode() or None, entries)
    except (IndexError, ValueError) as error:
        raise Refusal(4300, f"the body is not protobuf: {error}") from error


def encode_answer(answer: PutRecordsResult | GetRecordsResult) -> bytes:
    """Encode the answer to a put or a get."""
    if isinstance(answer, GetRecordsResult):
        return b"".join((_text(14, answer.next_partition_cursor), *_page(answer.records)))
    count = b"\xa8\x01" + _varint(answer.failed_record_count)
    return b"".join((count, *(_sized(22, _result(entry)) for entry in answer.records)))


def _entry(body: bytes, position: int, end: int) -> PutRecordsRequestEntry:
    """One record of a put. An absent partition key isn't an empty one, which is refused."""
    data = key = hash_key = partition = None
    while position < end:
        tag, size = body[position], body[position + 1]
        start = position + 2
        if tag > 127 or tag & 7 != _BYTES:
            tag, start, position = _field(body, position, end)
            continue  # no field that counts here has such a tag
        if size > 127:
            size, start = _size(body, position + 1)
        position = start + size
        if tag == _DATA:
            data = body[start:position]
        elif tag == _KEY:
            key = body[start:position].decode()
        elif tag == _HASH_KEY:
            hash_key = body[start:position].decode()
        elif tag == _PARTITION:
            partition = body[start:position].decode()
    if position != end:
        raise ValueError("a record doesn't end where it should")
    return PutRecordsRequestEntry(data, key, hash_key, partition or None)


def _field(body: bytes, position: int, end: int) -> tuple[int, int, int]:
    """The tag of the field at ``position``, and where its value starts and ends. ValueError if it doesn't end by ``end``."""
    tag, start = _number(body, position)
    wire_type = tag & 7
    if wire_type == _BYTES:
        size, start = _number(body, start)
    elif wire_type == 0:
        size = _number(body, start)[1] - start
    elif wire_type in _FIXED:
        size = _FIXED[wire_type]
    else:
        raise ValueError(f"it has a field of wire type {wire_type}")
    if not 8 <= tag <= _MAX_TAG:
        raise ValueError(f"{tag >> 3} is no number of a field")
    if start + size > end:
        raise ValueError("a field doesn't end where it should")
    return tag, start, start + size


def _size(body: bytes, position: int) -> tuple[int, int]:
    """The same as :func:`_number`, quicker for the size of a small record."""
    low = body[position]
    if low < 128:
        return low, position + 1
    high = body[position + 1]
    if high < 128:
        return low & 127 | high << 7, position + 2
    return _number(body, position)


def _number(body: bytes, position: int) -> tuple[int, int]:
    """The number at ``position``, in groups of 7 bits, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        byte = body[position]
        position += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, position
    raise ValueError("a number has more than 10 bytes")


def _page(records: list[ReadRecord]) -> list[bytes]:
    """The records of a page in pieces, so that data are copied once. Those of one put have the same time, encoded once."""
    pieces: list[bytes] = []
    time, tail = -1, b""
    for record in records:
        if record.timestamp != time:
            time = record.timestamp
            tail = b"\xd8\x01" + _varint(time) + _text(28, record.timestamp_type)
        key, data, number = record.partition_key, record.data, record.sequence_number
        head = _text(18, number) if key is None else _text(17, key) + _text(18, number)
        size = _varint(len(data))
        whole = len(head) + 2 + len(size) + len(data) + len(tail)
        pieces += (b"\x82\x01", _varint(whole), head, b"\x9a\x01", size, data, tail)
    return pieces


def _result(entry: PutRecordsResultEntry) -> bytes:
    values = (entry.partition_id, entry.sequence_number, entry.error_code, entry.error_message)
    return b"".join([_text(number, value) for number, value in enumerate(values, 23) if value is not None])


def _text(number: int, value: str) -> bytes:
    return _sized(number, value.encode())


def _sized(number: int, value: bytes) -> bytes:
    """A field with a text, bytes or a message."""
    return _TAGS[number] + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    """A number in groups of 7 bits, the lowest first."""
    if number < 128:
        return _ONE_BYTE[number]
    if number < 1 << 14:
        return bytes((number & 127 | 128, number >> 7))
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


_ONE_BYTE = [bytes([number]) for number in range(128)]
_TAGS = {number: _varint(number << 3 | _BYTES) for number in range(1, 31)}
