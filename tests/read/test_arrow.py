"""``decode="arrow"``: steps with process_batch get batches, and all others get the rows of decode="rows"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.utils.timestamp import Timestamp
from running_pipelines import ON_FLINK_TOO

from beam_dis import DISClient, PutRecord, ReadAllFromDIS, ReadFromDIS
from beam_dis.coders import AvroCoder, CSVCoder, JSONCoder
from beam_dis.coders.batches import ArrowBatches
from beam_dis.coders.resolve import ArrowDecoder
from beam_dis.dead_letter import DeadLetter
from beam_dis.errors import ConfigurationError, DecodeError
from beam_dis.read.decode import DeadLetterLimit
from beam_dis.read.decode_batches import BatchDecoder
from beam_dis.read.values import RecordRun
from beam_dis.record import DISRecord
from beam_dis.stream_service import PageRecord

SCHEMA = (
    '{"type": "record", "name": "R", "fields": [{"name": "n", "type": "long"}, {"name": "text", "type": ["null", "string"]},'
    ' {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}}]}'
)
CODERS = {"BLOB": AvroCoder(SCHEMA), "CSV": CSVCoder(SCHEMA), "JSON": JSONCoder(SCHEMA)}


class CountRows(beam.DoFn):
    """A batch → how many rows it has, and the sum of their numbers."""

    @beam.DoFn.yields_elements
    def process_batch(self, batch: pa.RecordBatch) -> Iterator[tuple[int, int]]:
        yield batch.num_rows, sum(batch.column("n").to_pylist())


def records(*data: bytes) -> list[DISRecord]:
    return [DISRecord("s", "shardId-0000000000", number, "k", each, 0) for number, each in enumerate(data)]


def decoder(*, dead_letters: bool = True, limit: int | None = None) -> BatchDecoder:
    batches = ArrowBatches(CODERS["CSV"])
    decode = ArrowDecoder(batches.decode, lambda record: record.data, batches)
    return BatchDecoder(decode, dead_letters, None if limit is None else DeadLetterLimit(limit), batches=batches)


def row(number: int) -> bytes:
    return b"%d,a,2024-02-29T10:00:00Z" % number


def test_bad_records_of_a_page_are_dead_letters_and_the_others_are_one_batch() -> None:
    page = [row(number) for number in range(200)]
    page[70] = page[150] = b"x,a,2024-02-29T10:00:00Z"
    *dead, batch = decoder().values(records(*page))
    assert [letter.sequence_number for letter in dead if isinstance(letter, DeadLetter)] == [70, 150]
    assert batch.column("n").to_pylist() == [number for number in range(200) if number not in {70, 150}]


def test_a_bad_record_raises_and_is_named_without_dead_letters() -> None:
    with pytest.raises(DecodeError, match="sequence number 30: field 'n'"):
        list(decoder(dead_letters=False).values(records(*map(row, range(30)), b"x,,", row(31))))


def test_a_page_of_bad_records_has_no_batch_and_counts_for_the_limit() -> None:
    assert all(isinstance(value, DeadLetter) for value in decoder().values(records(b"x", b"y")))
    with pytest.raises(DecodeError, match="3 records in a row"):
        list(decoder(limit=2).values(records(*[b"x"] * 3)))
    list(decoder(limit=2).values(records(b"x", b"x", row(1), b"x", b"x")))


def test_records_of_one_second_are_decoded_together() -> None:
    page = [PageRecord(number, row(number), time, "k") for number, time in enumerate([999, 1000, 1001, 1999, 2000])]
    runs = RecordRun("s", "shardId-0000000000", page).by_time(decoder().run_milliseconds)
    assert [(time, len(run.records)) for time, run in runs] == [(999, 1), (1000, 3), (2000, 1)]


def test_arrow_has_no_times_of_single_elements_and_no_schema_of_many_streams() -> None:
    with pytest.raises(ConfigurationError, match="leave out timestamp_fn="):
        ReadFromDIS("s", decode="arrow", timestamp_fn=lambda row: row.at)
    with pytest.raises(ConfigurationError, match=r'ReadAllFromDIS\(decode="arrow"\)'):
        ReadAllFromDIS(decode="arrow")


@pytest.mark.integration
@pytest.mark.fnapi
@pytest.mark.parametrize("option", ["--performance_runtime_type_check", "--no_pipeline_type_check"])
def test_batches_reach_steps_under_options_of_beam(option: str, local_dis: Any, dis_stream: Callable[..., str]) -> None:
    stream = dis_stream(data_type="CSV", data_schema=SCHEMA)
    with DISClient(local_dis.connection) as client:
        client.put_records(stream, [PutRecord(row(number), partition_key="k") for number in range(5)])
    with beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner", option])) as pipeline:
        rows = pipeline | ReadFromDIS(stream, stop="latest", decode="arrow", connection=local_dis.connection)
        sums = rows | beam.ParDo(CountRows()) | beam.Map(lambda pair: ("all", pair[1])) | beam.CombinePerKey(sum)
        assert_that(sums, equal_to([("all", 10)]), "batches")
        assert_that(rows | "numbers" >> beam.Map(lambda row: row.n), equal_to(list(range(5))), "rows")


@pytest.mark.integration
def test_an_option_that_hides_batches_is_refused(local_dis: Any, dis_stream: Callable[..., str]) -> None:
    stream = dis_stream(data_type="CSV", data_schema=SCHEMA)
    pipeline = beam.Pipeline(options=PipelineOptions(["--runner=FnApiRunner", "--runtime_type_check"]))
    with pytest.raises(ConfigurationError, match="use --performance_runtime_type_check"):
        _ = pipeline | ReadFromDIS(stream, stop="latest", decode="arrow", connection=local_dis.connection)


@pytest.mark.integration
@pytest.mark.parametrize("kind", CODERS)
@ON_FLINK_TOO
def test_batches_and_their_rows_reach_every_step(
    kind: str, bounded_options: PipelineOptions, local_dis: Any, dis_stream: Callable[..., str]
) -> None:
    coder, stream = CODERS[kind], dis_stream(data_type=kind, data_schema=SCHEMA)
    rows = [
        coder.decode(coder.encode({"n": n, "text": "é" if n % 3 else None, "at": Timestamp(n)})) for n in range(300)
    ]
    with DISClient(local_dis.connection) as client:
        client.put_records(stream, [PutRecord(coder.encode(each), partition_key="k") for each in rows])
        client.put_records(stream, [PutRecord(b"\xff\xff", partition_key="k")])
    with beam.Pipeline(options=bounded_options) as pipeline:
        read: Any = pipeline | ReadFromDIS(
            stream,
            start="earliest",
            stop="latest",
            decode="arrow",
            metadata=("partition_key",),
            dead_letters=True,
            connection=local_dis.connection,
        )
        sizes = (
            read.records | beam.ParDo(CountRows()) | beam.Map(lambda pair: ("all", pair[0])) | beam.CombinePerKey(sum)
        )
        assert_that(sizes, equal_to([("all", 300)]), "batches")  # how many there are is up to the runner's splits
        with_key = [(*each, "k") for each in rows]
        assert_that(read.records | beam.Map(tuple), equal_to(with_key), "rows")
        few = read.records | beam.Filter(lambda row: row.n < 5) | "batches of rows" >> beam.ParDo(CountRows())
        total = few | "numbers" >> beam.Map(lambda pair: ("all", pair[1])) | "total" >> beam.CombinePerKey(sum)
        assert_that(total, equal_to([("all", 10)]), "batches again")
        keys = read.records | beam.GroupBy("text").aggregate_field("n", sum, "total") | beam.Map(lambda row: row.total)
        totals = [sum(n for n in range(300) if n % 3), sum(range(0, 300, 3))]
        assert_that(keys, equal_to(totals), "groups")
        assert_that(read.dead_letters | beam.Map(lambda letter: letter.data), equal_to([b"\xff\xff"]), "dead letters")
