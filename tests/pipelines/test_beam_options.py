"""Pipelines under the options of Beam that change how it calls the steps: they read and write the same."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.utils.timestamp import Timestamp

from beam_dis import (
    CSVCoder,
    DeadLetter,
    DISClient,
    PutRecord,
    ReadAllFromDIS,
    ReadFromDIS,
    StoppingPosition,
    WriteToDIS,
)

pytestmark = pytest.mark.integration

SCHEMA = json.dumps(
    {
        "type": "record",
        "name": "Word",
        "fields": [{"name": "word", "type": "string"}, {"name": "n", "type": "int"}],
    }
)
GOOD = [b"a,1", b"b,2", b"c,3"]
BAD = b"d,x"
READS: dict[str, dict[str, Any]] = {
    "record": {},
    "bytes": {"decode": "bytes"},
    "rows": {"decode": "rows"},
    "coder": {"decode": CSVCoder(SCHEMA)},
    "function": {"decode": lambda record: len(record.data)},
    "app": {"app": "reader"},
    "timestamp_fn": {"decode": "rows", "timestamp_fn": lambda row: Timestamp(row.n)},
}
"""A read by each form of decoding and each option that changes its steps."""
TYPE_CHECKS = [["--runtime_type_check"], ["--performance_runtime_type_check"], ["--no_pipeline_type_check"]]
OTHER_OPTIONS = [
    ["--type_check_additional=all"],
    ["--save_main_session"],
    ["--pickle_library=cloudpickle"],
    ["--allow_unsafe_triggers"],
    ["--streaming"],
    ["--direct_num_workers=2", "--direct_running_mode=multi_threading"],
    ["--direct_num_workers=2", "--direct_running_mode=multi_processing"],
]


class Note(beam.DoFn):
    """Appends a name to a file for each element. Prism's metrics sometimes lack a few elements of a finished job."""

    def __init__(self, file: Path, name: str) -> None:
        self._file = file
        self._name = name

    def process(self, element: Any) -> Iterator[Any]:
        with self._file.open("a") as lines:
            lines.write(f"{self._name}\n")
        yield element


def error_of(letter: DeadLetter) -> str:
    """The text of a dead letter; its type is checked."""
    return letter.error


class Noted:
    """Notes the elements of collections, each under a name, in a file."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._file.touch()

    def note(self, name: str, elements: Any) -> None:
        _ = elements | f"Note {name}" >> beam.ParDo(Note(self._file, name))

    @property
    def counts(self) -> dict[str, int]:
        return dict(Counter(self._file.read_text().splitlines()))


def read_everything(pipeline: beam.Pipeline, noted: Noted, good: str, mixed: str, reading: dict[str, Any]) -> None:
    """Read a stream whose records decode, and one with a record that doesn't, in every way."""
    for name, options in READS.items():
        noted.note(name, pipeline | f"Read {name}" >> ReadFromDIS(good, **reading, **options))
    for name in ("coder", "timestamp_fn"):
        read = ReadFromDIS(mixed, dead_letters=True, **reading, **READS[name])
        records, dead_letters, _ = pipeline | f"Read mixed {name}" >> read
        noted.note(f"good {name}", records | f"Word {name}" >> beam.Map(lambda row: row.word).with_output_types(str))
        noted.note(f"bad {name}", dead_letters | f"Error {name}" >> beam.Map(error_of))
    streams = pipeline | "Names" >> beam.Create([good, mixed])
    noted.note("all", streams | ReadAllFromDIS(decode="bytes", **reading))


def write_everything(pipeline: beam.Pipeline, noted: Noted, target: str, writing: dict[str, Any]) -> None:
    """Write elements that can be written, and one that can't, in every way."""
    elements = pipeline | "Good" >> beam.Create(GOOD)
    _ = elements | "Write" >> WriteToDIS(target, **writing)
    noted.note("results", (elements | "Write results" >> WriteToDIS(target, results=True, **writing)).written)
    mixed = pipeline | "Mixed" >> beam.Create([*GOOD, b""])
    result = mixed | "Write mixed" >> WriteToDIS(target, results=True, dead_letters=True, **writing)
    noted.note("written", result.written | "Number" >> beam.Map(lambda record: record.sequence_number))
    noted.note("not written", result.dead_letters | "Error" >> beam.Map(error_of))


EXPECTED = {
    **dict.fromkeys(READS, 3),
    "good coder": 3,
    "good timestamp_fn": 3,
    "bad coder": 1,
    "bad timestamp_fn": 1,
    "all": 7,
    "results": 3,
    "written": 3,
    "not written": 1,
}


@pytest.mark.parametrize(
    "options",
    [
        *TYPE_CHECKS,
        *(pytest.param(options, marks=pytest.mark.long) for options in OTHER_OPTIONS),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("runner", ["FnApiRunner", pytest.param("DirectRunner", marks=pytest.mark.prism)])
def test_every_element_comes_through_under_an_option_of_beam(
    runner: str,
    options: list[str],
    local_dis: Any,
    make_stream: Callable[..., str],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    """DirectRunner is Prism, for options that don't keep Beam from choosing it."""
    good = make_stream(data_type="CSV", data_schema=SCHEMA)
    mixed = make_stream(data_type="CSV", data_schema=SCHEMA)
    target = make_stream()
    with DISClient(local_dis.connection) as client:
        client.put_records(good, [PutRecord(data) for data in GOOD])
        client.put_records(mixed, [PutRecord(data) for data in (*GOOD, BAD)])
    place = [f"--prism_location={request.getfixturevalue('prism_location')}"] if runner == "DirectRunner" else []
    pipeline = beam.Pipeline(options=PipelineOptions([f"--runner={runner}", *place, *options]))
    noted = Noted(tmp_path / "noted")
    read_everything(
        pipeline, noted, good, mixed, {"stop": StoppingPosition.latest(), "connection": local_dis.connection}
    )
    write_everything(pipeline, noted, target, {"connection": local_dis.connection})
    pipeline.run().wait_until_finish()
    assert noted.counts == EXPECTED
    assert _count(local_dis.connection, target) == 9


def _count(connection: Any, stream: str) -> int:
    """How many records a stream has."""
    with DISClient(connection) as client:
        return sum(partition.next or 0 for partition in client.describe_stream(stream).partitions)
