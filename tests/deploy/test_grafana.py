"""The dashboard and the alerts of deploy/grafana name metrics that the package reports, as Flink's Prometheus reporter names them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_names import PREFIX, in_prometheus

from beam_dis.read.partition.gauges import COMMIT_GAUGES, COMMIT_NAMESPACE, LAG_GAUGES, READ_NAMESPACE
from beam_dis.read.partition.metrics import COUNTERS
from beam_dis.request_counts import OPERATIONS
from beam_dis.write.bundle import BundleCounts

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "grafana"
DASHBOARD = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))
RULES = yaml.safe_load((FOLDER / "alerts.yaml").read_text("utf-8"))["groups"][0]["rules"]
PAGE = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
COLUMNS = 24

REPORTED = {
    *(f"{READ_NAMESPACE}.{name}" for name in (*COUNTERS, "dead_letters")),
    *(f"{READ_NAMESPACE}.{name}.orders-eu.12" for name in LAG_GAUGES),
    *(f"{COMMIT_NAMESPACE}.{name}.orders-eu.12" for name in COMMIT_GAUGES),
    *(f"beam_dis.write.{name}" for name in (*BundleCounts._fields, "cumulativeThrottlingSeconds", "retries.DIS.4303")),
    *(
        f"{namespace}.{name}"
        for namespace in (READ_NAMESPACE, "beam_dis.write")
        for operation in OPERATIONS
        for name in (f"{operation}_requests", f"{operation}_request_millis", "failed_requests.DIS.4303")
    ),
}
"""Metrics that the package reports, with examples of a partition and a code. Other tests compare most of them with the code."""


NAMES = {in_prometheus(name) for name in REPORTED}


def expressions() -> list[Any]:
    panels = [
        pytest.param(target["expr"].replace("$__rate_interval", "5m").replace("$job", ".*"), id=panel["title"])
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
    ]
    return panels + [pytest.param(rule["expr"], id=rule["alert"]) for rule in RULES]


def parts(expression: str) -> list[Any]:
    """The nodes of an expression; it fails if Prometheus wouldn't take it."""
    found: list[Any] = []
    promql_parser.walk(promql_parser.parse(expression), lambda node: found.append(node) or True)
    return found


def selected(node: Any) -> Iterator[set[str]]:
    """The metrics of this package that each selector in an expression finds."""
    for part in parts(node):
        if isinstance(part, promql_parser.VectorSelector):
            patterns = [m.value for m in part.matchers.matchers if m.name == "__name__"] or [re.escape(part.name)]
            yield {name for name in NAMES if re.fullmatch(patterns[0], name)}


@pytest.mark.parametrize("expression", expressions())
def test_each_metric_of_an_expression_is_reported(expression: str) -> None:
    found = list(selected(expression))
    assert found
    assert all(found)


@pytest.mark.parametrize("expression", expressions())
def test_labels_are_taken_from_names_that_have_them(expression: str) -> None:
    """A pattern that doesn't fit a name would leave the label empty, without an error."""
    for node in parts(expression):
        if isinstance(node, promql_parser.Call) and node.func.name == "label_replace":
            inner, label, group, source, pattern = node.args
            names = set().union(*selected(str(inner)))
            taken = {re.fullmatch(pattern.val, name).expand(group.val.replace("$", "\\")) for name in names}
            assert source.val == "__name__"
            assert taken <= {"stream": {"orders_eu"}, "partition": {"12"}, "code": {"DIS_4303"}}.get(
                label.val, {"read", "write", "commit"}
            )


@pytest.mark.parametrize("gauge", [*LAG_GAUGES, *COMMIT_GAUGES])
def test_no_gauge_has_a_name_that_another_one_begins_with(gauge: str) -> None:
    """The patterns of the dashboard would take the one for the other, with a wrong stream."""
    assert [other for other in (*LAG_GAUGES, *COMMIT_GAUGES) if other != gauge and other.startswith(gauge)] == []


def test_a_metric_that_is_not_reported_is_found() -> None:
    assert list(selected(f"rate({PREFIX}beam_dis_read_records_lost[5m])")) == [set()]
    with pytest.raises(ValueError, match="parenthesis"):
        parts("sum by (job_name) rate(a[5m]))")


def test_the_dashboard_can_be_imported() -> None:
    panels = DASHBOARD["panels"]
    assert {variable["name"] for variable in DASHBOARD["templating"]["list"]} == {"datasource", "job"}
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [panel["gridPos"] for panel in panels]
    assert len({(place["x"], place["y"]) for place in places}) == len(panels)
    assert all(place["x"] + place["w"] <= COLUMNS for place in places)
    sources = [each["datasource"]["uid"] for panel in panels for each in (panel, *panel["targets"])]
    assert set(sources) == {"${datasource}"}


def test_the_page_explains_each_panel_and_each_alert() -> None:
    assert [panel["title"] for panel in DASHBOARD["panels"] if f"| {panel['title']} |" not in PAGE] == []
    for rule in RULES:
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert page == "docs/monitoring.md"
        assert f"### {rule['alert']}\n" in PAGE
        assert anchor == rule["alert"].lower()


def test_labels_in_the_text_of_an_alert_are_those_of_its_expression() -> None:
    for rule in RULES:
        texts = " ".join(rule["annotations"].values())
        grouped = set(re.findall(r"\w+", re.findall(r"by \(([^)]+)\)", rule["expr"])[0]))
        assert set(re.findall(r"\$labels\.(\w+)", texts)) <= grouped
