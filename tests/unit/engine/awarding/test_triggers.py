"""Rules §6: what fires a campaign, and when it doesn't."""

from typing import Any

import pytest

from engine.awarding.triggers import level_campaigns
from engine.catalog import BonusAward, Campaign, Eligibility, TriggerCondition
from engine.commands import (
    Block,
    CancelRound,
    Deposit,
    EnterCode,
    GrantCampaign,
    Inactive,
    PostEvent,
    ReportBet,
    Result,
    Rollback,
    Spin,
    StartSession,
    Unblock,
)
from engine.due import next_due, next_due_ms
from tests.support.playing import DAY_MS, MILLION, START_MS, Table, campaign, catalog_with, spins, wager


def waiting(event: Any, campaign_id: str = "gift", fixed: int = 500, **fields: Any) -> Campaign:
    condition = TriggerCondition(
        **{k: fields.pop(k) for k in ("nth", "name", "eur_micro", "to", "days", "code") if k in fields}
    )
    given = {"trigger": event, "condition": condition, "wager": wager(10), "per_player": 1}
    return campaign(campaign_id, fixed, **(given | fields))


def granted(answer: Any) -> list[str]:
    return [award.campaign_id for award in answer.granted]


def awarded(table: Table) -> dict[str, int]:
    return table.state.awarded


# --- deposits


def test_any_deposit_or_the_nth() -> None:
    table = Table(catalog_with(waiting("deposit", "any", per_player=9), waiting("deposit", "third", nth=3)))
    assert [granted(table.do(Deposit(100))) for _ in range(4)] == [["any"], ["any"], ["any", "third"], ["any"]]


def test_all_deposit_triggers_in_order_of_campaign_ids() -> None:
    first, total = waiting("first_deposit", "b"), waiting("deposit_total_reached", "a", eur_micro=MILLION)
    assert granted(Table(catalog_with(first, total, waiting("deposit", "c"))).do(Deposit(100))) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("deposits", "fires_at"), [((2_000, 2_999, 1), 2), ((5_000,), 0), ((4_999,), None), ((9_999,), 0)]
)
def test_deposit_total_crossing_50_eur(deposits: tuple[int, ...], fires_at: int | None) -> None:
    table = Table(catalog_with(waiting("deposit_total_reached", eur_micro=50 * MILLION, per_player=9)))
    fired = [number for number, amount in enumerate(deposits) if table.do(Deposit(amount)).granted]
    assert fired == ([] if fires_at is None else [fires_at])


def test_a_total_crossed_before_the_campaign_runs_is_past() -> None:
    table = Table(
        catalog_with(waiting("deposit_total_reached", eur_micro=50 * MILLION, valid_from_ms=START_MS + 1)), 6_000
    )
    table.now += 1
    assert granted(table.do(Deposit(6_000))) == []


def test_a_deposit_below_the_minimum_does_not_match() -> None:
    rule = Eligibility(min_deposit={"EUR": 1_000})
    table = Table(catalog_with(waiting("deposit", eligibility=rule)))
    assert (granted(table.do(Deposit(999))), granted(table.do(Deposit(1_000)))) == ([], ["gift"])


def test_a_second_deposit_can_be_matched() -> None:
    bonus = BonusAward(match_percent_micro=50 * MILLION, max={"EUR": 100})
    table = Table(catalog_with(waiting("deposit", bonus=bonus, type="deposit_match", nth=2)), 100)
    assert table.do(Deposit(180)).granted[0].amount == 90


# --- the platform's events


def test_session_start_fires_and_per_player_is_1() -> None:
    table = Table(catalog_with(waiting("session_start")))
    assert (granted(table.do(StartSession())), granted(table.do(StartSession()))) == (["gift"], [])


def test_a_custom_event_fires_by_its_name() -> None:
    table = Table(catalog_with(waiting("custom_event", name="birthday")))
    assert (granted(table.do(PostEvent("Birthday"))), granted(table.do(PostEvent("birthday")))) == ([], ["gift"])


def test_what_is_not_eligible_leaves_no_record() -> None:
    table = Table(catalog_with(waiting("session_start", eligibility=Eligibility(countries_deny=("FI",)))))
    answer = table.do(StartSession())
    assert (answer.granted, answer.declined, table.state.ended_grants) == ((), (), [])


def test_an_award_of_nothing_is_no_award() -> None:
    bonus = BonusAward(match_percent_micro=MILLION, max={"EUR": 100})
    table = Table(catalog_with(waiting("deposit", bonus=bonus, type="deposit_match")))
    assert granted(table.do(Deposit(99))) == []
    assert granted(table.do(Deposit(100))) == ["gift"]


def test_a_blocked_player_triggers_nothing_and_nothing_comes_later() -> None:
    table = Table(catalog_with(waiting("session_start"), waiting("turnover_reached", "t", eur_micro=MILLION)), 1_000)
    session = table.spin(500).session_id
    table.do(Block("r"))
    assert granted(table.do(StartSession())) == []
    table.do(Result(session, 0))
    table.do(Unblock("r"))
    assert awarded(table) == {}


def test_a_points_multiplier_grants_nothing() -> None:
    table = Table(
        catalog_with(campaign(type="points_multiplier", trigger="none", points_multiplier_micro=2 * MILLION)), 100
    )
    table.do(StartSession())
    assert table.refused(GrantCampaign("gift", "r")).code == "not_eligible"


# --- codes


@pytest.mark.parametrize(
    ("code", "entered"),
    [
        ("SPRING", "spr\u0131ng"),  # dotless i
        ("SPRING", "\u017fpring"),  # long s
        ("KITTEN", "\u212aitten"),  # the Kelvin sign
        ("STRASSE", "stra\u00dfe"),
        ("OFFICE", "o\ufb03ce"),  # a ligature
        ("SPRING", "\uff33pring"),  # a full-width S
        ("SPRING", "spring "),
        ("SPRING", "\u00a0spring"),
        ("SPRING", "SUMMER"),
    ],
)
def test_codes_differ_in_ascii_case_only(code: str, entered: str) -> None:
    table = Table(catalog_with(waiting("code", code=code)))
    assert table.refused(EnterCode(entered)).code == "code_not_found"
    assert granted(table.do(EnterCode(code.title()))) == ["gift"]


def test_a_code_in_upper_or_lower_case_once() -> None:
    table = Table(catalog_with(waiting("code", code="SPRING")))
    answer = table.do(EnterCode("spring"))
    assert (granted(answer), answer.balance.bonus) == (["gift"], 500)
    refusal = table.refused(EnterCode("SPRING"))
    assert (refusal.code, "limit" in refusal.detail) == ("not_eligible", True)


def test_a_code_of_two_campaigns_means_the_one_that_runs() -> None:
    old = waiting("code", "a-old", code="SPRING", valid_to_ms=START_MS + 1)
    table = Table(catalog_with(old, waiting("code", "b-new", code="SPRING", valid_from_ms=START_MS + 2)))
    assert granted(table.do(EnterCode("SPRING"))) == ["a-old"]
    table.now += 1
    assert "not running" in table.refused(EnterCode("SPRING")).detail
    table.now += 1
    assert granted(table.do(EnterCode("SPRING"))) == ["b-new"]


def test_a_blocked_player_enters_no_code() -> None:
    table = Table(catalog_with(waiting("code", code="SPRING")))
    table.do(Block("r"))
    assert table.refused(EnterCode("SPRING")).code == "player_blocked"


# --- turnover


def reaching(eur: int, **fields: Any) -> Campaign:
    return waiting("turnover_reached", eur_micro=eur * MILLION, **fields)


def test_turnover_fires_when_the_round_closes_not_before() -> None:
    table = Table(catalog_with(reaching(10)), 5_000)
    table.spin(999, 0)
    session = table.spin(10).session_id
    assert awarded(table) == {}
    table.do(Result(session, 5, final=False))
    assert awarded(table) == {}
    table.do(Result(session, 0))
    assert (table.events, awarded(table)) == (["WinCredited", "GrantCreated", "GrantActivated"], {"gift": 1})


def test_a_one_call_spin_crosses_exactly_at_the_threshold() -> None:
    table = Table(catalog_with(reaching(10, per_player=9)), 5_000)
    table.spin(990, 0)
    answer = table.spin(10, 7)
    assert (answer.state, answer.win_amount, answer.balance.bonus, awarded(table)) == ("closed", 7, 500, {"gift": 1})
    table.spin(1_000, 0)
    assert awarded(table) == {"gift": 1}


def test_a_cancelled_round_and_open_ones_do_not_count() -> None:
    table = Table(catalog_with(reaching(10)), 9_000)
    open_one = table.spin(900, game_id="dice").session_id
    table.spin(500, 0)
    assert awarded(table) == {}
    table.do(CancelRound(open_one))
    table.spin(499, 0)
    assert awarded(table) == {}
    table.do(Spin("book", "real", 10, 0))
    assert awarded(table) == {"gift": 1}


def test_bets_of_other_verticals_count_and_free_spins_do_not() -> None:
    packages = campaign("spins", free_spins=spins(3, bet={"EUR": 1_000}))
    table = Table(catalog_with(reaching(10), packages))
    table.grant("spins")
    table.free_spin(0)
    assert awarded(table) == {"spins": 1}
    assert granted(table.do(ReportBet(1_000, "live"))) == ["gift"]


def test_what_a_reversed_bet_had_triggered_stays_and_is_listed() -> None:
    table = Table(catalog_with(reaching(10)), 5_000)
    table.spin(1_000, 0, key="gs:big")
    answer = table.do(Rollback("gs:big"))
    assert (answer.status, answer.kept_grants, table.money()) == ("rolled_back", ("g3-1",), (5_000, 500))


# --- silence


def quiet(**fields: Any) -> Campaign:
    return waiting("inactive", days=30, **fields)


def test_silence_for_more_than_30_days_counts_from_registration() -> None:
    table = Table(catalog_with(quiet()))
    assert next_due_ms(table.state) is None
    assert next_due_ms(table.state, table.catalog) == START_MS + 30 * DAY_MS + 1
    table.pass_days(30)
    assert awarded(table) == {}
    table.now += 1
    table.pass_days(0)
    assert (table.events, awarded(table)) == (["SilenceNoticed", "GrantCreated", "GrantActivated"], {"gift": 1})


@pytest.mark.parametrize("activity", [Deposit(100), StartSession(), Spin("book", "real", 10, 0), ReportBet(5, "live")])
def test_a_bet_session_or_deposit_breaks_the_silence(activity: Any) -> None:
    table = Table(catalog_with(quiet()), 1_000)
    table.pass_days(20)
    table.do(activity)
    table.pass_days(30)
    assert awarded(table) == {}
    table.now += 1
    table.pass_days(0)
    assert awarded(table) == {"gift": 1}


def test_once_per_silence() -> None:
    table = Table(catalog_with(quiet(per_player=9, wager=wager(0))))
    table.pass_days(100)
    assert awarded(table) == {"gift": 1}
    table.do(StartSession())
    table.pass_days(31)
    assert awarded(table) == {"gift": 2}


def test_a_silence_longer_than_the_campaign_is_old_fires_when_it_begins_to_run() -> None:
    begins = START_MS + 50 * DAY_MS
    table = Table(catalog_with(quiet(valid_from_ms=begins)))
    due = next_due(table.state, catalog=table.catalog)
    assert due is not None
    assert (due.id, due.time_ms) == (f"due:inactive:gift:{START_MS}", begins)
    over = Table(catalog_with(quiet(valid_to_ms=START_MS + 30 * DAY_MS)))
    assert next_due(over.state, catalog=over.catalog) is None


def test_silence_of_the_blocked_and_of_those_who_had_it_is_not_due() -> None:
    table = Table(catalog_with(quiet()))
    table.do(Block("r"))
    assert next_due(table.state, catalog=table.catalog) is None
    assert table.refused(Inactive("gift")).code == "player_blocked"
    table.do(Unblock("r"))
    assert table.refused(Inactive("gift")).code == "invalid_state"
    assert table.refused(Inactive("nothing")).code == "campaign_not_found"
    table.pass_days(31)
    table.do(StartSession())
    assert next_due_ms(table.state, table.catalog) == table.state.grants[0].valid_to_ms


# --- levels


def test_campaigns_of_a_level() -> None:
    catalog = catalog_with(
        waiting("level_up", "any"), waiting("level_up", "gold", to="gold"), waiting("level_up", "x", to="x")
    )
    table = Table(catalog)
    assert [c.campaign_id for c in level_campaigns(table.state, catalog, "gold")] == ["any", "gold"]


@pytest.mark.parametrize(("level", "matches"), [("", True), ("gold", True), ("bronze", False)])
def test_levels_restrict_players_who_have_one(level: str, matches: bool) -> None:
    table = Table(catalog_with(waiting("session_start", eligibility=Eligibility(levels=("gold", "silver")))))
    table.player.state.loyalty.level = table.shadow.state.loyalty.level = level
    assert granted(table.do(StartSession())) == (["gift"] if matches else [])
