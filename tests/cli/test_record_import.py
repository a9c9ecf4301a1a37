"""``beam-dis import`` puts the records of a file into a stream, in order, and keeps those that it can't put."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pytest
from pyarrow import parquet

from beam_dis.cli.exits import Failed
from beam_dis.cli.main import main
from beam_dis.cli.record_import import put_all
from beam_dis.cli.record_input import GivenRecord, records_in
from beam_dis.client import DISClient
from beam_dis.errors import EncodeError, StreamNotFoundError
from beam_dis.record import PutRecord


def lines(*records):
    return "".join(f"{json.dumps(record)}\n" for record in records)


def read(file):
    return [(found.line.number, found.record) for found in records_in(file)]


def test_lines_are_records_or_reasons_with_their_numbers(tmp_path):
    file = tmp_path / "f.ndjson"
    file.write_text('{"text": "a", "value": 1}\n\nnonsense\n{"data": "/w==", "partition_key": "k"}\n')
    (one, first), (three, reason), (four, last) = read(file)
    assert (one, three, four) == (1, 3, 4)
    assert (first.to_put(by_partition=False), last.to_put(by_partition=False)) == (
        PutRecord(b"a"),
        PutRecord(b"\xff", "k"),
    )
    assert reason.startswith("not a record: ")


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path):
    file = tmp_path / "f.ndjson"
    file.write_bytes(b'\xef\xbb\xbf{"text":"a"}\r\n{"text":"b"}\r\n')
    assert [record.text for _, record in read(file)] == ["a", "b"]


def test_large_bytes_of_parquet_are_data(tmp_path):
    file = tmp_path / "f.parquet"
    parquet.write_table(pa.table({"data": pa.array([b"a"], pa.large_binary())}), file)
    assert [record.data for _, record in read(file)] == [b"a"]


def test_parquet_that_is_damaged_is_named(tmp_path):
    file = tmp_path / "f.parquet"
    parquet.write_table(pa.table({"data": [b"a" * 500]}), file, compression="zstd")
    whole = file.read_bytes()
    file.write_bytes(whole[:4] + b"\xff" * 60 + whole[64:])
    with pytest.raises(Failed, match=r"f\.parquet is damaged after record 0: "):
        read(file)


def test_parquet_is_read_with_or_without_places(tmp_path):
    file = tmp_path / "f.parquet"
    parquet.write_table(pa.table({"data": [b"a", b"\xff"], "more": [1, 2]}), file)
    assert [record.to_put(by_partition=False).data for _, record in read(file)] == [b"a", b"\xff"]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (GivenRecord(), "has its data in one of the fields text and data"),
        (GivenRecord(text="a", data=b"a"), "has its data in one of the fields text and data"),
        (GivenRecord(text="a"), "has no partition_id: import it with --place key"),
        (GivenRecord(text="", partition_id="0"), "data is empty"),
        (GivenRecord(text="a", partition_id="x"), "partition"),
    ],
)
def test_a_record_that_can_not_be_put_says_why(record, said):
    with pytest.raises(EncodeError, match=said):
        record.to_put(by_partition=True)


class Writer:
    """Takes so many records, and fails or is interrupted then."""

    def __init__(self, most, error):
        self.left, self.error, self.failures, self.stopped = most, error, 0, False

    def put(self, line, record):
        if not self.left:
            raise self.error
        self.left -= 1

    def finish(self): ...

    def stop(self):
        self.stopped = True


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (KeyboardInterrupt(), 130),
        (StreamNotFoundError("gone", code="DIS.4301", status=400), 1),
        (Failed("the file of --failed can't be written"), 1),
    ],
)
def test_an_import_that_ends_early_says_where_to_go_on(tmp_path, capsys, error, status):
    file = tmp_path / "f.ndjson"
    file.write_text(lines(*({"text": str(n)} for n in range(5))))
    writer = Writer(3, error)
    assert put_all(writer, records_in(file), by_partition=False) == status
    assert (writer.stopped, "go on with --skip 3" in capsys.readouterr().err) == (True, True)


@pytest.fixture
def run(local_dis):
    def command(*arguments):
        return main([*map(str, arguments), "--endpoint", local_dis.endpoint, "--project", local_dis.project_id])

    return command


@pytest.fixture
def stored(local_dis):
    """The records of each partition of a stream: their keys and data."""

    def read_all(stream):
        with DISClient(local_dis.connection) as client:
            for partition in range(3):
                cursor = client.get_cursor(stream, partition_id=partition, cursor_type="TRIM_HORIZON")
                yield [(record.partition_key, record.data) for record in client.get_records(cursor).records]

    return lambda stream: list(read_all(stream))


@pytest.fixture
def flights(local_dis):
    """A stream with 300 records in three partitions: with keys, without, and bytes that are no text."""
    records = [
        PutRecord(b"\xff%d" % n if n % 5 else b"%d" % n, f"k{n % 7}" if n % 3 else None, partition_id=n % 2)
        for n in range(300)
    ]
    with DISClient(local_dis.connection) as client:
        for stream in ("flights", "again"):
            client.create_stream(stream, partition_count=3)
        client.put_records("flights", records)
    return "flights"


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["ndjson", "parquet"])
def test_an_exported_stream_comes_back_partition_by_partition(run, stored, flights, tmp_path, kind):
    file = tmp_path / f"flights.{kind}"
    assert (run("export", flights, file), run("import", file, "again", "--place", "partition")) == (0, 0)
    assert stored("again") == stored("flights")
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


@pytest.mark.integration
def test_records_go_where_their_keys_belong_in_order(run, stored, flights, tmp_path):
    file = tmp_path / "flights.ndjson"
    file.write_text(lines(*({"text": str(n), "partition_key": f"k{n % 9}"} for n in range(500))))
    assert run("import", file, "again") == 0
    for key in (f"k{n}" for n in range(9)):
        found = [[int(data) for k, data in records if k == key] for records in stored("again")]
        assert [numbers for numbers in found if numbers] == [[n for n in range(500) if f"k{n % 9}" == key]]


@pytest.mark.integration
def test_records_that_fail_are_kept_and_can_be_imported(run, stored, flights, tmp_path, capsys):
    file, kept = tmp_path / "f.ndjson", tmp_path / "f.failed.ndjson"
    file.write_text("nonsense\n" + lines({"text": "a", "partition_id": "7"}, {"text": "b", "partition_id": "0"}))
    assert run("import", file, "again", "--place", "partition", "--json") == 1
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {"stream": "again", "written": 1, "failed": 2}
    assert kept.read_text() == "nonsense\n" + lines({"text": "a", "partition_id": "7"})
    assert "line 1: not a record" in captured.err
    assert run("import", kept, "again", "--skip", "1") == 0


@pytest.mark.integration
def test_lines_of_standard_input_are_imported(run, flights, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"text": "a"}\n')))
    assert run("import", "-", "again") == 0
    assert capsys.readouterr().out == "beam-dis: imported 1 records into stream again\n"


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["f.ndjson"], 2, "give FILE and STREAM, or FILE and --data DIR"),
        (["f.ndjson", "s", "--data", "d"], 2, "give FILE and STREAM, or FILE and --data DIR"),
        (["f", "--data", "d", "--skip", "1"], 2, "--place, --skip and --failed are for records"),
        (["", "s"], 1, "'.' is not the name of a file"),
    ],
)
def test_wrong_arguments_are_named(capsys, arguments, status, said):
    assert main(["import", *arguments]) == status
    assert said in capsys.readouterr().err


@pytest.mark.integration
@pytest.mark.parametrize(
    ("content", "said"), [(b"no", "is not a file of parquet"), (None, "has no column 'data' of bytes")]
)
def test_a_file_of_another_kind_is_named(run, flights, tmp_path, capsys, content, said):
    file = tmp_path / "f.parquet"
    if content is None:
        parquet.write_table(pa.table({"data": [1]}), file)
    else:
        file.write_bytes(content)
    assert run("import", file, "again") == 1
    assert said in capsys.readouterr().err
