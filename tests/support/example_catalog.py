"""A small catalog that tests break in one place at a time."""

from pathlib import Path

import pytest

from croupier.catalog import CatalogInvalid, load_catalog
from croupier.catalog.places import Problem

SHIPPED = Path(__file__).parents[2] / "catalog"

PLATFORM = """\
currencies:
  EUR: {exponent: 2, eur_rate: "1"}
  JPY: {exponent: 0, eur_rate: "0.0061"}
funds_order: real_first
placement:
  dedicated: [whale-1]
"""
GAMES = """\
games:
  book: {type: slot, provider: demo, min_bet: 10, max_bet: 10000}
  wheel: {type: live, provider: demo, min_bet: {EUR: 50, JPY: 100}, max_bet: 5000, contribution: 20}
  cards: {type: table, provider: demo, min_bet: 10, max_bet: 5000}
contribution: {table: 10}
"""
WELCOME = """\
id: welcome
type: deposit_match
trigger: {event: first_deposit}
valid_from: 2026-01-01T00:00:00Z
valid_to: 2037-01-01T01:00:00+01:00
eligibility:
  countries: {deny: [US]}
  segments: [newcomers]
  currencies: [EUR]
  min_deposit: {EUR: 1000}
award:
  bonus: {match_percent: "50.5", max: {EUR: 10000}}
  free_spins: {count: 20, bet: {EUR: 10}, games: [book], valid_days: 7, wager_multiplier: "20"}
wager:
  multiplier: "35"
  basis: bonus_plus_deposit
  min_bet: {EUR: 10}
  max_bet: {EUR: 500}
  excluded_games: [wheel]
  contribution: {games: {book: 90}, types: {table: 10}}
  valid_days: 30
limits: {per_player: 2}
"""
GOODWILL = """\
id: goodwill
type: no_deposit
trigger: {event: manual}
valid_from: 2026-01-01T00:00:00Z
valid_to: 2037-01-01T00:00:00Z
award:
  bonus: {fixed: {EUR: 500, JPY: 750}}
wager: {multiplier: "10"}
"""
LEVELS = """\
points: {per_eur: "1.5", game_multiplier: {table: "0.5", live: "2"}, expire_after_inactive_months: 6}
redemption: {points_per_eur: 50, min_points: 500, step: 100, lock_hours: 48, wager_multiplier: "2", valid_days: 14}
downgrade: {rule: own_level_threshold, window_days: 60, grace_days: 0}
cashback: {period: weekly, wager_multiplier: "0.5", valid_days: 7, min_amount: {EUR: 100, JPY: 150}}
levels:
  - {id: silver, threshold_eur: "0"}
  - {id: gold, threshold_eur: "2500.5", bonus_multiplier: "1.1", cashback_percent: "2.5", manager: email}
  - {id: onyx, threshold_eur: "9000", min_rtp: "0.97", withdrawal: accelerated, offers: [cup, lounge]}
"""
ENGLISH = """\
{
  "campaign.goodwill.name": "Goodwill",
  "campaign.goodwill.description": "For you",
  "campaign.welcome.name": "Welcome",
  "campaign.welcome.description": "Half of your deposit on top",
  "campaign.redemption.name": "Points",
  "campaign.redemption.description": "For your points",
  "campaign.cashback.name": "Cashback",
  "campaign.cashback.description": "For your losses",
  "level.silver.name": "Silver",
  "level.gold.name": "Gold",
  "level.onyx.name": "Onyx"
}
"""
FILES = {
    "platform.yaml": PLATFORM,
    "games.yaml": GAMES,
    "levels.yaml": LEVELS,
    "campaigns/goodwill.yaml": GOODWILL,
    "campaigns/welcome.yaml": WELCOME,
    "locales/en.json": ENGLISH,
}


def write(folder: Path) -> Path:
    """Writes the catalog into `folder`."""
    for name, text in FILES.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder


def problems(folder: Path) -> list[Problem]:
    """What is wrong with the catalog in `folder`; printed, it is one line each."""
    with pytest.raises(CatalogInvalid) as caught:
        load_catalog(folder)
    assert str(caught.value) == "\n".join(f"{p.file}:{p.line}: {p.reason}" for p in caught.value.problems)
    return caught.value.problems
