"""promtool, as Debian has it, about all that Prometheus is told: queries parse, alerts fire and are quiet."""

from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from deploy.dashboards import DASHBOARDS
from tests.support.prometheus import ROOT, promtool

FOLDER = ROOT / "deploy/prometheus"
ALERTS = [rule for group in yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"] for rule in group["rules"]]
TESTS = yaml.safe_load((FOLDER / "alerts.test.yml").read_text())["tests"]


@pytest.mark.parametrize("name", ["prometheus.yml", "local.yml"])
def test_prometheus_takes_its_configuration_and_the_alerts(name: str) -> None:
    checked = promtool("check", "config", name, folder=FOLDER)
    assert checked.returncode == 0 and f"{len(ALERTS)} rules found" in checked.stdout, checked.stderr


def test_every_query_of_the_dashboards_parses(tmp_path: Path) -> None:
    queries = [query.expr for each in DASHBOARDS for panel in each.panels() for query in panel.queries]
    assert len(queries) > 100
    rules = [
        {"record": f"panel:number:{number}", "expr": expr.replace("$__rate_interval", "1m")}
        for number, expr in enumerate(queries)
    ]
    (tmp_path / "panels.yml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    checked = promtool("check", "rules", "panels.yml", folder=tmp_path)
    assert checked.returncode == 0, checked.stderr


def test_every_alert_fires_and_is_quiet_as_its_tests_say() -> None:
    tested = promtool("test", "rules", "alerts.test.yml", folder=FOLDER)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_every_alert_has_a_test_in_which_it_fires_and_one_in_which_it_is_quiet() -> None:
    seen = defaultdict(set)
    for test in TESTS:
        for case in test["alert_rule_test"]:
            seen[case["alertname"]].add(bool(case.get("exp_alerts")))
    assert {rule["alert"]: {True, False} for rule in ALERTS} == seen
