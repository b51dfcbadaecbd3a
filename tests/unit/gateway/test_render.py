"""How the engine's integers look as JSON: times, multipliers, percentages, grants and packages."""

import json
from typing import Any

import msgspec
import pytest

from engine.calendar import LATEST, LATEST_MS
from engine.state import Grant, GrantTerms
from engine.views import FreeSpinsView
from gateway import render_bonuses, render_values
from gateway.schemas import Json

GRANT = Grant(
    grant_id="g-1",
    campaign_id="welcome-100",
    state="in_wager",
    amount=500,
    balance=300,
    remaining_wager=11_700,
    wager_total=17_500,
    terms=GrantTerms(35_000_000, max_bet=50, contribution_types={"table": 10}),
    granted_ms=1_767_225_600_007,
    valid_to_ms=1_769_817_600_000,
    source="manual",
)


def as_json(document: Json) -> Any:
    return json.loads(msgspec.json.encode(document))


@pytest.mark.parametrize(
    ("time_ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1_767_225_600_007, "2026-01-01T00:00:00.007Z"),
        (1_709_251_199_999, "2024-02-29T23:59:59.999Z"),
        (LATEST_MS, LATEST),
        (LATEST_MS + 1, LATEST),
        (LATEST_MS + 3_650 * 86_400_000, LATEST),
    ],
)
def test_times(time_ms: int, text: str) -> None:
    assert render_values.rfc3339(time_ms) == text


@pytest.mark.parametrize(
    ("micro", "text"),
    [(35_000_000, "35"), (0, "0"), (500_000, "0.5"), (1_250_000, "1.25"), (1, "0.000001"), (100_000_000, "100")],
)
def test_multipliers(micro: int, text: str) -> None:
    assert render_values.decimal(micro) == text


@pytest.mark.parametrize(
    ("micro", "text"),
    [(0, "0.00"), (12_349_999, "12.34"), (9_999, "0.00"), (10_000, "0.01"), (50_000_000_000, "50000.00")],
)
def test_euros_round_down(micro: int, text: str) -> None:
    assert render_values.euros(micro) == text


@pytest.mark.parametrize(
    ("micro", "text"),
    [(0, "0.00"), (1, "0.01"), (10_000, "0.01"), (10_001, "0.02"), (139_999_980_001, "139999.99"), (10**6, "1.00")],
)
def test_what_is_missing_rounds_up(micro: int, text: str) -> None:
    assert render_values.euros_up(micro) == text


@pytest.mark.parametrize(
    ("total", "remaining", "percent"),
    [(17_500, 17_500, 0), (17_500, 11_700, 33), (17_500, 1, 99), (17_500, 0, 100), (0, 0, 100), (100, 150, 0)],
)
def test_wagered_percent_rounds_down(total: int, remaining: int, percent: int) -> None:
    assert (
        render_bonuses.wagered_percent(msgspec.structs.replace(GRANT, wager_total=total, remaining_wager=remaining))
        == percent
    )


def test_a_grant() -> None:
    assert as_json(render_bonuses.grant(GRANT)) == {
        "grant_id": "g-1",
        "campaign_id": "welcome-100",
        "state": "in_wager",
        "amount": 500,
        "balance": 300,
        "remaining_wager": 11_700,
        "wagered_percent": 33,
        "granted_at": "2026-01-01T00:00:00.007Z",
        "valid_to": "2026-01-31T00:00:00.000Z",
        "terms": {
            "multiplier": "35",
            "min_bet": None,
            "max_bet": 50,
            "over_max_bet": "reject",
            "excluded_games": [],
            "excluded_policy": "no_progress",
            "contribution": {"games": {}, "types": {"table": 10}},
            "max_cashout": None,
            "funds_order": None,
            "cancel_on_withdrawal": True,
            "min_average_bet": None,
            "max_bet_counts": "stake",
        },
        "reasons": [],
        "exhausted": False,
        "awaits": [],
        "held": None,
        "frozen": False,
        "free_spins": 0,
    }


def test_a_free_spin_package() -> None:
    package = FreeSpinsView("k-1", "spins", ("book-of-dunes",), 4, 10, 1_767_225_600_000, 1_767_830_400_000)
    assert as_json(render_bonuses.free_spins(package)) == {
        "package_id": "k-1",
        "campaign_id": "spins",
        "games": ["book-of-dunes"],
        "free_spins_remaining": 4,
        "free_spin_bet_amount": 10,
        "valid_from": "2026-01-01T00:00:00.000Z",
        "valid_to": "2026-01-08T00:00:00.000Z",
        "frozen": False,
    }


@pytest.mark.parametrize(
    ("claim", "approval", "state", "awaits"),
    [
        (True, True, "initiated", ("claim", "approval")),
        (True, False, "initiated", ("claim",)),
        (False, True, "initiated", ("approval",)),
        (False, True, "declined", ()),
    ],
)
def test_what_an_initiated_grant_waits_for(claim: bool, approval: bool, state: Any, awaits: tuple[str, ...]) -> None:
    waiting = msgspec.structs.replace(GRANT, state=state, awaits_claim=claim, awaits_approval=approval)
    assert render_bonuses.grant(waiting).awaits == awaits
