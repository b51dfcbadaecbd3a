"""The dashboards: what is committed is what the code says, and what they ask for is what the product exports."""

import ast
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.dashboards import DASHBOARDS
from deploy.dashboards.__main__ import FOLDER, files
from deploy.dashboards.grafana import DATASOURCE, document
from deploy.dashboards.model import WIDTH, Dashboard, Panel, Query, Row, Text
from tests.support.exported import Metrics, exported
from tests.support.promql import Named, named

ROOT = Path(__file__).parents[3]
PACKAGES = ("engine", "snapshots", "actors", "feeds", "gateway", "croupier")
ALERTS = [rule for group in yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
          for rule in group["rules"]]  # fmt: skip
QUERIES = [(f"{each.uid}: {panel.title}", query.expr) for each in DASHBOARDS for panel in each.panels()
           for query in panel.queries] + [(rule["alert"], rule["expr"]) for rule in ALERTS]  # fmt: skip


def test_what_is_committed_is_what_the_code_says() -> None:
    committed = {path.name: path.read_text() for path in FOLDER.iterdir()}
    assert committed == files(), "run make dashboards"


def test_the_datasource_is_the_one_that_is_provisioned() -> None:
    provisioned = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text())
    [source] = provisioned["datasources"]
    assert {"type": source["type"], "uid": source["uid"]} == DATASOURCE


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.uid)
def test_no_panel_covers_another(dashboard: Dashboard) -> None:
    panels = document(dashboard)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    boxes = [panel["gridPos"] for panel in panels]
    assert all(box["x"] + box["w"] <= WIDTH for box in boxes)
    assert [pair for pair in combinations(boxes, 2) if overlap(*pair)] == []


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.uid)
def test_panels_fill_their_lines(dashboard: Dashboard) -> None:
    filled: dict[int, int] = {}
    for panel in document(dashboard)["panels"]:
        at = panel["gridPos"]
        filled[at["y"]] = filled.get(at["y"], 0) + at["w"]
    assert set(filled.values()) == {WIDTH}


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.uid)
def test_every_panel_says_what_it_answers(dashboard: Dashboard) -> None:
    assert len({dashboard.uid for dashboard in DASHBOARDS}) == len(DASHBOARDS)
    assert all(panel.says.endswith(".") and panel.queries for panel in dashboard.panels())
    assert [text for row in dashboard.rows for text in row.panels if isinstance(text, Text) and not text.text] == []


def test_a_panel_that_does_not_fit_begins_a_new_line() -> None:
    row = Row("r", (Panel("a", "A.", (Query("up"),), width=16), Panel("b", "B.", (Query("up"),), width=16, height=5)))
    placed = [panel["gridPos"] for panel in document(Dashboard("u", "t", "s", (row, row)))["panels"]]
    assert [(at["x"], at["y"]) for at in placed] == [(0, 0), (0, 1), (0, 9), (0, 14), (0, 15), (0, 23)]


# --- what is asked for exists


@pytest.fixture(scope="module")
def metrics() -> Metrics:
    return exported()


def test_every_metric_of_dashboards_and_alerts_is_exported(metrics: Metrics) -> None:
    missing = {(where, name) for where, expr in QUERIES for name in named(expr).metrics if name not in metrics}
    assert missing == set()


def test_every_label_of_dashboards_and_alerts_is_exported(metrics: Metrics) -> None:
    strange = set()
    for where, expr in QUERIES:
        asked = named(expr)
        strange |= {(where, metric, label) for metric, label in asked.matched if label not in metrics[metric]}
        known = frozenset[str]().union(*(metrics[name] for name in asked.metrics))
        strange |= {(where, "by", label) for label in asked.grouped - known}
    assert strange == set()


def test_legends_name_labels_that_series_are_added_up_by() -> None:
    for dashboard in DASHBOARDS:
        for panel in dashboard.panels():
            for query in panel.queries:
                shown = {part.partition("}}")[0] for part in query.legend.split("{{")[1:]}
                assert shown <= named(query.expr).grouped, (panel.title, query)


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("sum(rate(a_total[5m]))", Named(frozenset({"a_total"}), frozenset(), frozenset())),
        ('max by (x, y) (a{b=~"c|d", e!="f"}) / on (x) g',
         Named(frozenset({"a", "g"}), frozenset({("a", "b"), ("a", "e")}), frozenset({"x", "y"}))),
        ("a unless a offset 15m or on() vector(0)", Named(frozenset({"a"}), frozenset(), frozenset())),
        ("histogram_quantile(0.99, sum by (le) (rate(s_bucket[$__rate_interval]))) * 3600",
         Named(frozenset({"s_bucket"}), frozenset(), frozenset({"le"}))),
    ],
)  # fmt: skip
def test_what_an_expression_names(expr: str, expected: Named) -> None:
    assert named(expr) == expected


# --- nothing is exported that this test doesn't know of


def names_in_code() -> Iterator[tuple[str, str]]:
    """File and name of every metric that is made by name in the product."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and _makes_metric(node.func) and node.args:
                    name = node.args[0]
                    if isinstance(name, ast.Constant) and isinstance(name.value, str):
                        yield str(path.relative_to(ROOT)), name.value


def _makes_metric(called: Any) -> bool:
    name = getattr(called, "id", getattr(called, "attr", ""))
    return name in ("Counter", "Gauge", "Histogram") or name.endswith("MetricFamily")


def test_every_metric_that_the_product_makes_is_known_here(metrics: Metrics) -> None:
    made = set(names_in_code())
    assert len(made) > 40
    known = {name for each in metrics for name in (each, *(each.removesuffix(end) for end in ("_total", "_bucket")))}
    assert {(file, name) for file, name in made if name not in known} == set(), "add them to tests/support/exported.py"
