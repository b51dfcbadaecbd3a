"""Rules §8: points are locked, then confirmed and granted as free play, or cancelled, or unlocked by time."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.catalog import PeriodLimit
from engine.commands import (
    AdjustPoints,
    ApproveGrant,
    Block,
    CancelGrant,
    CancelRedemption,
    ConfirmRedemption,
    DeclineGrant,
    Deposit,
    RequestRedemption,
)
from engine.queries import GetLoyalty
from engine.rejections import Rejection
from engine.state import LIVE_GRANTS_MAX, Grant
from tests.support.judging import JudgedTable, with_fraud
from tests.support.judging import rules as fraud
from tests.support.ladder import EUR, HOUR_MS, at, rules, vip_house
from tests.support.playing import DAY_MS, START_MS, Table, campaign, wager


def saver(points: int = 2_500, catalog: Any = None, currency: str = "EUR") -> Table:
    table = Table(catalog or vip_house(), currency=currency)
    table.do(AdjustPoints(points, "welcome"))
    return table


def buckets(table: Table) -> tuple[int, int, int, int, int]:
    """Whole points: available, locked, spent, expired, lifetime."""
    shown = table.ask(GetLoyalty()).points
    return shown.available, shown.locked, shown.spent, shown.expired, shown.lifetime


def lock(table: Table, points: int = 1_000) -> str:
    return str(table.do(RequestRedemption(points)).redemption_id)


def only(table: Table) -> Grant:
    [grant] = table.state.grants + table.state.ended_grants
    return grant


# --- request


def test_a_request_locks_the_points_for_72_hours() -> None:
    table = saver()
    answer = table.do(RequestRedemption(1_200))
    assert (answer.state, answer.redeemed, answer.amount, answer.currency) == ("locked", 1_200, 12 * EUR, "EUR")
    assert answer.expires_ms == START_MS + 72 * HOUR_MS
    assert buckets(table) == (1_300, 1_200, 0, 0, 2_500)
    [shown] = table.ask(GetLoyalty()).redemptions
    assert (shown.redemption_id, shown.points, shown.amount) == (answer.redemption_id, 1_200, 12 * EUR)
    assert table.money() == (0, 0)


@pytest.mark.parametrize(
    ("currency", "points", "amount"),
    [
        ("EUR", 1_000, 1_000),
        ("EUR", 2_500, 2_500),
        ("SEK", 1_000, 11_481),
        ("JPY", 1_000, 1_639),
        ("JPY", 1_100, 1_803),
    ],
)
def test_1000_points_are_10_eur_in_the_players_currency_rounded_down(currency: str, points: int, amount: int) -> None:
    """10 EUR are 114.811 SEK at 0.0871, and 1 639.3 JPY at 0.0061."""
    assert saver(currency=currency).do(RequestRedemption(points)).amount == amount


@pytest.mark.parametrize(
    ("points", "code"),
    [
        (900, "invalid_redemption"),
        (1_050, "invalid_redemption"),
        (1_001, "invalid_redemption"),
        (2_600, "insufficient_points"),
        (0, "invalid_request"),
        (-1_000, "invalid_request"),
    ],
)
def test_what_can_not_be_redeemed(points: int, code: str) -> None:
    refusal = saver().refused(RequestRedemption(points))
    assert refusal.code == code
    if code == "invalid_redemption":
        assert refusal.fields == {"min_points": 1_000, "step": 100}


def test_points_locked_already_are_not_available() -> None:
    table = saver(1_500)
    lock(table)
    refusal = table.refused(RequestRedemption(1_000))
    assert (refusal.code, refusal.fields) == ("insufficient_points", {"available": 500})


def test_fractions_of_a_point_do_not_count() -> None:
    table = Table(vip_house(), 1_000 * EUR)
    table.spin(99_999, 0)
    assert table.refused(RequestRedemption(1_000)).fields == {"available": 999}
    table.spin(1, 0)
    lock(table)


def test_open_redemptions_are_bounded() -> None:
    table = saver(20_000)
    waiting = [lock(table) for _ in range(16)]
    assert table.refused(RequestRedemption(1_000)).code == "overloaded"
    table.do(CancelRedemption(waiting[0]))
    lock(table)


def test_without_redemption_rules_nothing_is_redeemed() -> None:
    table = saver(catalog=vip_house(loyalty=replace(rules(), redemption=None)))
    assert table.refused(RequestRedemption(1_000)).code == "invalid_redemption"


# --- confirm


def test_confirming_debits_and_grants_free_play_under_the_redemptions_own_terms() -> None:
    table = saver()
    answer = table.do(ConfirmRedemption(lock(table)))
    assert (answer.state, answer.points.spent, answer.balance.bonus) == ("confirmed", 1_000, 10 * EUR)
    assert [(g.campaign_id, g.amount, g.state) for g in answer.granted] == [("redemption", 10 * EUR, "granted")]
    assert buckets(table) == (1_500, 0, 1_000, 0, 2_500)
    grant = only(table)
    assert (grant.remaining_wager, grant.valid_to_ms) == (10 * EUR, START_MS + 30 * DAY_MS)
    table.spin(10 * EUR, 7 * EUR)
    assert table.money() == (7 * EUR, 0)


def test_the_level_multiplies_no_redemption() -> None:
    table = Table(vip_house(), 300_000 * EUR)
    table.spin(250_000 * EUR, 0)
    assert table.state.loyalty.level == "platinum"
    table.do(ConfirmRedemption(lock(table)))
    assert only(table).amount == 10 * EUR


def test_confirming_twice_with_one_id_is_a_repeat_with_another_invalid_state() -> None:
    table = saver()
    redemption = lock(table)
    first = table.do(ConfirmRedemption(redemption), "op:c")
    assert table.again(ConfirmRedemption(redemption), "op:c") == first
    assert table.refused(ConfirmRedemption(redemption)).code == "invalid_state"
    assert (buckets(table), table.money()) == ((1_500, 0, 1_000, 0, 2_500), (0, 10 * EUR))


@pytest.mark.parametrize("then", [ConfirmRedemption, CancelRedemption])
def test_what_is_cancelled_is_over(then: Any) -> None:
    table = saver()
    redemption = lock(table)
    assert table.do(CancelRedemption(redemption)).state == "cancelled"
    assert buckets(table) == (2_500, 0, 0, 0, 2_500)
    assert table.refused(then(redemption)).code == "invalid_state"
    assert table.refused(then("r99")).code == "redemption_not_found"


def test_a_confirmed_redemption_can_not_be_cancelled() -> None:
    table = saver()
    redemption = lock(table)
    table.do(ConfirmRedemption(redemption))
    assert table.refused(CancelRedemption(redemption)).code == "invalid_state"


def test_72_hours_without_confirmation_unlock_the_points() -> None:
    table = saver()
    redemption = lock(table)
    table.pass_until(START_MS + 72 * HOUR_MS)
    assert (table.transitions[-1].command_id, table.events) == (
        f"due:lapse_redemption:{redemption}",
        ["RedemptionEnded"],
    )
    assert buckets(table) == (2_500, 0, 0, 0, 2_500)
    assert table.refused(ConfirmRedemption(redemption)).code == "invalid_state"


@pytest.mark.parametrize(("early_ms", "code"), [(1, None), (0, "invalid_state")])
def test_the_lock_ends_with_its_last_millisecond_even_before_the_due_work_is_done(early_ms: int, code: Any) -> None:
    table = saver()
    redemption = lock(table)
    table.now += 72 * HOUR_MS - early_ms
    assert getattr(table.run(ConfirmRedemption(redemption)), "code", None) == code


def test_blocked_players_redeem_nothing_but_get_their_points_back() -> None:
    table = saver()
    redemption = lock(table)
    table.do(Block("because"))
    assert table.refused(ConfirmRedemption(redemption)).code == "player_blocked"
    assert table.refused(RequestRedemption(1_000)).code == "player_blocked"
    table.do(CancelRedemption(redemption))
    assert buckets(table) == (2_500, 0, 0, 0, 2_500)


def test_a_full_house_of_grants_leaves_the_points_locked() -> None:
    table = saver(catalog=vip_house(campaign(fixed=100, wager=wager(10))))
    redemption = lock(table)
    for _ in range(LIVE_GRANTS_MAX):
        table.grant()
    assert table.refused(ConfirmRedemption(redemption)).code == "overloaded"
    assert buckets(table) == (1_500, 1_000, 0, 0, 2_500)


# --- the gate


def judged(verdict: Any) -> tuple[JudgedTable, str]:
    """A player who shares a device with two others; the points are locked."""
    table = JudgedTable(with_fraud(vip_house(), fraud(shared_device=(verdict, 1))))
    table.do(AdjustPoints(2_500, "welcome"))
    table.do(Deposit(100, device="shared"))
    table.seen = replace(table.seen, device=2)
    return table, lock(table)


def test_a_grant_the_gate_denies_refuses_the_confirmation_and_leaves_the_points_locked() -> None:
    table, redemption = judged("deny")
    refusal = table.refused(ConfirmRedemption(redemption))
    assert (refusal.code, refusal.fields) == ("grant_declined", {"reasons": ["shared_device"]})
    assert (buckets(table), table.state.ended_grants) == ((1_500, 1_000, 0, 0, 2_500), [])
    table.do(CancelRedemption(redemption))
    assert buckets(table) == (2_500, 0, 0, 0, 2_500)


def test_so_does_a_limit_on_bonus_money() -> None:
    limited = replace(vip_house().fraud, max_bonus_per_player=PeriodLimit(7, 9_999_999))
    table = saver(catalog=replace(vip_house(), fraud=limited))
    refusal: Rejection = table.refused(ConfirmRedemption(lock(table)))
    assert refusal.fields == {"reasons": ["max_bonus_per_player"]}


def test_under_review_the_grant_waits_and_an_operator_approves() -> None:
    table, redemption = judged("review")
    answer = table.do(ConfirmRedemption(redemption))
    assert [(g.state, g.reasons) for g in answer.granted] == [("initiated", ("shared_device",))]
    assert (buckets(table), table.money()) == ((1_500, 0, 1_000, 0, 2_500), (100, 0))
    table.do(ApproveGrant(only(table).grant_id, "fine"))
    assert (buckets(table), table.money()) == ((1_500, 0, 1_000, 0, 2_500), (100, 10 * EUR))


@pytest.mark.parametrize(("end", "ended"), [(DeclineGrant, "declined"), (CancelGrant, "cancelled")])
def test_the_points_of_a_grant_that_is_never_granted_come_back(end: Any, ended: str) -> None:
    table, redemption = judged("review")
    table.do(ConfirmRedemption(redemption))
    table.do(end(only(table).grant_id, "no"))
    assert (table.events[-1], only(table).state) == ("PointsReturned", ended)
    assert (buckets(table), table.money()) == ((2_500, 0, 0, 0, 2_500), (100, 0))


def test_what_was_granted_and_then_given_up_is_spent() -> None:
    table = saver()
    table.do(ConfirmRedemption(lock(table)))
    table.do(CancelGrant(only(table).grant_id))
    assert buckets(table) == (1_500, 0, 1_000, 0, 2_500)


# --- raced by expiry


def test_a_redemption_raced_by_an_expiry() -> None:
    """A year idle: what is available goes, what is locked waits for its redemption, and pays if it is confirmed."""
    table = saver()
    table.pass_until(at("2026-12-31T12:00"))
    redemption = lock(table)
    table.pass_until(at("2027-01-01"))
    assert buckets(table) == (0, 1_000, 0, 1_500, 2_500)
    table.do(ConfirmRedemption(redemption))
    assert (buckets(table), table.money()) == ((0, 0, 1_000, 1_500, 2_500), (0, 10 * EUR))


@pytest.mark.parametrize("lapses", [True, False])
def test_idle_points_that_are_unlocked_go_at_the_next_sweep(lapses: bool) -> None:
    table = saver()
    table.pass_until(at("2026-12-31T12:00"))
    redemption = lock(table)
    table.pass_until(at("2027-01-03T11:59"))
    if lapses:
        table.pass_until(at("2027-01-03T12:00"))
    else:
        table.do(CancelRedemption(redemption))
    assert buckets(table) == (1_000, 0, 0, 1_500, 2_500)
    table.pass_until(at("2027-01-04"))
    assert buckets(table) == (0, 0, 0, 2_500, 2_500)
