"""Formats: decoding and encoding of Beam rows, compared with loops written by hand on fastavro, csv and msgspec.

Run: ``python benchmarks/formats.py [turns]``. Each pair works on the same records and gives or takes the same rows, which is
checked. The sides take turns in short slices; the ratio of a pair is the median of the ratios of its turns, so that a busy machine
slows both sides alike. A ratio of 1 is as fast as by hand. By hand, values aren't checked.

Two tables have another left side: a bad record is compared with four good ones, and a record of another known schema with one of the
schema of the rows.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from io import BytesIO
from operator import attrgetter
from pathlib import Path
from typing import Any

import fastavro
import msgspec
from apache_beam.utils.timestamp import Timestamp

from beam_dis import AvroCoder, CSVCoder, JSONCoder
from beam_dis.coders.batches import ArrowBatches, BatchedRowHint, RowBatches
from beam_dis.coders.resolve import ArrowDecoder
from beam_dis.errors import DecodeError, EncodeError
from beam_dis.read.decode_batches import BatchDecoder
from beam_dis.record import DISRecord

PIPELINES = Path(__file__).parents[1] / "pipelines"
TURNS = 60
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
MILLIS = {"type": "long", "logicalType": "timestamp-millis"}

Side = Callable[[], Any]
Pair = tuple[str, Side, Side]

FLIGHTS = (PIPELINES / "flights.avsc").read_text()
ITEM = {
    "type": "record",
    "name": "Item",
    "fields": [
        {"name": "sku", "type": "string"},
        {"name": "quantity", "type": "int"},
        {"name": "price", "type": "double"},
        {"name": "packed", "type": MILLIS},
    ],
}
ORDERS = json.dumps(
    {
        "type": "record",
        "name": "Order",
        "fields": [
            {"name": "id", "type": "long"},
            {"name": "customer", "type": ["null", "string"]},
            {"name": "placed", "type": MILLIS},
            {"name": "items", "type": {"type": "array", "items": ITEM}},
        ],
    }
)
KINDS = ["long", "double", "string"]
WIDE = json.dumps(
    {
        "type": "record",
        "name": "Wide",
        "fields": [
            {"name": f"f{number}", "type": ["null", KINDS[number % 3]], "default": None} for number in range(300)
        ],
    }
)


def main() -> None:
    turns = int(sys.argv[1]) if len(sys.argv) > 1 else TURNS
    print(
        f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores;"
        f" {turns} turns"
    )
    print(f"\n{'':28}{'by hand':>12}{'beam_dis':>12}{'ratio':>8}   µs a record")
    for title, count, pairs in sections():
        print(title)
        for name, by_hand, ours in pairs:
            hand, own, ratio = compared(by_hand, ours, turns)
            print(f"  {name:26}{hand / count * 1e6:>12.2f}{own / count * 1e6:>12.2f}{ratio:>8.2f}")


def compared(by_hand: Side, ours: Side, turns: int) -> tuple[float, float, float]:
    """The best times of both sides, and the median ratio of their turns."""
    hand, own = [], []
    for turn in range(turns):
        for side, times in ((by_hand, hand), (ours, own)) if turn % 2 else ((ours, own), (by_hand, hand)):
            start = time.perf_counter()
            side()
            times.append(time.perf_counter() - start)
    return min(hand), min(own), statistics.median(a / b for a, b in zip(hand, own, strict=True))


def sections() -> Iterator[tuple[str, int, list[Pair]]]:
    lines = gzip.decompress((PIPELINES / "data" / "flights-2013-01.csv.gz").read_bytes()).splitlines()[1:251]
    flights = [CSVCoder(FLIGHTS, null="NA").decode(line) for line in lines]
    yield from of_schema("flights", FLIGHTS, flights, hand_of_flights)
    order = JSONCoder(ORDERS)
    orders = [order.decode(msgspec.json.encode(order_of(number))) for number in range(25)]
    yield from of_schema("orders of 20 items", ORDERS, orders, hand_of_orders)
    wide = JSONCoder(WIDE)
    rows = [wide.decode(msgspec.json.encode(wide_of(number))) for number in range(20)]
    yield from of_schema("300 nullable fields", WIDE, rows, hand_of_wide)
    yield "a page of 1,000 flights as one Arrow batch, compared with 1,000 rows", 1000, [*arrow_pages(flights * 4)]
    yield "a bad record, compared with four good ones", 1, [*bad_records(flights, rows)]
    yield "an element with a wrong value, compared with four good ones", 1, [*bad_elements(flights, rows)]
    yield "a flight of another schema, compared with one of the rows' own", len(flights), [*other_schemas(flights)]


def arrow_pages(flights: list[Any]) -> Iterator[Pair]:
    """From records to a batch, as ``decode="arrow"`` does it, beside decoding them to rows."""
    for coder in (AvroCoder(FLIGHTS), CSVCoder(FLIGHTS), JSONCoder(FLIGHTS)):
        name, batches = type(coder).__name__, ArrowBatches(coder)
        data = [coder.encode(row) for row in flights]
        records = [DISRecord("s", "shardId-0000000000", number, None, each, 0) for number, each in enumerate(data)]
        decoder = BatchDecoder(ArrowDecoder(batches.decode, attrgetter("data"), batches), False, batches=batches)
        (batch,) = decoder.values(records)
        assert list(RowBatches(BatchedRowHint(batches)).explode_batch(batch)) == flights, name
        yield (
            f"{name} to Arrow",
            part(each(coder.decode), data),
            part(lambda items, of=decoder: list(of.values(items)), records),
        )


def of_schema(
    title: str, schema: str, rows: list[Any], by_hand: Callable[[str, Any], dict[str, Any]]
) -> Iterator[tuple[str, int, list[Pair]]]:
    pairs = []
    coders: dict[str, Any] = {"Avro": AvroCoder(schema), "JSON": JSONCoder(schema)}
    if not title.startswith("orders"):
        coders["CSV"] = CSVCoder(schema, null="NA" if title == "flights" else "")
    for name, coder in coders.items():
        records = [coder.encode(row) for row in rows]
        hand = by_hand(name, coder.row_type)
        same = hand["decode"](records) == rows == [coder.decode(record) for record in records]
        assert same, (title, name)
        assert [coder.decode(record) for record in hand["encode"](rows)] == rows, (title, name)
        pairs.append((f"{name} decode", part(hand["decode"], records), part(each(coder.decode), records)))
        pairs.append((f"{name} encode", part(hand["encode"], rows), part(each(coder.encode), rows)))
    yield title, len(rows), pairs


def part(function: Callable[[list[Any]], Any], items: list[Any]) -> Side:
    return lambda: function(items)


def each(function: Callable[[Any], Any]) -> Callable[[list[Any]], list[Any]]:
    return lambda items: [function(item) for item in items]


def without_logical_types(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {key: without_logical_types(value) for key, value in schema.items() if key != "logicalType"}
    return [without_logical_types(item) for item in schema] if isinstance(schema, list) else schema


def avro_by_hand(schema: str, to_row: Callable[[Any], Any], from_row: Callable[[Any], Any]) -> dict[str, Any]:
    """By fastavro, with plain numbers for times, which is its fastest way to a Timestamp."""
    parsed = fastavro.parse_schema(without_logical_types(json.loads(schema)))

    def decode(records: list[bytes]) -> list[Any]:
        read = fastavro.schemaless_reader
        return [to_row(read(BytesIO(record), parsed, None)) for record in records]

    def encode(rows: list[Any]) -> list[bytes]:
        write, written = fastavro.schemaless_writer, []
        for row in rows:
            out = BytesIO()
            write(out, parsed, from_row(row))
            written.append(out.getvalue())
        return written

    return {"decode": decode, "encode": encode}


def hand_of_flights(name: str, row_type: Any) -> dict[str, Any]:
    make, fields = row_type._make, row_type._fields
    if name == "Avro":

        def to_row(value: dict[str, Any]) -> Any:
            value["time_hour"] = Timestamp(micros=value["time_hour"] * 1000)
            return make(value.values())

        def from_row(row: Any) -> Any:
            value = row._asdict()
            value["time_hour"] = row.time_hour.micros // 1000
            return value

        return avro_by_hand(FLIGHTS, to_row, from_row)
    if name == "JSON":
        return json_of_flights(make, fields)
    return csv_of_flights(make)


def json_of_flights(make: Any, fields: tuple[str, ...]) -> dict[str, Any]:
    types = {"int": int, "string": str, "long": int}
    members = json.loads(FLIGHTS)["fields"]
    assert [member["name"] for member in members] == list(fields)
    struct = msgspec.defstruct(
        "Flight", [(member["name"], typed(member["type"], types)) for member in members], gc=False
    )
    decoder, encoder, astuple = msgspec.json.Decoder(struct), msgspec.json.Encoder(), msgspec.structs.astuple

    def decode(records: list[bytes]) -> list[Any]:
        read, rows = decoder.decode, []
        for record in records:
            value = read(record)
            value.time_hour = Timestamp(micros=value.time_hour * 1000)
            rows.append(make(astuple(value)))
        return rows

    def encode(rows: list[Any]) -> list[bytes]:
        write, written = encoder.encode, []
        for row in rows:
            value = struct(*row)
            value.time_hour = row[-1].micros // 1000
            written.append(write(value))
        return written

    assert fields[-1] == "time_hour"
    return {"decode": decode, "encode": encode}


def typed(avro: Any, types: dict[str, Any]) -> Any:
    if isinstance(avro, list):
        return typed(avro[1], types) | None
    return types[avro["type"] if isinstance(avro, dict) else avro]


def csv_of_flights(make: Any) -> dict[str, Any]:
    def integer(text: str) -> int | None:
        return None if text == "NA" else int(text)

    def decode(records: list[bytes]) -> list[Any]:
        rows = []
        for y, m, d, dt, sd, dd, at, sa, ad, c, f, t, o, de, air, di, h, mi, th in csv.reader(
            [record.decode() for record in records]
        ):
            micros = (datetime.fromisoformat(th[:-1] + "+00:00") - EPOCH) // MICROSECOND
            rows.append(
                make(
                    (
                        int(y), int(m), int(d), integer(dt), int(sd), integer(dd), integer(at), int(sa), integer(ad), c, int(f),
                        None if t == "NA" else t, o, de, integer(air), int(di), int(h), int(mi), Timestamp(micros=micros),
                    )
                )
            )  # fmt: skip
        return rows

    def encode(rows: list[Any]) -> list[bytes]:
        written: list[str] = []
        write = csv.writer(Lines(written), lineterminator="").writerow
        for row in rows:
            time_hour = (EPOCH + timedelta(microseconds=row[-1].micros)).isoformat()[:-6] + "Z"
            write(["NA" if value is None else value for value in (*row[:-1], time_hour)])
        return [text.encode() for text in written]

    return {"decode": decode, "encode": encode}


class Lines:
    """What csv.writer writes to."""

    def __init__(self, lines: list[str]) -> None:
        self.write = lines.append


def hand_of_orders(name: str, row_type: Any) -> dict[str, Any]:
    make = row_type._make
    make_item = row_type.__annotations__["items"].__args__[0]._make
    if name == "Avro":

        def to_row(value: dict[str, Any]) -> Any:
            for item in value["items"]:
                item["packed"] = Timestamp(micros=item["packed"] * 1000)
            items = [make_item(item.values()) for item in value["items"]]
            return make((value["id"], value["customer"], Timestamp(micros=value["placed"] * 1000), items))

        def from_row(row: Any) -> Any:
            items = [
                {"sku": item.sku, "quantity": item.quantity, "price": item.price, "packed": item.packed.micros // 1000}
                for item in row.items
            ]
            return {"id": row.id, "customer": row.customer, "placed": row.placed.micros // 1000, "items": items}

        return avro_by_hand(ORDERS, to_row, from_row)

    item_struct = msgspec.defstruct(
        "Item", [("sku", str), ("quantity", int), ("price", float), ("packed", int)], gc=False
    )
    items_type: Any = list
    order_struct = msgspec.defstruct(
        "Order", [("id", int), ("customer", str | None), ("placed", int), ("items", items_type[item_struct])], gc=False
    )
    decoder, encoder = msgspec.json.Decoder(order_struct), msgspec.json.Encoder()

    def decode(records: list[bytes]) -> list[Any]:
        rows = []
        for record in records:
            order: Any = decoder.decode(record)
            items = [
                make_item((item.sku, item.quantity, item.price, Timestamp(micros=item.packed * 1000)))
                for item in order.items
            ]
            rows.append(make((order.id, order.customer, Timestamp(micros=order.placed * 1000), items)))
        return rows

    def encode(rows: list[Any]) -> list[bytes]:
        written = []
        for row in rows:
            items = [item_struct(item.sku, item.quantity, item.price, item.packed.micros // 1000) for item in row.items]
            written.append(encoder.encode(order_struct(row.id, row.customer, row.placed.micros // 1000, items)))
        return written

    return {"decode": decode, "encode": encode}


def hand_of_wide(name: str, row_type: Any) -> dict[str, Any]:
    make = row_type._make
    if name == "Avro":
        return avro_by_hand(WIDE, lambda value: make(value.values()), lambda row: row._asdict())
    if name == "JSON":
        kinds = [int, float, str]
        struct = msgspec.defstruct(
            "Wide", [(f"f{number}", kinds[number % 3] | None) for number in range(300)], gc=False
        )  # type: ignore[operator]
        decoder, encoder, astuple = msgspec.json.Decoder(struct), msgspec.json.Encoder(), msgspec.structs.astuple
        return {
            "decode": lambda records: [make(astuple(decoder.decode(record))) for record in records],
            "encode": lambda rows: [encoder.encode(struct(*row)) for row in rows],
        }
    readers: list[Callable[[str], Any]] = [int, float, str] * 100

    def decode(records: list[bytes]) -> list[Any]:
        return [
            make([None if text == "" else read(text) for read, text in zip(readers, cells, strict=True)])
            for cells in csv.reader([record.decode() for record in records])
        ]

    def encode(rows: list[Any]) -> list[bytes]:
        written: list[str] = []
        csv.writer(Lines(written), lineterminator="").writerows(rows)
        return [text.encode() for text in written]

    return {"decode": decode, "encode": encode}


def order_of(number: int) -> Any:
    start = 1_357_034_400_000
    items = [
        {"sku": f"sku-{number}-{item}", "quantity": item, "price": item * 1.25, "packed": start + item * 1000}
        for item in range(20)
    ]
    return {"id": number, "customer": f"customer {number}", "placed": start + number, "items": items}


def wide_of(number: int) -> Any:
    values = [number * 7, number * 0.5, f"text {number}"]
    return {f"f{field}": None if (field + number) % 5 == 0 else values[field % 3] for field in range(300)}


def bad_records(flights: list[Any], rows: list[Any]) -> Iterator[Pair]:
    """A record with a wrong last field, as the right-hand side; the left is four good ones, so 1 is the limit."""
    for title, schema, row, text in (
        ("flight", FLIGHTS, flights[0], b"x"),
        ("wide", WIDE, rows[0], b"x"),
    ):
        for name, coder in (
            ("Avro", AvroCoder(schema)),
            ("JSON", JSONCoder(schema)),
            ("CSV", CSVCoder(schema, null="NA")),
        ):
            good = coder.encode(row)
            bad = good[:-3] if name == "Avro" else good.replace(b"}", b',"f297":"x","time_hour":"x"}')
            if name == "CSV":
                cells = good.split(b",")
                cells[-1 if title == "flight" else 297] = text
                bad = b",".join(cells)
            yield f"{name} {title}", part(each(coder.decode), [good] * 4), part(failed(coder.decode), [bad])


def bad_elements(flights: list[Any], rows: list[Any]) -> Iterator[Pair]:
    """An element with an object in its first or its last field, as the right-hand side; the left is four good ones."""
    ten = {**json.loads(WIDE), "fields": json.loads(WIDE)["fields"][:10]}
    for title, schema, row in (
        ("10 fields", ten, rows[0][:10]),
        ("flight", FLIGHTS, flights[0]),
        ("wide", WIDE, rows[0]),
    ):
        for coder in (AvroCoder(schema), JSONCoder(schema), CSVCoder(schema, null="NA")):
            good = coder.row_type._make(row)
            for place, where in ((0, "first"), (-1, "last")):
                bad = good._replace(**{good._fields[place]: object()})
                name = f"{type(coder).__name__} {title}, {where}"
                yield name, part(each(coder.encode), [good] * 4), part(failed(coder.encode), [bad])


def other_schemas(flights: list[Any]) -> Iterator[Pair]:
    """The right-hand side decodes records without the last field of the rows' schema, or without the first one."""
    fields = json.loads(FLIGHTS)["fields"]
    added = {"name": "added", "type": "string", "default": "x"}
    for name, known in (("appended field", [*fields, added]), ("field put in front", [added, *fields])):
        schema = {"type": "record", "name": "Flight", "fields": known}
        plain, other = AvroCoder(schema), AvroCoder(FLIGHTS)
        records = [other.encode(flight) for flight in flights]
        single = AvroCoder(schema, framing="single-object", schemas=[FLIGHTS])
        framed = [AvroCoder(FLIGHTS, framing="single-object").encode(flight) for flight in flights]
        versions = AvroCoder(schema, writer_schemas=[FLIGHTS])
        rows = [versions.decode(record) for record in records]
        assert rows == [single.decode(record) for record in framed]
        own = [plain.encode(row) for row in rows]
        yield f"{name}, bare", part(each(plain.decode), own), part(each(versions.decode), records)
        yield f"{name}, framed", part(each(plain.decode), own), part(each(single.decode), framed)


def failed(call: Callable[[Any], Any]) -> Callable[[list[Any]], None]:
    def fail(items: list[Any]) -> None:
        for item in items:
            try:
                call(item)
            except (DecodeError, EncodeError):
                continue
            raise AssertionError(item)

    return fail


if __name__ == "__main__":
    main()
