"""Which objects a task makes: their names, their bytes, and when."""

from __future__ import annotations

import gzip
import io

import pytest
from pyarrow import parquet

from beam_dis.local.dump import files
from beam_dis.wire.dump_tasks import ProcessingSchema

MIB = 2**20
DAY_MS = 24 * 3600 * 1000
TIMESTAMP = {"timestamp_name": "at", "timestamp_type": "Timestamp"}
SCHEMA = '{"type":"record","name":"R","fields":[{"name":"id","type":"long"},{"name":"name","type":["null","string"]}]}'


def test_an_object_has_the_records_of_an_interval_each_with_the_delimiter(dumping):
    dumping.stream()
    task = dumping.task()
    dumping.put(b"a", b"b\n", b"")
    dumping.flush()
    assert dumping.objects_of(task) == {"0-0-2": b"a\nb\n\n\n"}


def test_nothing_is_flushed_before_the_interval_has_ended(dumping):
    dumping.stream()
    task = dumping.task(deliver_time_interval=60)
    dumping.put(b"a")
    dumping.flush(59.9)
    assert dumping.objects_of(task) == {}
    dumping.flush(0.1)
    assert dumping.objects_of(task) == {"0-0-0": b"a\n"}


def test_each_partition_and_each_interval_has_an_object_of_its_own(dumping):
    dumping.stream(partitions=2)
    task = dumping.task()
    dumping.put(b"a")
    dumping.put(b"b", partition=1)
    dumping.flush()
    dumping.put(b"c")
    dumping.flush()
    assert dumping.objects_of(task) == {"0-0-0": b"a\n", "0-1-1": b"c\n", "1-0-0": b"b\n"}


def test_without_new_records_there_is_no_object_and_no_change(dumping):
    dumping.stream()
    task = dumping.task()
    before = dumping.now(task)
    dumping.flush()
    assert (dumping.objects_of(task), dumping.now(task)) == ({}, before)


@pytest.mark.parametrize(
    ("delimiter", "text"),
    [
        (",", b"a,b,"),
        (";", b"a;b;"),
        ("|", b"a|b|"),
        ("\n", b"a\nb\n"),
        ("\\n", b"a\nb\n"),
        ("NULL", b"ab"),
        ("", b"ab"),
    ],
)
def test_records_end_with_the_delimiter(dumping, delimiter, text):
    dumping.stream()
    task = dumping.task(record_delimiter=delimiter)
    dumping.put(b"a", b"b")
    dumping.flush()
    assert dumping.objects_of(task) == {"0-0-1": text}


@pytest.mark.parametrize(
    ("layout", "folder"),
    [
        ("yyyy", "2026/"),
        ("yyyy/MM", "2026/01/"),
        ("yyyy/MM/dd", "2026/01/01/"),
        ("yyyy/MM/dd/HH", "2026/01/01/00/"),
        ("yyyy/MM/dd/HH/mm", "2026/01/01/00/05/"),
        ("", ""),
    ],
)
def test_an_object_is_in_the_folder_of_its_flush_in_utc(dumping, layout, folder):
    dumping.stream()
    task = dumping.task(partition_format=layout)
    dumping.put(b"a")
    dumping.flush()
    assert list(dumping.objects_of(task)) == [f"{folder}0-0-0"]


def test_the_prefix_is_before_the_time(dumping):
    dumping.stream()
    task = dumping.task(file_prefix="raw/s", partition_format="yyyy")
    dumping.put(b"a")
    dumping.flush()
    (path,) = (dumping.root / "lake").rglob("*.*")
    assert path.relative_to(dumping.root).as_posix() == f"lake/raw/s/2026/t.{task.task_id}-shardId-0000000000-0-0"


def test_a_folder_is_that_of_a_records_own_time(dumping):
    dumping.stream(data_type="JSON")
    task = dumping.task(partition_format="yyyy/MM/dd", processing_schema=ProcessingSchema(**TIMESTAMP))
    dumping.put_json({"at": 0}, {"at": DAY_MS}, {"at": 1}, {"at": str(DAY_MS + 1)})
    dumping.flush()
    found = dumping.objects_of(task)
    assert list(found) == ["1970/01/01/0-0-2", "1970/01/02/0-1-3"]
    assert found["1970/01/01/0-0-2"] == b'{"at": 0}\n{"at": 1}\n'


@pytest.mark.parametrize(
    ("layout", "text"),
    [
        ("yyyy/MM/dd HH:mm:ss", "2018/10/07 23:59:59"),
        ("MM/dd/yyyy HH:mm:ss", "10/07/2018 23:59:59"),
        ("dd/MM/yyyy HH:mm:ss", "07/10/2018 23:59:59"),
        ("yyyy-MM-dd HH:mm:ss", "2018-10-07 23:59:59"),
        ("MM-dd-yyyy HH:mm:ss", "10-07-2018 23:59:59"),
        ("dd-MM-yyyy HH:mm:ss", "07-10-2018 23:59:59"),
    ],
)
def test_a_time_as_text_is_read_by_its_format(dumping, layout, text):
    dumping.stream(data_type="JSON")
    by_text = ProcessingSchema(timestamp_name="at", timestamp_type="String", timestamp_format=layout)
    task = dumping.task(partition_format="yyyy/MM/dd/HH/mm", processing_schema=by_text)
    dumping.put_json({"at": text})
    dumping.flush()
    assert list(dumping.objects_of(task)) == ["2018/10/07/23/59/0-0-0"]


def test_a_year_has_four_digits(dumping):
    dumping.stream(data_type="JSON")
    by_text = ProcessingSchema(timestamp_name="at", timestamp_type="String", timestamp_format="yyyy-MM-dd HH:mm:ss")
    task = dumping.task(partition_format="yyyy/MM", processing_schema=by_text)
    dumping.put_json({"at": "0987-06-05 00:00:00"})
    dumping.flush()
    assert list(dumping.objects_of(task)) == ["0987/06/0-0-0"]


UNREADABLE = [
    *(
        b"",
        b"\xff",
        b"[1]",
        b"{}",
        b"[" * 5000,
        b'{"at":null}',
        b'{"at":-1}',
        b'{"at":1.5}',
        b'{"at":true}',
        b'{"at":9e18}',
    ),
    *(b'{"at":999999999999999999}', b'{"at":"x"}', b'{"at":{"at":1}}'),
]


@pytest.mark.parametrize("data", UNREADABLE, ids=range(len(UNREADABLE)))
def test_a_record_without_a_readable_time_has_the_folder_of_the_flush(dumping, data):
    dumping.stream(data_type="JSON")
    task = dumping.task(partition_format="yyyy", processing_schema=ProcessingSchema(**TIMESTAMP))
    dumping.put(data)
    dumping.flush()
    assert dumping.objects_of(task) == {"2026/0-0-0": data + b"\n"}


def test_without_time_folders_the_times_of_records_do_not_matter(dumping):
    dumping.stream(data_type="JSON")
    task = dumping.task(processing_schema=ProcessingSchema(**TIMESTAMP))
    dumping.put_json({"at": 0}, {"at": DAY_MS})
    dumping.flush()
    assert list(dumping.objects_of(task)) == ["0-0-1"]


def test_records_of_very_many_folders_are_all_copied_in_several_runs(dumping):
    dumping.stream(data_type="JSON")
    task = dumping.task(partition_format="yyyy/MM/dd", processing_schema=ProcessingSchema(**TIMESTAMP))
    dumping.put_json(*({"at": n % 70 * DAY_MS} for n in range(140)))
    dumping.flush()
    found = dumping.objects_of(task)
    assert sum(text.count(b"\n") for text in found.values()) == 140
    assert (dumping.position(task).next, dumping.position(task).discarded) == (140, 0)


def test_a_gzip_object_has_the_text_and_always_the_same_bytes(dumping):
    dumping.stream()
    first, second = (dumping.task(name, compression_format="gzip") for name in ("a", "b"))
    dumping.put(b"a", b"b")
    dumping.flush()
    assert {gzip.decompress(data) for data in dumping.objects_of(first).values()} == {b"a\nb\n"}
    assert dumping.objects_of(first) == dumping.objects_of(second)
    assert list(dumping.objects_of(first)) == ["0-0-1.gz"]


@pytest.mark.parametrize("compression", [None, "gzip"])
def test_a_parquet_object_has_the_columns_of_the_schema(dumping, compression):
    dumping.stream(data_type="JSON", data_schema=SCHEMA)
    task = dumping.task(destination_file_type="parquet", compression_format=compression)
    dumping.put_json({"id": 1, "name": "a"}, {"id": 2, "name": None})
    dumping.flush()
    ((name, data),) = dumping.objects_of(task).items()
    table = parquet.read_table(io.BytesIO(data))
    assert (name, table.to_pylist()) == ("0-0-1.parquet", [{"id": 1, "name": "a"}, {"id": 2, "name": None}])


def test_a_record_that_does_not_fit_the_columns_is_discarded_and_counted(dumping):
    dumping.stream(data_type="JSON", data_schema=SCHEMA)
    task = dumping.task(destination_file_type="parquet")
    dumping.put(b"no", b'{"id":7,"name":"x"}', b'{"id":"x","name":"y"}')
    dumping.flush()
    dumping.put(b"no")
    dumping.flush()
    ((name, data),) = dumping.objects_of(task).items()
    assert (name, parquet.read_table(io.BytesIO(data)).to_pylist()) == ("0-0-2.parquet", [{"id": 7, "name": "x"}])
    assert (dumping.position(task).next, dumping.position(task).discarded) == (4, 3)
    assert dumping.temporary() == []


def test_a_large_parquet_object_has_several_groups_of_rows(dumping, monkeypatch):
    monkeypatch.setattr(files, "ROW_GROUP_BYTES", 1)
    dumping.stream(data_type="JSON", data_schema=SCHEMA)
    task = dumping.task(destination_file_type="parquet")
    dumping.put_json(*({"id": n, "name": "x" * 1000} for n in range(3000)))
    dumping.flush()
    found = parquet.ParquetFile(io.BytesIO(*dumping.objects_of(task).values()))
    assert found.read(columns=["id"]).column("id").to_pylist() == list(range(3000))
    assert found.num_row_groups > 1


NESTED = """{"type":"record","name":"R","fields":[
    {"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
    {"name":"inner","type":{"type":"record","name":"I","fields":[{"name":"x","type":{"type":"array","items":"int"}}]}}]}"""


def test_nested_records_and_times_become_columns(dumping):
    dumping.stream(data_type="JSON", data_schema=NESTED)
    task = dumping.task(destination_file_type="parquet")
    dumping.put_json({"at": "2026-01-01T00:00:00Z", "inner": {"x": [1, 2]}})
    dumping.flush()
    (row,) = parquet.read_table(io.BytesIO(*dumping.objects_of(task).values())).to_pylist()
    assert (row["at"].isoformat(), row["inner"]) == ("2026-01-01T00:00:00+00:00", {"x": [1, 2]})


def test_a_partition_with_the_size_of_new_data_is_flushed_before_its_interval(dumping):
    dumping.stream(partitions=2)
    task = dumping.task(deliver_size_interval=1)
    dumping.put(b"small", partition=1)
    dumping.put(b"x" * (MIB // 2))
    dumping.look()
    assert dumping.objects_of(task) == {}
    dumping.put(b"y" * (MIB // 2))
    dumping.look()
    assert {name: len(data) for name, data in dumping.objects_of(task).items()} == {"0-0-1": MIB + 2}


def test_an_object_has_about_the_size_that_was_asked_for(dumping):
    dumping.stream()
    task = dumping.task(deliver_size_interval=1)
    dumping.put(*[b"x" * (MIB // 4)] * 9)
    dumping.flush()
    assert list(dumping.objects_of(task)) == ["0-0-3", "0-4-7", "0-8-8"]


def test_two_tasks_of_a_stream_copy_it_each(dumping):
    dumping.stream()
    tasks = [dumping.task(name) for name in ("a", "b")]
    dumping.put(b"x")
    dumping.flush()
    assert [dumping.objects_of(task) for task in tasks] == [{"0-0-0": b"x\n"}] * 2


def test_a_recreated_stream_does_not_replace_the_objects_of_the_old_one(dumping):
    objects = []
    for data in (b"old", b"new"):
        dumping.stream()
        objects.append(dumping.task())
        dumping.put(data)
        dumping.flush()
        dumping.store.delete_stream(dumping.made).result()
        dumping.look()
    assert [dumping.objects_of(task) for task in objects] == [{"0-0-0": b"old\n"}, {"0-0-0": b"new\n"}]
