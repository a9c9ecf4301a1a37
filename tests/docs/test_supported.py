"""Each "yes" in the tables of docs/supported.md is backed by a test that exists and is collected with the right marker."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SUPPORTED = (ROOT / "docs" / "supported.md").read_text("utf-8")

READ = "test_every_record_is_read_once[{}-dis]"
WRITE = "test_ten_thousand_elements_are_written_once_each_with_its_key[{}-dis]"
ENDLESS = "test_windows_fire_during_the_read_with_the_sums_of_a_bounded_read[{}-dis]"
CLIENT = "client/test_against_local_dis.py::"

EVIDENCE: dict[tuple[str, str], tuple[str, str]] = {
    ("FnApiRunner", "bounded read"): ("fnapi", READ.format("FnApiRunner")),
    ("FnApiRunner", "write"): ("fnapi", WRITE.format("FnApiRunner")),
    ("Prism", "bounded read"): ("prism", READ.format("PrismRunner")),
    ("Prism", "write"): ("prism", WRITE.format("PrismRunner")),
    ("Prism", "endless read"): ("prism", ENDLESS.format("PrismRunner")),
    ("Flink 1.19, in its job server's process", "bounded read"): ("flink", READ.format("FlinkRunner")),
    ("Flink 1.19, in its job server's process", "write"): ("flink", WRITE.format("FlinkRunner")),
    ("Flink 1.19, in its job server's process", "endless read"): ("flink", ENDLESS.format("FlinkRunner")),
    ("Flink 1.19, a cluster", "endless read"): ("flink", "test_nothing_is_lost_when_each_part_of_a_cluster_is_killed"),
    ("bytes, and whole records", "read"): ("", "test_record_and_bytes_are_the_record_and_its_data"),
    ("bytes, and whole records", "write"): ("", "test_bytes_are_written_as_they_are"),
    ("CSV, JSON", "read"): ("", "test_rows_are_read_and_written_by_the_streams_description[CSV-coder2]"),
    ("CSV, JSON", "write"): ("", "test_rows_are_written_by_the_stream_s_schema"),
    ("Avro", "read"): ("", "test_rows_are_read_and_written_by_the_streams_description[BLOB-coder0]"),
    ("Avro", "write"): ("", "test_flights_are_the_same_in_every_format"),
    ("compressed records", "read"): ("", "test_rows_of_a_stream_with_a_compression_format_are_compressed[FnApiRunner]"),
    ("compressed records", "write"): (
        "",
        "test_rows_of_a_stream_with_a_compression_format_are_compressed[FnApiRunner]",
    ),
    ("several rows", "read"): ("", "test_a_record_of_several_rows_is_several_elements[FnApiRunner]"),
    ("records of older", "read"): ("", "test_rows_keep_their_type_when_the_schema_of_the_stream_changes[BLOB]"),
    ("streams:", "DISClient"): ("", f"{CLIENT}test_a_stream_is_scaled_changed_and_shared"),
    ("streams:", "local DIS"): ("", f"{CLIENT}test_streams_are_created_described_listed_and_deleted"),
    ("records:", "DISClient"): ("", f"{CLIENT}test_records_are_put_and_read"),
    ("records:", "local DIS"): ("", f"{CLIENT}test_records_are_put_and_read"),
    ("apps:", "DISClient"): ("", f"{CLIENT}test_an_app_commits_checkpoints_and_is_deleted"),
    ("apps:", "local DIS"): ("", f"{CLIENT}test_an_app_commits_checkpoints_and_is_deleted"),
    ("checkpoints:", "DISClient"): ("", f"{CLIENT}test_an_app_commits_checkpoints_and_is_deleted"),
    ("checkpoints:", "local DIS"): ("", f"{CLIENT}test_an_app_commits_checkpoints_and_is_deleted"),
    ("tags:", "DISClient"): ("", f"{CLIENT}test_streams_are_tagged_and_found_by_their_tags"),
    ("tags:", "local DIS"): ("", f"{CLIENT}test_streams_are_tagged_and_found_by_their_tags"),
    ("metrics", "DISClient"): ("", f"{CLIENT}test_what_happened_to_a_stream_is_reported_by_minute"),
    ("metrics", "local DIS"): ("", f"{CLIENT}test_what_happened_to_a_stream_is_reported_by_minute"),
    ("dump tasks:", "DISClient"): (
        "",
        f"{CLIENT}test_a_dump_task_is_created_described_stopped_changed_and_deleted",
    ),
    ("dump tasks:", "local DIS"): (
        "",
        f"{CLIENT}test_a_dump_task_is_created_described_stopped_changed_and_deleted",
    ),
}
"""Start of a row and column → the marker and the end of the test's id."""


def tables(text: str) -> Iterator[tuple[str, str, str]]:
    """Row, column and cell of each table."""
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        header, _, *rows = (
            [cell.strip() for cell in line.strip().strip("|").split("|")] for line in table.splitlines()
        )
        for row in rows:
            yield from ((row[0], column, cell) for column, cell in zip(header[1:], row[1:], strict=True))


def evidence_of(row: str, column: str) -> list[tuple[str, str]]:
    return [found for (start, name), found in EVIDENCE.items() if row.startswith(start) and name == column]


def markers_of_tests() -> dict[str, set[str]]:
    """The id of each test of the rooms that the tables are about, without its folder or with it → its markers."""
    folders = [ROOT / "tests" / name for name in ("read", "write", "client", "coders", "cluster")]
    command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-p", "no:cacheprovider", "-p", "print_markers"]
    path = os.pathsep.join([str(ROOT / "tests" / "fakes"), os.environ.get("PYTHONPATH", "")])
    listed = subprocess.run(
        [*command, *folders],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert listed.returncode == 0, listed.stdout
    lines = (line.partition("\t") for line in listed.stdout.splitlines() if "\t" in line)
    return {test: set(markers.split()) for test, _, markers in lines}


def test_a_table_is_read_cell_by_cell():
    assert list(tables("| a | b |\n|---|---|\n| x | yes |\n")) == [("x", "b", "yes")]


def test_each_yes_has_evidence_and_nothing_else_has():
    cells = list(tables(SUPPORTED))
    assert [(row, column) for row, column, cell in cells if (cell == "yes") != bool(evidence_of(row, column))] == []
    assert sum(cell == "yes" for _, _, cell in cells) == len(EVIDENCE)


@pytest.mark.integration
def test_the_evidence_is_collected():
    """By its marker, if the row is a runner. An id without parameters stands for all of them."""
    tests = markers_of_tests()
    missing = [
        (marker, wanted)
        for marker, wanted in EVIDENCE.values()
        if not any(
            name.endswith(wanted) and (not marker or marker in markers)
            for test, markers in tests.items()
            for name in (test, test.partition("[")[0])
        )
    ]
    assert missing == []
