"""docs/limits.md agrees with the constants of the code."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from beam_dis import DISConnection
from beam_dis.wire import limits

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "limits.md").read_text("utf-8")
MIB = 1024 * 1024

ROWS = {
    "memory of prefetched pages, per process and connection": ("BUDGET_BYTES", 64 * MIB, "64 MB"),
    "pages prefetched per partition; in a bounded read, per segment": ("PAGES_AHEAD", 4, "4"),
    "segments of about four pages that bounded reads prefetch at a time, per process and connection": (
        "MOST_SEGMENTS",
        8,
        "8",
    ),
    "ranges that a process prefetches in vain in a bounded read, because another process reads them": (
        "MOST_EXPECTED",
        8,
        "8",
    ),
    "page requests in flight, per process and connection": ("UNDER_WAY", 8, "8"),
    "idle partitions that are requested while another one is polled": ("MOST_AHEAD", 7, "7"),
    "data in a page": ("PAGE_BYTES", 2 * MIB, "2 MiB"),
    "memory of the records of a page": ("PAGE_MEMORY_BYTES", 6 * MIB, "about 6 MiB"),
    "overhead counted per record in memory": ("RECORD_BYTES", 240, "240 bytes"),
    "time in one call of the endless read": ("BUNDLE_SECONDS", 2.0, "2 s"),
    "data in one call of the endless read": ("BUNDLE_BYTES", 64 * MIB, "64 MB"),
    "sequence numbers in one part of a bounded read": ("INITIAL_SPLIT", 100_000, "100,000"),
    "digits of a decimal; with more it is its bytes": ("_MOST_DIGITS", 10_000, "10,000"),
    "values without bytes in an Avro record, such as nulls in an array": ("MOST_EMPTY", 65_536, "65,536"),
    "rows in a record": ("MOST_ROWS", 1_000_000, "1,000,000"),
    "levels of a record inside itself": ("MOST_LEVELS", 64, "64"),
    "part of the retention left at which unread records are warned about": ("SHARE_LEFT", 0.2, "a fifth"),
    "age at which a cursor is renewed": ("MAX_AGE_SECONDS", 270.0, "270 s"),
    "requests in flight per worker thread": ("IN_FLIGHT", 8, "8"),
    "time for sending refused records again, without progress": ("DEADLINE", 120.0, "120 s"),
    "data that waits in a bundle for a request": ("OPEN_BYTES", 64 * MIB, "64 MB"),
    "records in a request": ("MAX_REQUEST_RECORDS", 1000, "1,000"),
    "partitions that are copied at the same time": ("AT_A_TIME", 8, "8"),
    "part of a partition's throughput in the cloud that a copy writes": ("SHARE", 0.9, "90 %"),
    "time without any success before a copy ends": ("STUCK_SECONDS", 120.0, "120 s"),
    "time for a new or scaled target to take records": ("READY_SECONDS", 120.0, "120 s"),
    "all attempts before the first answer": ("FIRST_ANSWER_SECONDS", 8.0, "8 s"),
    "opening a connection": ("CONNECT_SECONDS", 5.0, "5 s"),
    "age at which an unused connection is closed": ("KEEPALIVE_SECONDS", 50.0, "50 s"),
    "time before expiry at which credentials are renewed": ("RENEW_BEFORE_SECONDS", 2400.0, "40 minutes"),
    "time for which credentials without expiry are kept": ("KEEP_SECONDS", 60.0, "60 s"),
    "clock error before the client uses the service's clock": ("SKEW_SECONDS", 60.0, "60 s"),
    "a line of `put`, or a row of several lines": ("LONGEST", 64 * MIB, "64 MiB"),
    "wait for more lines from a pipe before those that came are sent": ("_IDLE_SECONDS", 0.1, "0.1 s"),
    "apps per project": ("APP_QUOTA", 100, "100"),
    "tags of a stream": ("MAX_TAGS", 10, "10"),
    "streams in a page of a search by tags": ("MAX_FOUND_RESOURCES", 1000, "1,000"),
    "period of monitoring data in one answer": ("MAX_METRICS_SECONDS", 7 * 24 * 3600, "7 days"),
    "principals in a request for a policy": ("MAX_PRINCIPALS", 100, "100"),
    "silence after which a member of a consumer group is dropped": ("SESSION_SECONDS", 30.0, "30 s"),
    "time for which monitoring data are kept": ("KEPT_MINUTES", 8 * 24 * 60, "8 days"),
    "time before counts of reads are stored": ("STORE_SECONDS", 5.0, "5 s"),
    "dump tasks per stream": ("DUMP_TASK_QUOTA", 5, "5"),
    "interval of a dump task": ("DEFAULT_DELIVER_SECONDS", 300, "300 s by default"),
    "objects that a dump task makes at once": ("MOST_FOLDERS", 64, "64"),
    "validity of a cursor": ("CURSOR_SECONDS", 300, "5 minutes"),
    "metadata of a checkpoint": ("MAX_METADATA_CHARS", 1000, "1,000 characters"),
    "time between two scalings of a stream": ("SCALING_SECONDS", 3600, "1 hour"),
    "error of the clock that signs a request": ("WINDOW_SECONDS", 900.0, "15 minutes"),
    "body of a request": ("MAX_BODY_BYTES", 12 * MIB, "12 MiB"),
    "records in a put": ("MAX_RECORDS", 10_000, "10,000"),
    "request bodies in memory": ("BODIES_IN_FLIGHT", 64 * MIB, "64 MiB"),
    "answers in memory": ("ANSWERS_IN_FLIGHT", 128 * MIB, "128 MiB"),
    "time to take 1 MiB of an answer": ("ANSWER_SECONDS", 60.0, "60 s"),
    "time for which an idle connection is kept": ("IDLE_SECONDS", 75.0, "75 s"),
    "requests in the console's log": ("KEPT_REQUESTS", 2_000, "2,000"),
    "data that a page of the console reads": ("MOST_BYTES", 2 * MIB, "about 2 MiB"),
    "form that is sent to the console": ("MAX_FORM_BYTES", 8 * MIB, "8 MiB"),
    "records in a request to V3IO": ("MAX_REQUEST_RECORDS", 1000, "1,000"),
    "body of a request to V3IO, and data in a page": ("MAX_BODY_BYTES", 10_000_000, "10 MB"),
    "data that the sink puts into a request to V3IO": ("REQUEST_BYTES", 6_000_000, "6 MB"),
    "data in a record of V3IO": ("MAX_RECORD_BYTES", MIB, "1 MiB"),
    "client information of a record": ("MAX_CLIENT_INFO_BYTES", 16, "16 bytes"),
    "partition key of a record of V3IO": ("MAX_PARTITION_KEY_BYTES", 256, "256 bytes"),
    "shards of a stream": ("MAX_SHARDS", 10_000, "10,000"),
    "retention of a stream": ("MAX_RETENTION_HOURS", 876_000, "876,000 hours"),
    "path of a stream": ("MAX_PATH_CHARS", 1024, "1,024 characters"),
    "records in a page of the local V3IO": ("MAX_PAGE_RECORDS", 10_000, "10,000"),
    "time for running requests when the server stops": ("DRAIN_SECONDS", 2, "2 s"),
}
"""Row of the page → the constant, its value, and how the page says it."""


@cache
def assignments() -> list[ast.Assign]:
    """The module-level assignments of the package."""
    nodes = (node for path in ROOT.glob("beam_dis/**/*.py") for node in ast.parse(path.read_text("utf-8")).body)
    return [node for node in nodes if isinstance(node, ast.Assign)]


def values_of(name: str) -> set[object]:
    """The values that module-level constants of a name have in the package."""
    assigned = [node for node in assignments() if getattr(node.targets[0], "id", "") == name]
    return {eval(ast.unparse(node.value), {"MIB": MIB, "__builtins__": {}}) for node in assigned}


def cell(row: str) -> str:
    return re.search(rf"^\| {re.escape(row)} \| ([^|]+) \|", PAGE, re.MULTILINE)[1]


@pytest.mark.parametrize("row", ROWS)
def test_a_limit_on_the_page_is_that_of_the_code(row):
    name, value, said = ROWS[row]
    assert value in values_of(name)
    assert said in cell(row)


def test_times_of_a_connection_are_its_defaults():
    connection = DISConnection()
    found = (cell("one attempt at a request"), cell("all attempts at a request"))
    assert found == (f"{connection.timeout:.0f} s", f"{connection.deadline:.0f} s")


def test_sizes_and_rates_are_those_of_the_service():
    sizes, rates = limits.MAX_REQUEST_BYTES, limits.THROUGHPUT
    put = f"{sizes['COMMON'] // MIB} MiB (COMMON), {sizes['ADVANCED'] // MIB} MiB (ADVANCED)"
    written = ", ".join(
        f"{rate.write_bytes // MIB} MiB or {rate.write_records:,} records ({kind})" for kind, rate in rates.items()
    )
    read = ", ".join(f"{rate.read_bytes // MIB} MiB ({kind})" for kind, rate in rates.items())
    assert cell("data in a put") == put
    assert cell("written per partition and second") == written
    assert cell("read per partition and second") == read


def test_intervals_of_dump_tasks_are_those_of_the_service():
    seconds, megabytes = limits.DELIVER_SECONDS, limits.DELIVER_MEGABYTES
    assert cell("interval of a dump task").startswith(f"{seconds[0]} to {seconds[-1]} s")
    assert cell("size that flushes a dump task") == f"{megabytes[0]} to {megabytes[-1]} MB"


def test_retention_is_that_of_the_service():
    hours = limits.RETENTION_HOURS
    assert cell("retention of records") == f"{hours[0]} to {hours[-1]} hours"
