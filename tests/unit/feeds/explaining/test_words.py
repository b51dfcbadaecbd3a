"""Every event has words, every rule that is named stands in docs/rules.md, and amounts are read as people read them."""

import re
from pathlib import Path
from typing import get_args

import pytest

from engine import events as e
from engine.events import AnyEvent
from feeds.explaining import rules
from feeds.explaining.amounts import Purse, decimal, euros, micro, points
from feeds.explaining.line import Line
from feeds.explaining.movements import moved_by
from feeds.explaining.words import WORDS, said
from tests.unit.feeds.public.samples import TRANSITIONS

EUR = Purse("EUR", 2)
RULES = Path(__file__).resolve().parents[4] / "docs" / "rules.md"


def paragraphs() -> dict[str, list[str]]:
    """By section, what each bullet, numbered item, table row and paragraph begins with; items by their number, too."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in RULES.read_text().splitlines():
        if heading := re.match(r"## (\d+)\. ", line):
            section = heading.group(1)
        if not section or not line.strip():
            continue
        text = re.sub(r"^\s*(?:- |\| |\d+\. )?", "", line)
        found.setdefault(section, []).append(text)
        if item := re.match(r"(\d+)\. ", line):
            found.setdefault(f"{section}.{item.group(1)}", []).append(text)
    return found


def test_every_event_has_words() -> None:
    assert set(get_args(AnyEvent)) == set(WORDS)


@pytest.mark.parametrize("rule", rules.ALL, ids=lambda rule: f"§{rule.section} {rule.begins[:30]}")
def test_every_rule_that_is_named_is_there(rule: rules.Rule) -> None:
    known = paragraphs()
    assert any(text.startswith(rule.begins) for text in known.get(rule.section, ())), known.get(rule.section)


def test_every_sample_is_a_sentence_with_what_it_moved() -> None:
    for transition in TRANSITIONS:
        for event in transition.events:
            line = said(event, EUR)
            assert line.text[0].isupper() or line.text[0].isdigit(), line
            assert line.text.endswith("."), line
            assert "None" not in line.text and "_micro" not in line.text, line
            assert line.moved == moved_by(event)


def texts() -> dict[str, str]:
    """The last sentence of each kind of event in the samples."""
    return {type(event).__name__: said(event, EUR).text for done in TRANSITIONS for event in done.events}


@pytest.mark.parametrize(
    ("event", "part"),
    [
        ("DepositMade", "Deposit number 1, d4: 50.00 EUR were added to real money."),
        ("BonusRedeemed", "9.00 EUR of it became real money. 1.00 EUR above its highest payout were removed."),
        ("GrantReopened", "it holds 10.00 EUR again, of which 9.00 EUR came back from real money"),
        ("PointsAdjusted", "An operator took 3 points: “mistake”."),
        ("RedemptionRequested", "500 points, worth 2.50 EUR, are locked"),
        ("FlaggedForOperator", "Nothing moved. 4.00 EUR wait for an operator."),
        ("BetReported", "turnover of 10.00 EUR. It earned 5 points."),
        ("FreeSpinsGranted", "10 free spins at a stake of 0.20 EUR on book, fruit"),
        ("WithdrawalConfirmed", "7.00 EUR of real money left the account"),
        ("LevelChanged", "from bronze to silver, set by an operator: “a friend of the house”"),
        ("CashbackSettled", "1.00 EUR staked − 0.40 EUR won = 0.60 EUR lost. Nothing is paid"),
    ],
)
def test_what_is_said(event: str, part: str) -> None:
    assert part in texts()[event]


def test_personal_data_is_never_said() -> None:
    everything = " ".join(said(event, EUR).text for done in TRANSITIONS for event in done.events)
    for secret in ("203.0.113.9", "device-1", "card-1", "asked by her mother"):
        assert secret not in everything


VALUED = re.compile(r"\b(turnover|levels?|privileges?)\b", re.IGNORECASE)
"""Words of sentences that tell how a player is valued (docs/roles.md)."""


def read_by_support(line: Line) -> str:
    return line.text if line.instead is None else line.instead


def test_roles_that_may_not_value_a_player_read_nothing_of_it() -> None:
    lines = [said(event, EUR) for done in TRANSITIONS for event in done.events]
    assert any(VALUED.search(line.text) for line in lines)
    assert [line for line in lines if VALUED.search(read_by_support(line))] == []
    assert not any(line.instead == line.text for line in lines)


def test_a_bet_of_another_vertical_is_told_without_its_turnover() -> None:
    event = e.BetReported("sports", 1_000, 10_000_000, 5_000_000)
    assert read_by_support(said(event, EUR)) == (
        "A bet of 10.00 EUR on another vertical (sports) was reported: no money moved here. It earned 5 points."
    )
    undone = e.ReportedBetReversed("pms:b-1", -10_000_000, points_micro=-5_000_000)
    assert said(undone, EUR).text == (
        "The reported bet b-1 was rolled back: turnover of 10.00 EUR and 5 points were taken off again."
    )
    assert read_by_support(said(undone, EUR)) == "The reported bet b-1 was rolled back: 5 points were taken off again."


def test_amounts_are_decimals_by_the_exponent() -> None:
    assert (decimal(-105, 2), decimal(5, 2), decimal(7, 0), decimal(-3, 3)) == ("-1.05", "0.05", "7", "-0.003")
    assert Purse("JPY", 0).said(5_000) == "5000 JPY"
    assert (micro(2_500_000), micro(0), micro(-1)) == ("2.5", "0", "-0.000001")
    assert (euros(290_043), euros(1_000_000), points(1_000_000)) == ("0.290043 EUR", "1.00 EUR", "1 point")
