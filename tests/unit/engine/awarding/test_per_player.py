"""Rules §6: `per_player` counts what was granted and what may still be, not what ended before it was granted."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from engine.catalog import Limits, TriggerCondition
from engine.commands import (
    CancelGrant,
    ClaimGrant,
    DeclineGrant,
    EnterCode,
    ForceLevel,
    GrantCampaign,
    Rollback,
    StartSession,
)
from engine.needs import reservation_outcomes
from tests.support.judging import JudgedTable, rules, with_fraud
from tests.support.ladder import EUR, on_climbing, vip_house
from tests.support.playing import DAY_MS, Table, campaign, catalog_with, spins, wager


def cancelled(table: Table, grant_id: str) -> None:
    table.do(CancelGrant(grant_id))


def lapsed(table: Table, grant_id: str) -> None:
    table.pass_days(5)


def declined(table: Table, grant_id: str) -> None:
    table.do(DeclineGrant(grant_id, "a test"))


def offer(**fields: Any) -> Any:
    """5.00 EUR, once per player, to be claimed within five days."""
    given = {"fixed": 500, "per_player": 1, "opt_in": True, "claim_days": 5, "wager": wager(10)}
    return campaign(**(given | fields))


ENDS = pytest.mark.parametrize("end", [cancelled, lapsed, declined])


@ENDS
@pytest.mark.parametrize("award", [{}, {"fixed": None, "free_spins": spins(2)}, {"free_spins": spins(2)}])
def test_what_ended_before_it_was_granted_can_be_had_again(
    end: Callable[[Table, str], None], award: dict[str, Any]
) -> None:
    table = Table(catalog_with(offer(**award)))
    waiting = table.grant()
    assert table.refused(GrantCampaign("gift", "while it waits")).code == "not_eligible"
    end(table, waiting.grant_id)
    again = table.grant()
    table.do(ClaimGrant(again.grant_id))
    assert table.refused(GrantCampaign("gift", "it has been granted")).code == "not_eligible"


@ENDS
def test_so_it_is_with_a_code_and_a_limit_above_one(end: Callable[[Table, str], None]) -> None:
    entered = offer(trigger="code", condition=TriggerCondition(code="SPRING"), per_player=2)
    table = Table(catalog_with(entered))
    for _ in range(5):
        end(table, table.do(EnterCode("spring")).granted[0].grant_id)
    kept = [table.do(EnterCode("spring")).granted[0].grant_id for _ in range(2)]
    assert table.refused(EnterCode("spring")).code == "not_eligible"
    table.do(ClaimGrant(kept[0]))
    table.do(CancelGrant(kept[0]))
    assert table.refused(EnterCode("spring")).code == "not_eligible", "what was granted stays counted"


def test_what_waits_for_an_operator_and_is_given_up_too() -> None:
    catalog = with_fraud(catalog_with(offer(opt_in=False)), rules(country_mismatch=("review", 0)))
    table = JudgedTable(catalog)
    table.player.state.ip_country = table.shadow.state.ip_country = "SE"
    table.do(CancelGrant(table.grant().grant_id))
    assert table.grant().state == "initiated"


@pytest.mark.parametrize("end", [cancelled, lapsed])
def test_the_budget_is_free_again_with_it_and_held_anew(end: Callable[[Table, str], None]) -> None:
    table = JudgedTable(catalog_with(offer(limits=Limits(budget_micro_eur=5_000_000))))
    first = table.grant().grant_id
    end(table, first)
    returned = [reservation_outcomes(each)[1] for each in table.transitions if reservation_outcomes(each)[1]]
    table.grant()
    held = [grant.reservation for grant in table.state.grants]
    assert len(returned) == len(held) == 1
    assert returned[0] != (held[0],)


@ENDS
def test_an_award_for_climbing_is_had_once_per_level_and_again_if_it_was_never_granted(
    end: Callable[[Table, str], None],
) -> None:
    prize = on_climbing(None, "prize", opt_in=True, claim_days=5)
    table = Table(vip_house(prize), 1_000_000 * EUR)

    def climb() -> list[str]:
        """The levels for which an award now waits, after a bet that leads from bronze to gold."""
        table.spin(60_000 * EUR, 0, key=f"gs:climb-{table.now}")
        waiting = [grant for grant in table.state.grants if grant.campaign_id == "prize" and grant.state == "initiated"]
        table.do(Rollback(f"gs:climb-{table.now}"))
        table.now += DAY_MS
        return [grant.level or "" for grant in waiting]

    assert climb() == ["silver", "gold"]
    silver, gold = (grant.grant_id for grant in table.state.grants)
    table.do(ClaimGrant(silver))
    end(table, gold)
    assert climb() == ["gold"]
    assert climb() == ["gold"], "while it waits there is no other"
    table.do(ForceLevel("bronze", "a test"))
    [waiting] = [grant.grant_id for grant in table.state.grants if grant.state == "initiated"]
    table.do(ClaimGrant(waiting))
    assert climb() == []


def test_an_offer_for_silence_that_lapsed_comes_again_in_the_next_silence_only() -> None:
    quiet = offer(trigger="inactive", condition=TriggerCondition(days=30))
    table = Table(catalog_with(quiet))
    table.pass_days(100)
    assert [grant.state for grant in table.state.ended_grants] == ["expired"]
    table.do(StartSession())
    table.pass_days(32)
    assert [grant.state for grant in table.state.grants] == ["initiated"]


def test_an_offer_that_lapses_in_a_later_silence_makes_room_at_that_moment() -> None:
    """The silence of the player has gone on for long enough: the next offer comes when the last one lapses."""
    quiet = offer(trigger="inactive", condition=TriggerCondition(days=30), claim_days=60)
    table = Table(catalog_with(quiet))
    table.pass_days(31)
    table.do(StartSession())
    table.pass_days(80)
    states = [(grant.state, grant.created_ms // DAY_MS) for grant in (*table.state.ended_grants, *table.state.grants)]
    first = states[0][1]
    assert states == [("expired", first), ("initiated", first + 60)]


def test_a_journal_from_before_counts_by_this_rule_when_it_is_replayed() -> None:
    """The events were the same then; what was granted at once and cancelled later stays counted."""
    table = Table(catalog_with(replace(offer(), per_player=3)))
    table.do(CancelGrant(table.grant().grant_id))
    granted = table.grant()
    table.do(ClaimGrant(granted.grant_id))
    table.do(CancelGrant(granted.grant_id))
    assert table.state.awarded == table.shadow.state.awarded == {"gift": 1}
