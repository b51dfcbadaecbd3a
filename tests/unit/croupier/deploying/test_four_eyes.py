"""`four_eyes` of platform.yaml: how it is read, and which deploys wait for a second person because of it."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from croupier.catalog import load_catalog
from croupier.deploying.diff import diff
from croupier.deploying.four_eyes import second_person_for
from engine.catalog import Campaign, Catalog, FourEyes, Limits
from tests.support.example_catalog import PLATFORM, problems, write

RULES = FourEyes(points=1_000, forced_level=True, campaign_budget_micro_eur=5_000_000_000)
SECTION = """\
four_eyes:
  points: 1000
  forced_level: true
  campaign_budget_eur: "5000"
"""


def test_the_section_is_read(tmp_path: Path) -> None:
    folder = write(tmp_path)
    assert load_catalog(folder).four_eyes == FourEyes()
    (folder / "platform.yaml").write_text(PLATFORM + SECTION)
    assert load_catalog(folder).four_eyes == RULES


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("points: -1", "-1 is negative"),
        ('points: "10"', "write"),
        ("points: 9999999999", "is not between"),
        ("forced_level: yes please", "write true or false"),
        ("campaign_budget_eur: 5000", 'write "5000" in quotes'),
        ('campaign_budget_eur: "0"', "0 EUR is no threshold"),
        ("budget: 1", "unknown field `budget`"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, line: str, reason: str) -> None:
    folder = write(tmp_path)
    (folder / "platform.yaml").write_text(f"{PLATFORM}four_eyes:\n  {line}\n")
    (problem,) = problems(folder)
    assert (problem.file, problem.line) == ("platform.yaml", PLATFORM.count("\n") + 2)
    assert reason in problem.reason


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    return replace(load_catalog(write(tmp_path)), four_eyes=RULES)


def budgeted(catalog: Catalog, eur: int | None, name: str = "welcome") -> Catalog:
    """The catalog with this campaign under this budget."""
    micro = None if eur is None else eur * 1_000_000
    campaign = replace(catalog.campaigns["welcome"], campaign_id=name, limits=Limits(budget_micro_eur=micro))
    return replace(catalog, campaigns={**catalog.campaigns, name: campaign})


@pytest.mark.parametrize(
    ("before", "after", "waits"),
    [
        (1_000, 5_000, False),
        (1_000, 5_001, True),
        (6_000, 6_000, False),
        (6_000, 5_500, False),
        (6_000, 6_001, True),
        (6_000, None, True),
        (None, None, False),
        (None, 9_000, False),
    ],
)
def test_a_budget_that_is_raised_beyond_the_limit(
    catalog: Catalog, before: int | None, after: int | None, waits: bool
) -> None:
    why = second_person_for(budgeted(catalog, before), budgeted(catalog, after))
    assert ("campaign welcome" in why) == waits


@pytest.mark.parametrize(("eur", "waits"), [(5_000, ""), (5_001, "5001.00 EUR"), (None, "no budget")])
def test_a_new_campaign(catalog: Catalog, eur: int | None, waits: str) -> None:
    why = second_person_for(catalog, budgeted(catalog, eur, "spring"))
    assert (waits in why, "campaign spring" in why) == (True, bool(waits))


def test_a_multiplier_of_points_costs_no_budget(catalog: Catalog) -> None:
    campaign: Campaign = replace(catalog.campaigns["goodwill"], campaign_id="double", type="points_multiplier")
    assert second_person_for(catalog, replace(catalog, campaigns={**catalog.campaigns, "double": campaign})) == ""


def test_the_rules_themselves_are_changed_by_two(catalog: Catalog) -> None:
    for changed in (FourEyes(), replace(RULES, points=2_000)):
        assert "four_eyes" in second_person_for(catalog, replace(catalog, four_eyes=changed))
    assert second_person_for(replace(catalog, four_eyes=FourEyes()), catalog) == ""


def test_the_diff_shows_the_rules_as_they_are_written(catalog: Catalog) -> None:
    changed = diff(replace(catalog, four_eyes=FourEyes()), catalog)["changed"]
    assert {"path": "four_eyes.campaign_budget_eur", "from": None, "to": "5000"} in changed
    assert {"path": "four_eyes.points", "from": None, "to": "1000"} in changed
