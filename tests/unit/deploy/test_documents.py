"""Metrics that the documents name are exported, with the labels that the documents give them."""

import re
from pathlib import Path

import pytest

from deploy.dashboards import DASHBOARDS
from tests.support.exported import Metrics, exported

ROOT = Path(__file__).parents[3]
FIELDS = {ROOT / "docs/events.md", ROOT / "docs/facts.md", ROOT / "docs/reports-shipped.md"}
"""Pages of fields and columns, which have names of their own."""
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted({*(ROOT / "docs").glob("*.md")} - FIELDS)]
ABOUT_METRICS = {"dashboards.md", "operations-alerts.md", "integrations.md"}
"""On these pages, whatever looks a little like a metric is one."""
NAME = re.compile(r"`([a-z]+(?:_[a-z]+)+)(?:\{([^`}]*)\})?`")
ENDINGS = ("_total", "_seconds", "_ratio", "_bucket")
STARTS = ("reader_", "gateway_", "campaign_", "points_", "bonus_money_", "webhook_", "archive_", "breaker_", "notices_",
          "money_", "bonuses_")  # fmt: skip


@pytest.fixture(scope="module")
def metrics() -> Metrics:
    return exported()


def named_in(page: Path) -> list[tuple[str, str]]:
    """Names of metrics, each with the labels that stand behind it; a histogram may be named without its ending."""
    return [
        (name, labels)
        for name, labels in NAME.findall(page.read_text())
        if name.endswith(ENDINGS) or (page.name in ABOUT_METRICS and name.startswith(STARTS))
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_metric_of_the_documents_is_exported(page: Path, metrics: Metrics) -> None:
    strange = []
    for name, labels in named_in(page):
        known = metrics.get(name) or metrics.get(f"{name}_count") or metrics.get(f"{name}_total")
        given = set(re.findall(r"(\w+)(?=\s*[=,]|$)", re.sub(r'"[^"]*"', "", labels)))
        if known is None or not given <= known:
            strange.append((name, labels))
    assert strange == []


def test_the_page_names_every_dashboard_and_every_figure_for_the_business(metrics: Metrics) -> None:
    text = (ROOT / "docs/dashboards.md").read_text()
    assert [each.title for each in DASHBOARDS if f"| **{each.title.removeprefix('Croupier: ')}** |" not in text] == []
    told = {name for name, _ in NAME.findall(text)}
    assert len(named_in(ROOT / "docs/dashboards.md")) > 20
    figures = ("campaign_", "bonus_money_", "money_", "bonuses_", "points_", "players_on")
    assert {name for name in metrics if name.startswith(figures)} - told == set()
