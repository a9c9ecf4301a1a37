"""docs/metrics.md names exactly the metrics that the package reports."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from beam_dis.local.clock import Clock
from beam_dis.local.http.prometheus import exposition
from beam_dis.local.store import open_store
from beam_dis.read.partition.gauges import COMMIT_GAUGES, LAG_GAUGES
from beam_dis.read.partition.metrics import COUNTERS
from beam_dis.request_counts import OPERATIONS
from beam_dis.request_metrics import FAILED_REQUESTS, RequestMetrics
from beam_dis.write.bundle import BundleCounts

BEHIND = "millis_behind_latest"
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "metrics.md").read_text("utf-8")


def named(heading: str) -> set[str]:
    """The names in the first column of a section's table."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return {
        name for cell in re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE) for name in re.findall("`(.+?)`", cell)
    }


def reported(kind: str) -> set[str]:
    """The names of all metrics of a kind that the code of read/ and coders/ makes with a constant name."""
    files = [path for room in ("read", "coders") for path in (ROOT / "beam_dis" / room).rglob("*.py")]
    calls = [
        node for path in files for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call)
    ]
    made = [call for call in calls if ast.unparse(call.func) == f"Metrics.{kind}"]
    return {call.args[1].value for call in made if isinstance(call.args[1], ast.Constant)}


def test_the_counters_of_the_read_are_on_the_page():
    assert named("Read") | named("Commit") == set(COUNTERS) | reported("counter") | reported("distribution") - {BEHIND}


def test_the_distributions_of_the_read_are_on_the_page():
    assert reported("distribution") - named("Commit") == {BEHIND}
    assert f"`{BEHIND}`" in PAGE


def test_the_gauges_of_partitions_are_on_the_page():
    assert named("Partitions") == {f"{name}.STREAM.N" for name in (*LAG_GAUGES, *COMMIT_GAUGES)}


def test_the_metrics_of_requests_are_on_the_page():
    reported_as = RequestMetrics("n")
    names = {
        each.metric_name.name
        for kind in (reported_as._latency, reported_as._requests, reported_as._millis)
        for each in kind.values()
    }
    assert {f"{FAILED_REQUESTS}.CODE", *(re.sub("^[a-z]+(?=_)", "OPERATION", name) for name in names)} == named(
        "Requests"
    )
    section = PAGE.partition("## Requests\n")[2]
    assert all(f"`{operation}`" in section for operation in OPERATIONS)


def test_the_counters_of_the_write_are_on_the_page():
    assert named("Write") == set(BundleCounts._fields) - {"throttled_seconds"} | {"cumulativeThrottlingSeconds"}


def test_the_metrics_of_a_local_dis_are_on_the_page(tmp_path):
    store = open_store(tmp_path, clock=Clock(), housekeeping_interval=None)
    families = text_string_to_metric_families(exposition(store, None).decode())
    kinds = {"counter": "_total", "gauge": ""}
    assert named("The local DIS") == {family.name + kinds[family.type] for family in families}
    store.close()
