"""Rules §4: grants that wait for opt-in or approval, and what is done to a grant by name."""

from typing import Any

import pytest

from engine.commands import (
    AddBet,
    ApproveGrant,
    Block,
    CancelGrant,
    CancelRound,
    ClaimGrant,
    CommandBody,
    DeclineGrant,
    Deposit,
    GrantCampaign,
    ReleaseGrant,
    Result,
    Rollback,
)
from engine.queries import GetCancelPreview
from tests.support.judging import JudgedTable, rules, with_fraud
from tests.support.playing import DAY_MS, START_MS, Table, campaign, catalog_with, spins, wager


def offered(**fields: Any) -> Table:
    """5.00 EUR to be claimed: 10 times to wager, 30 days from the claim."""
    given: dict[str, Any] = {"opt_in": True, "wager": wager(10, valid_days=30)}
    table = Table(catalog_with(campaign(fixed=500, **(given | fields))), 1_000)
    table.grant()
    return table


def under_review(**fields: Any) -> JudgedTable:
    catalog = catalog_with(campaign(fixed=500, **({"wager": wager(10)} | fields)))
    table = JudgedTable(with_fraud(catalog, rules(country_mismatch=("review", 0))), 1_000)
    table.player.state.ip_country = table.shadow.state.ip_country = "SE"
    table.grant()
    return table


def states(table: Table) -> list[str]:
    return [grant.state for grant in table.state.grants + table.state.ended_grants]


def test_opt_in_waits_without_money_until_it_is_claimed() -> None:
    table = offered()
    [grant] = table.state.grants
    assert (grant.state, grant.balance, table.money()) == ("initiated", 0, (1_000, 0))
    table.now += 5 * DAY_MS
    answer = table.do(ClaimGrant("g3-1"))
    assert table.events == ["GrantClaimed", "BonusGranted", "GrantActivated"]
    assert (answer.state, answer.campaign_id, answer.balance.bonus_usable) == ("in_wager", "gift", 500)
    assert (grant.balance, grant.remaining_wager, grant.granted_ms) == (500, 5_000, table.now)
    assert grant.valid_to_ms == table.now + 30 * DAY_MS


@pytest.mark.parametrize(("claim_days", "lapses_after"), [(7, 7), (None, 365), (400, 365)])
def test_an_unclaimed_grant_lapses_at_claim_days_or_with_its_campaign(claim_days: Any, lapses_after: int) -> None:
    table = offered(claim_days=claim_days)
    table.now = START_MS + lapses_after * DAY_MS - 1
    table.pass_days(0)
    assert states(table) == ["initiated"]
    table.now += 1
    table.pass_days(0)
    assert (states(table), table.events) == (["expired"], ["GrantExpired"])
    assert (table.state.ended_grants[0].removed, table.money()) == (0, (1_000, 0))
    assert table.refused(ClaimGrant("g3-1")).code == "invalid_state"


def test_a_claimed_grant_is_queued_by_grant_time_not_by_when_it_was_offered() -> None:
    offer, gift = campaign("offer", 100, opt_in=True, wager=wager(1)), campaign("gift", 200, wager=wager(1))
    table = Table(catalog_with(offer, gift), 1_000)
    table.grant("offer")
    table.grant("gift")
    table.grant("gift")
    table.do(ClaimGrant("g3-1"))
    assert [(g.grant_id, g.state) for g in table.state.grants] == [
        ("g4-1", "in_wager"),
        ("g5-1", "granted"),
        ("g3-1", "granted"),
    ]


def test_free_spins_of_an_offer_are_handed_out_with_it() -> None:
    table = Table(catalog_with(campaign(fixed=500, free_spins=spins(3, valid_days=7), opt_in=True, wager=wager(10))))
    granted = table.grant()
    assert (granted.state, granted.package_id, granted.free_spins, table.state.packages) == ("initiated", "p2-1", 3, [])
    table.now += 2 * DAY_MS
    table.do(ClaimGrant("g2-1"))
    [package] = table.state.packages
    assert (package.package_id, package.valid_from_ms, package.valid_to_ms - table.now) == (
        "p2-1",
        table.now,
        7 * DAY_MS,
    )
    assert table.state.awarded == {"gift": 1}


def test_an_offer_of_free_spins_alone_is_completed_when_it_is_claimed() -> None:
    table = Table(catalog_with(campaign(free_spins=spins(3), opt_in=True)))
    table.grant()
    answer = table.do(ClaimGrant("g2-1"))
    assert (answer.state, [p.remaining for p in table.state.packages]) == ("completed", [3])
    table.free_spin(50)
    assert table.money() == (50, 0)


def test_an_operator_approves() -> None:
    table = under_review()
    assert states(table) == ["initiated"]
    assert table.state.grants[0].reasons == ("country_mismatch",)
    assert table.refused(ClaimGrant("g3-1")).code == "invalid_state"
    assert table.do(ApproveGrant("g3-1", "passport seen")).state == "in_wager"
    assert table.events == ["GrantApproved", "BonusGranted", "GrantActivated"]
    assert table.refused(ApproveGrant("g3-1", "again")).code == "invalid_state"


@pytest.mark.parametrize("first", ["claim", "approve"])
def test_opt_in_and_approval_in_either_order(first: str) -> None:
    table = under_review(opt_in=True)
    steps: list[CommandBody] = [ClaimGrant("g3-1"), ApproveGrant("g3-1", "ok")]
    if first == "approve":
        steps.reverse()
    assert table.do(steps[0]).state == "initiated"
    assert table.refused(steps[0]).code == "invalid_state"
    assert table.do(steps[1]).state == "in_wager"


def test_an_operator_declines_and_the_award_is_not_used_up() -> None:
    table = under_review(per_player=1)
    assert table.refused(GrantCampaign("gift", "r")).code == "not_eligible"
    answer = table.do(DeclineGrant("g3-1", "two accounts"))
    assert (answer.state, answer.reasons) == ("declined", ("country_mismatch", "two accounts"))
    assert (table.events, table.money()) == (["GrantDeclined"], (1_000, 0))
    table.grant()


def test_verdicts_and_claims_need_a_grant_that_waits() -> None:
    table = Table(catalog_with(campaign(fixed=500, wager=wager(10))))
    table.grant()
    for body in (ClaimGrant("g2-1"), ApproveGrant("g2-1", "r"), DeclineGrant("g2-1", "r"), ReleaseGrant("g2-1", "r")):
        assert table.refused(body).code == "invalid_state"
    for body in (ClaimGrant("g9-9"), ApproveGrant("g9-9", "r"), DeclineGrant("g9-9", "r"), CancelGrant("g9-9")):
        assert table.refused(body).code == "grant_not_found"


def test_a_blocked_player_can_not_opt_in_nor_be_approved_but_may_give_up() -> None:
    table = offered()
    table.do(Block("r"))
    assert table.refused(ClaimGrant("g3-1")).code == "player_blocked"
    assert table.refused(ApproveGrant("g3-1", "r")).code == "player_blocked"
    assert table.do(CancelGrant("g3-1")).state == "cancelled"


@pytest.mark.parametrize("opt_in", [True, False])
def test_giving_up_removes_what_is_left(opt_in: bool) -> None:
    table = offered(opt_in=opt_in)
    bonus = 0 if opt_in else 500
    preview = table.ask(GetCancelPreview("g3-1"))
    assert (preview.removed_bonus, preview.removed_free_spins, preview.kept_real) == (bonus, 0, 1_000)
    answer = table.do(CancelGrant("g3-1", "not for me"))
    assert (answer.state, answer.balance.bonus, table.money()) == ("cancelled", 0, (1_000, 0))
    assert table.state.ended_grants[0].removed == bonus
    assert table.refused(CancelGrant("g3-1")).code == "invalid_state"


def test_not_while_a_round_has_staked_it() -> None:
    table = Table(catalog_with(campaign(fixed=500, wager=wager(10))))
    table.grant()
    session = table.spin(100).session_id
    refusal = table.refused(CancelGrant("g2-1"))
    assert (refusal.code, refusal.fields) == ("round_open", {"session_id": session})
    table.do(Result(session, 0))
    assert table.do(CancelGrant("g2-1")).balance.bonus == 0
    assert table.state.ended_grants[0].removed == 400


def test_giving_up_a_package_leaves_the_bonus_and_what_was_won() -> None:
    table = Table(catalog_with(campaign(fixed=500, free_spins=spins(3, 10), wager=wager(10))))
    table.grant()
    table.free_spin(40)
    session = table.free_spin().session_id
    assert table.refused(CancelGrant("p2-1")).code == "round_open"
    table.do(Result(session, 0))
    preview = table.ask(GetCancelPreview("p2-1"))
    assert (preview.removed_bonus, preview.removed_free_spins, preview.kept_real) == (0, 1, 0)
    assert table.do(CancelGrant("p2-1")).state == "cancelled"
    assert (table.events, table.state.packages, table.money()) == (["FreeSpinsCancelled"], [], (0, 540))
    assert table.refused(CancelGrant("p2-1")).code == "grant_not_found"
    assert table.ask(GetCancelPreview("p2-1")).code == "grant_not_found"


def slow(asked: int = 200) -> Table:
    """10.00 EUR to be wagered once, at a mean stake of at least 2.00 EUR; another bonus waits behind it."""
    terms = wager(1, min_average_bet={"EUR": asked}, valid_days=3)
    table = Table(catalog_with(campaign(fixed=1_000, wager=terms), campaign("next", 50, wager=wager(1))), 10_000)
    table.grant()
    table.grant("next")
    return table


@pytest.mark.parametrize(
    ("stakes", "state"),
    [
        ((200,) * 5, "completed"),
        ((199,) * 6, "held"),
        ((100, 500, 400), "completed"),
        ((10, 10, 580, 400), "completed"),
    ],
)
def test_min_average_bet(stakes: tuple[int, ...], state: str) -> None:
    """(10 + 10 + 580 + 400) / 4 = 250; 6 × 199 = 1 194 wagers it all, at a mean of 199."""
    table = slow()
    for stake in stakes:
        table.spin(stake, stake)
    found = next(g for g in (*table.state.grants, *table.state.ended_grants) if g.campaign_id == "gift")
    assert (found.state, found.held) == (("granted", "min_average_bet") if state == "held" else ("completed", None))


def held() -> Table:
    table = slow()
    for _ in range(10):
        table.spin(100, 100)
    return table


def test_a_held_grant_neither_expires_nor_blocks_the_queue_and_its_money_is_reserved() -> None:
    table = held()
    assert table.events == ["BetPlaced", "WinCredited", "GrantHeld", "GrantActivated"]
    first, second = table.state.grants
    assert (first.held, first.balance, second.state) == ("min_average_bet", 1_000, "in_wager")
    answer = table.spin(10, 10)
    assert (answer.balance.bonus, answer.balance.bonus_usable) == (1_050, 50)
    table.pass_days(400)
    assert (first.held, first.state, first.balance) == ("min_average_bet", "granted", 1_000)


def test_an_operator_releases_or_cancels_a_held_grant() -> None:
    table = held()
    answer = table.do(ReleaseGrant("g3-1", "a good customer"))
    assert (answer.state, table.money()) == ("completed", (11_000, 50))
    assert table.events == ["GrantReleased", "BonusRedeemed"]
    table = held()
    assert table.do(CancelGrant("g3-1", "no")).state == "cancelled"
    assert table.money() == (10_000, 50)


def test_a_cancelled_bet_does_not_count_for_the_mean() -> None:
    table = slow()
    session = table.spin(10).session_id
    table.do(AddBet(session, 10))
    first = table.state.grants[0]
    assert (first.counted_stakes, first.counted_bets) == (20, 1), "one round, of 20"
    table.do(CancelRound(session))
    assert (first.counted_stakes, first.counted_bets, first.remaining_wager) == (0, 0, 1_000)
    table.spin(10, 0, key="gs:small")
    table.do(Rollback("gs:small"))
    table.spin(1_000, 1_000)
    assert (first.state, first.counted_stakes, first.counted_bets) == ("completed", 1_000, 1)


def test_rolling_back_the_bet_that_held_it_lifts_the_hold() -> None:
    table = slow()
    for number in range(10):
        table.spin(100, 100, key=f"gs:bet{number}")
    table.do(Rollback("gs:bet9"))
    first, second = table.state.grants
    assert table.events == ["RoundReversed", "GrantHoldLifted"]
    assert (first.held, first.state, first.remaining_wager, second.state) == (None, "in_wager", 100, "granted")


def test_a_stake_that_does_not_count_is_not_in_the_mean() -> None:
    table = Table(
        catalog_with(campaign(fixed=1_000, wager=wager(1, min_bet={"EUR": 50}, min_average_bet={"EUR": 100}))), 9_999
    )
    table.grant()
    table.spin(10, 10)
    table.spin(1_000, 1_000)
    assert table.state.ended_grants[0].state == "completed"


def test_the_deposit_answer_tells_what_waits() -> None:
    offer = campaign("offer", 100, trigger="deposit", opt_in=True, wager=wager(1))
    answer = Table(catalog_with(offer)).do(Deposit(500))
    assert [(g.campaign_id, g.grant_id, g.state) for g in answer.granted] == [("offer", "g2-1", "initiated")]
