"""What documents and code promise of each other."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("engine", "snapshots", "actors", "feeds", "gateway", "croupier")


def test_every_rule_the_code_cites_is_a_section_of_the_rules() -> None:
    sections = set(re.findall(r"^## (\d+)\.", (ROOT / "docs/rules.md").read_text(), re.MULTILINE))
    cited = {
        number
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for number in re.findall(r"rules §(\d+)", path.read_text())
    }
    assert cited
    assert cited <= sections


@pytest.mark.parametrize("project", ["pyproject.toml", "clients/python/pyproject.toml"])
def test_every_dependency_has_its_reason(project: str) -> None:
    reasons = (ROOT / "docs/decisions/0003-dependencies.md").read_text()
    listed = re.search(r"^dependencies = \[(.*?)\]\n", (ROOT / project).read_text(), re.MULTILINE | re.DOTALL)
    assert listed is not None
    names = re.findall(r'"([A-Za-z-]+(?:\[\w+\])?)', listed.group(1))
    assert names
    assert [name for name in names if f"| {name}" not in reasons and f", {name}" not in reasons] == []


@pytest.mark.parametrize(
    "target",
    ["demo", "test", "check", "dashboards", "simulate", "fuzz", "load", "up", "bench", "bench-scale", "clean"],
)
def test_make_help_lists_every_target(target: str) -> None:
    assert re.search(rf"^{target}: ## \S", (ROOT / "Makefile").read_text(), re.MULTILINE)
