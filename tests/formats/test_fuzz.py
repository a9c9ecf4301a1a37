"""Damaged records and schemas: each is read, or is an error of the package, in bounded time and memory.

A test takes 30 seconds, or BEAM_DIS_FUZZ_SECONDS; ``make soak`` gives each 300. BEAM_DIS_FUZZ_SEED repeats its random choices.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import resource
import sys
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pytest
from avro_schemas import drawn, flat_records, nested_records, with_values

from beam_dis.errors import ConfigurationError, DecodeError, EncodeError
from beam_dis.formats import AvroFormat, CSVFormat, JSONFormat, read_schema
from beam_dis.formats.compression import CompressedFormat
from beam_dis.formats.format import Format
from beam_dis.formats.framing import ConfluentFormat, ContainerFormat, SingleObjectFormat
from beam_dis.formats.several_rows import CSVHeaderFormat, CSVLinesFormat, JSONArrayFormat, JSONLinesFormat
from beam_dis.formats.value_types import PLAIN

SECONDS = float(os.environ.get("BEAM_DIS_FUZZ_SECONDS", "30"))
SEED = int(os.environ.get("BEAM_DIS_FUZZ_SEED", "1"))
SCHEMAS = 60
MOST_SECONDS = 3.0
"""The longest that one record or schema may take, of the processor's time."""
MOST_GROWTH = 64 * 1024 * 1024
"""How much this process may grow in the second half of a test, in bytes: what one bomb may have when it is unpacked."""

pytestmark = [pytest.mark.long, pytest.mark.timeout(SECONDS + 120)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A format, and records that it reads."""

    format: Format
    records: list[bytes]


def records_of(schema: Any, values: list[Any], format_: Format) -> Sample | None:
    """The records of those values that the format can write; None if there are none."""
    records = []
    for value in values:
        with suppress(EncodeError):  # of a number that JSON doesn't have
            records.append(format_.encode(value))
    return Sample(format=format_, records=records) if records else None


def samples(schemas: Any, *makers: Callable[[Any], Format]) -> list[Sample]:
    """What each format writes of some schemas' values."""
    cases = drawn(with_values(schemas), SCHEMAS, SEED)
    found = [records_of(schema, values, make(schema)) for schema, values in cases for make in makers]
    return [sample for sample in found if sample is not None]


def container(schema: Any, values: list[Any], codec: str) -> bytes:
    file = BytesIO()
    fastavro.writer(file, fastavro.parse_schema(schema), values, codec=codec)
    return file.getvalue()


def framed_samples() -> list[Sample]:
    """Every framing, compressed in every way, with bombs among the records."""
    zeros = {"type": "record", "name": "Z", "fields": [{"name": "zeros", "type": "bytes"}]}
    lists = {"type": "array", "items": {"type": "array", "items": "null"}}
    nothing = {"type": "record", "name": "N", "fields": [{"name": "lists", "type": lists}]}

    def single(schema: Any) -> Format:
        return SingleObjectFormat(AvroFormat(schema))

    def confluent(schema: Any) -> Format:
        return ConfluentFormat(AvroFormat(schema), {2: zeros, 3: nothing}, 1)

    def file(schema: Any) -> Format:
        return ContainerFormat(AvroFormat(schema))

    found = samples(
        nested_records,
        single,
        confluent,
        file,
        *(lambda schema, name=name: CompressedFormat(file(schema), name) for name in ("gzip", "snappy", "zip")),
        *(lambda schema, name=name: CompressedFormat(JSONFormat(schema), name) for name in ("gzip", "snappy", "zip")),
    )
    files = [container(zeros, [{"zeros": bytes(50_000)}] * 3, codec) for codec in ("null", "deflate")]
    found.append(Sample(format=file(zeros), records=files))
    bombs = [gzip.compress(bytes(2**27)), gzip.compress(gzip.compress(bytes(2**20))), gzip.compress(b"") * 1000]
    bombs.append(zlib.compress(bytes(2**20), wbits=31) * 90)
    found.append(Sample(format=CompressedFormat(single(zeros), "gzip"), records=bombs))
    packed = pa.compress(bytes(2**27), codec="snappy", asbytes=True)
    found.append(Sample(format=CompressedFormat(single(zeros), "snappy"), records=[packed]))
    return found


def avro_samples() -> list[Sample]:
    return samples(nested_records, AvroFormat)


def json_samples() -> list[Sample]:
    return samples(
        nested_records, JSONFormat, lambda s: JSONLinesFormat(JSONFormat(s)), lambda s: JSONArrayFormat(JSONFormat(s))
    )


def csv_samples() -> list[Sample]:
    return samples(
        flat_records(),
        CSVFormat,
        lambda schema: CSVFormat(schema, delimiter="::", null="NA", booleans=("t", "f"), time_zone="Europe/Berlin"),
        lambda schema: CSVLinesFormat(CSVFormat(schema)),
        lambda schema: CSVHeaderFormat(CSVFormat(schema), PLAIN, CSVFormat),
    )


INTERESTING = [
    b"\0", b"\xff", b"\x80" * 9 + b"\1", b"\xff" * 9 + b"\1", b"\xfe\xff\xff\xff\x0f", b"\x80\x80\x80\x80\x80\x80\x01", b"\xed\xa0\x80",
    b'"', b'""', b",", b"\r\n", b"{", b"}", b"[" * 50, b"]", b":", b"null", b"true", b"NaN", b"1e999", b"-0", b"5.0", b"9" * 400,
    b"0.1e-400", b"\\ud800", b"\xef\xbb\xbf", b"2013-01-01T24:00:00Z", b"0000-00-00", b"[" * 5000, b'{"a":' * 3000, b"::", b"_", b"1_0",
    "٣".encode(), b"Infinity", b" ", b"\t",
]  # fmt: skip


def damaged(record: bytes, others: list[bytes], chance: random.Random) -> bytes:
    """A record with one to four random changes."""
    data = bytearray(record)
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(data))
        kind = chance.randrange(8)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << chance.randrange(8)
        elif kind == 1 and data:
            data[at % len(data)] = chance.randrange(256)
        elif kind == 2:
            del data[at:]
        elif kind == 3:
            del data[at : at + chance.randint(1, 8)]
        elif kind == 4:
            data[at:at] = chance.choice(INTERESTING)
        elif kind == 5:
            data[at:at] = data[at : at + chance.randint(1, 20)] * chance.choice([1, 2, 100])
        elif kind == 6:
            data[at:] = chance.choice(others)[at:]
        else:
            data[at : at + 4] = chance.randbytes(4)
    return bytes(data) if chance.random() > 0.02 else chance.randbytes(chance.randint(0, 100))


def resident() -> int:
    """The bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def fuzz(seconds: float, step: Callable[[], Callable[[], None]], undisturbed: Any) -> None:
    """Take steps until the time is over: none takes long, and memory doesn't grow in the second half.

    Args:
        seconds: how long.
        step: makes something random and returns the function that tries it.
        undisturbed: the fixture.
    """
    start, count, half, slowest, longest = time.monotonic(), 0, 0, lambda: None, 0.0
    while (now := time.monotonic()) - start < seconds:
        if not half and now - start > seconds / 2:
            half = resident()
        trial = step()
        begin = time.thread_time()
        trial()
        took = time.thread_time() - begin
        if took > longest:
            longest, slowest = took, trial
        count += 1
    grown = resident() - half

    def again() -> float:
        begin = time.thread_time()
        slowest()
        return time.thread_time() - begin

    sys.stdout.write(
        f"{count} steps, the slowest {longest:.2f} s, {resident() >> 20} MiB, grown by {grown >> 10} KiB\n"
    )
    assert grown < MOST_GROWTH
    assert longest < MOST_SECONDS or undisturbed(again, MOST_SECONDS) < MOST_SECONDS


KINDS = {"avro": avro_samples, "csv": csv_samples, "json": json_samples, "framed": framed_samples}


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_record_is_a_value_or_a_decode_error(kind, undisturbed):
    """A value that is read from a damaged record can be written, and what is written is read as the same."""
    found, chance = KINDS[kind](), random.Random(SEED)
    everything = [record for sample in found for record in sample.records]

    def step() -> Callable[[], None]:
        sample = chance.choice(found)
        data = damaged(chance.choice(sample.records), everything, chance)
        return lambda: try_record(sample.format, data)

    fuzz(SECONDS, step, undisturbed)


def try_record(format_: Format, data: bytes) -> None:
    try:
        value = format_.decode(data)
    except DecodeError as error:
        assert len(str(error)) < 2000  # noqa: PT017 - most records are errors, and some are none
        return
    for one in value if isinstance(value, list) else [value]:
        try:
            written = format_.encode(one)
        except EncodeError as error:
            assert "empty line" in str(error)  # noqa: PT017 - most values can be written
            continue
        again = format_.decode(written)
        (found,) = again if isinstance(again, list) else [again]
        assert format_.encode(found) == written, data


def changed(node: Any, others: list[Any], chance: random.Random) -> Any:
    """A schema with some of its parts replaced, removed, repeated or renamed."""
    kind = chance.random()
    if kind < 0.03:
        return chance.choice(others)
    if kind < 0.05:
        return chance.choice([None, 5, -1, 1.5, True, "", "int", "R", "x y", [], {}, "\ud800", 2**70, "a" * 1000])
    if isinstance(node, dict):
        entries = [(key, changed(value, others, chance)) for key, value in node.items() if chance.random() > 0.01]
        if chance.random() < 0.03:
            entries.append(
                (
                    chance.choice(["default", "aliases", "namespace", "logicalType", "scale", "size", "order"]),
                    chance.choice(others),
                )
            )
        return dict(entries)
    if isinstance(node, list):
        items = [changed(item, others, chance) for item in node if chance.random() > 0.01]
        return items * 2 if chance.random() < 0.01 else items
    return node


def parts_of(node: Any) -> list[Any]:
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    return [node, *(part for item in inner for part in parts_of(item))]


def test_a_damaged_schema_is_a_schema_or_a_configuration_error(undisturbed):
    chance = random.Random(SEED)
    schemas = [schema for schema, _ in drawn(nested_records, SCHEMAS, SEED)]
    parts = [part for schema in schemas for part in parts_of(schema)]

    def step() -> Callable[[], None]:
        schema = changed(chance.choice(schemas), parts, chance)
        text = json.dumps(schema)
        if chance.random() < 0.1:
            text = damaged(text.encode(), [text.encode()], chance).decode("utf-8", "surrogateescape")
        return lambda: try_schema(text)

    fuzz(SECONDS, step, undisturbed)


def try_schema(text: str) -> None:
    for make in (read_schema, AvroFormat, JSONFormat, CSVFormat, lambda text: SingleObjectFormat(AvroFormat(text))):
        with suppress(ConfigurationError):
            make(text)
