"""What the runbook names is there: commands with their options, alerts, metrics, pages and their sections."""

import re
from pathlib import Path

import pytest
import yaml

from croupier import cli

ROOT = Path(__file__).parents[3]
PAGES = ("docs/operations.md", "deploy/kubernetes/README.md")
ALERTS = {rule["alert"] for group in yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
          for rule in group["rules"]}  # fmt: skip


def text(page: str) -> str:
    return (ROOT / page).read_text()


def anchor(heading: str) -> str:
    """As GitHub makes it of a heading."""
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES)
def test_its_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#]*)(?:#([^)]*))?\)", text(page))
    assert links
    for path, section in links:
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), path
        headings = re.findall(r"^#+ (.*)$", target.read_text(), re.MULTILINE)
        assert not section or section in map(anchor, headings), section


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_that_it_names_can_be_typed(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    named = set(re.findall(r"`croupier ([a-z-]+(?: (?:verify|check))?)", text(page)))
    assert named
    for words in named:
        with pytest.raises(SystemExit) as ended:
            cli.main([*words.split(), "--help"])
        assert ended.value.code == 0, words
        told = capsys.readouterr().out
        for options in re.findall(rf"`croupier {words}([^`]*)`", text(page)):
            assert all(option in told for option in re.findall(r"--[a-z-]+", options)), (words, options)


def test_the_alerts_that_it_names_are_there() -> None:
    named = set(re.findall(r"\bCroupier[A-Z][A-Za-z]+", text("docs/operations.md")))
    assert named and named <= ALERTS
