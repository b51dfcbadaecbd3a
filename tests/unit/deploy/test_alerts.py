"""Alerts are few, and each says what to do: a paragraph with symptom, look and act."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
PAGE = "docs/operations-alerts.md"
ALERTS_MAX = 15
ALERTS: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
PARAGRAPHS = dict(re.findall(r"^## (\w+)\n\n(.*?)(?=\n## |\Z)", (ROOT / PAGE).read_text(), re.MULTILINE | re.DOTALL))


def test_there_are_few() -> None:
    names = [rule["alert"] for rule in ALERTS]
    assert 0 < len(names) <= ALERTS_MAX and len(set(names)) == len(names)
    assert list(PARAGRAPHS) != [] and set(PARAGRAPHS) == set(names)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_each_leads_to_its_paragraph(rule: dict[str, Any]) -> None:
    name, severity = rule["alert"], rule["labels"]["severity"]
    assert rule["annotations"]["runbook_url"] == f"{PAGE}#{name.lower()}"
    assert severity in ("page", "ticket") and rule["annotations"]["summary"].endswith(".")
    said = re.findall(r"^- \*\*(\w+)\.\*\* (.+)$", PARAGRAPHS[name], re.MULTILINE)
    assert [heading for heading, _ in said] == ["Symptom", "Look", "Act"]
    assert said[0][1].startswith(f"`{severity}`.")
