"""Campaigns that nobody can get are taken with a warning (rules §6)."""

from pathlib import Path

import pytest

from croupier.catalog import check_files
from croupier.catalog.folder import read_folder
from tests.support.example_catalog import SHIPPED
from tests.unit.croupier.catalog.test_catalog_sense import Edits, edited

W, M, F, A = "campaigns/welcome.yaml", "campaigns/goodwill.yaml", "fraud.yaml", "campaigns/points.yaml"
END_MS = 2_114_380_800_000
"""2037-01-01T00:00:00Z, when both campaigns of the small catalog end."""
POINTS = """\
id: points
type: points_multiplier
valid_from: 2026-01-01T00:00:00Z
valid_to: 2037-01-01T00:00:00Z
eligibility: {countries: {allow: [KP]}}
award: {points_multiplier: "2"}
"""


def warned(folder: Path, at_ms: int = END_MS - 1) -> list[str]:
    """What is warned of, as a check prints it; nothing may be wrong."""
    checked = check_files(read_folder(folder), [], folder, at_ms)
    assert checked.problems == ()
    return [
        str(warning) for warning in checked.warnings if ".json" not in warning.file and "text" not in warning.reason
    ]


def test_a_campaign_that_ended(folder: Path) -> None:
    assert warned(folder) == []
    assert warned(folder, END_MS) == [
        f"{file}:5: the campaign ended at 2037-01-01T00:00:00.000Z; write a later valid_to, or remove the file"
        for file in (M, W)
    ]


def climbing(trigger: str, levels: str) -> Edits:
    return ((M, "trigger: {event: manual}", trigger), (M, "award:", f"eligibility: {{levels: [{levels}]}}\naward:"))


@pytest.mark.parametrize(
    ("trigger", "levels", "told"),
    [
        ("trigger: {event: level_up, to: gold}", "onyx", "climbing to `gold`, but only for onyx"),
        ("trigger: {event: level_up, to: gold}", "silver, onyx", "climbing to `gold`, but only for silver, onyx"),
        ("trigger: {event: level_up}", "silver", "climbing above the first level, but only for silver"),
        ("trigger: {event: level_up, to: gold}", "gold, onyx", None),
        ("trigger: {event: level_up}", "silver, onyx", None),
        ("trigger: {event: manual}", "silver", None),
    ],
)
def test_a_campaign_no_level_can_match(folder: Path, trigger: str, levels: str, told: str | None) -> None:
    edited(folder, climbing(trigger, levels))
    found = warned(folder)
    assert len(found) == (told is not None)
    if told is not None:
        assert found[0].startswith(f"{M}:6: ") and told in found[0] and "leave `levels` out" in found[0]


@pytest.mark.parametrize(
    ("allowed", "denied", "told"),
    [
        ("KP", "KP", "fraud.yaml denies KP every award"),
        ("KP, IR", "IR, KP, CU", "fraud.yaml denies KP, IR every award"),
        ("KP, SE", "KP", None),
        ("SE", "KP", None),
    ],
)
def test_a_campaign_no_country_can_match(folder: Path, allowed: str, denied: str, told: str | None) -> None:
    (folder / F).write_text(f"denied_countries: [{denied}]\n")
    (folder / A).write_text(POINTS)
    edited(folder, ((W, "countries: {deny: [US]}", f"countries: {{allow: [{allowed}]}}"),))
    found = warned(folder)
    assert len(found) == (told is not None), "points are no award: fraud rules don't look at them"
    if told is not None:
        assert found[0].startswith(f"{W}:7: ") and told in found[0]


@pytest.mark.parametrize(
    ("written", "empty", "line"),
    [
        ("countries: {deny: [US]}", "countries: {allow: []}", 7),
        ("countries: {deny: [US]}", "levels: []", 7),
        ("segments: [newcomers]", "segments: []", 8),
        ("segments: [newcomers]", "players: []", 8),
    ],
)
def test_an_empty_list_means_everybody_and_not_nobody(folder: Path, written: str, empty: str, line: int) -> None:
    edited(folder, ((W, written, empty),))
    [found] = warned(folder)
    assert found.startswith(f"{W}:{line}: this list is empty, which means no restriction")


def test_the_shipped_catalog_reaches_somebody() -> None:
    assert check_files(read_folder(SHIPPED), [], SHIPPED).warnings == ()
