"""Rules §6: what a campaign's figures count. Each table is one player's story, and the figures at its end."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from engine.catalog import Campaign, Privileges
from engine.commands import (
    ApproveGrant,
    CancelGrant,
    CancelRound,
    ClaimGrant,
    ConfirmWithdrawal,
    DeclineGrant,
    Result,
    Rollback,
    Withdraw,
)
from engine.currencies import COUNTED_PLAYERS, holders
from engine.events import AnyEvent, LevelChanged, PlayerRegistered
from engine.player import replay
from engine.state import ENDED_GRANTS_MAX, Player
from engine.tally import NOTHING, PLAYERS, active_awards, tally, tally_name
from tests.support.judging import JudgedTable, rules, with_fraud
from tests.support.playing import Table, campaign, catalog_with, spins, wager

Story = Callable[[Table], Any]


def bonus(**fields: Any) -> Campaign:
    """5.00 EUR, to be wagered once within 10 days."""
    return campaign(fixed=500, **({"wager": wager(1, valid_days=10)} | fields))


def free(count: int = 2, multiplier: int = 1, **fields: Any) -> Campaign:
    """Free spins at 0.10 for 7 days; what they win is wagered `multiplier` times within 30 days."""
    return campaign(free_spins=spins(count, multiplier), wager=wager(1, valid_days=30), **fields)


def counted(table: Table) -> Counter[str]:
    """All deltas of the journal, read again from its beginning."""
    player, total = Player.new("p1"), Counter[str]()
    for done in table.transitions:
        before = active_awards(player.state)
        replay(player, done)
        total.update(tally(before, active_awards(player.state), player.state, done.events))
    return total


def figures(table: Table, campaign_id: str = "gift") -> tuple[int, ...]:
    """Issued, redeemed, expired, active."""
    total = counted(table)
    return tuple(total[tally_name(name, campaign_id)] for name in ("issued", "redeemed", "expired", "active"))


def told(of: Campaign, story: Story) -> Table:
    """A player with 20.00 EUR, the campaign, and what becomes of it."""
    table = Table(catalog_with(of), 2_000)
    table.grant()
    story(table)
    return table


def steps(*each: Story) -> Story:
    def story(table: Table) -> None:
        for step in each:
            step(table)

    return story


def wagered(table: Table) -> None:
    table.spin(500, 0, key="wagered")


def undone(table: Table) -> None:
    table.do(Rollback("wagered"))


def free_spin(win: int, key: str | None = None) -> Story:
    return lambda table: table.free_spin(win, key=key)


def days(count: int) -> Story:
    return lambda table: table.pass_days(count)


def play_down(table: Table) -> None:
    """All real money goes, and then all of the bonus, in stakes too small to count."""
    table.spin(2_000, 0)
    table.spin(500, 0)


def withdrawn(table: Table) -> None:
    table.do(ConfirmWithdrawal(table.do(Withdraw(100, True)).withdrawal_id))


def nothing(table: Table) -> None:
    pass


@pytest.mark.parametrize(
    ("story", "after"),
    [
        (nothing, (1, 0, 0, 1)),
        (wagered, (1, 1, 0, 0)),
        (days(9), (1, 0, 0, 1)),
        (days(10), (1, 0, 1, 0)),
        (lambda table: table.do(CancelGrant("g3-1")), (1, 0, 0, 0)),
        (withdrawn, (1, 0, 0, 0)),
        (lambda table: table.do(Withdraw(100, True)), (1, 0, 0, 1)),
        (steps(wagered, undone), (1, 0, 0, 1)),
        (steps(wagered, undone, days(10)), (1, 0, 1, 0)),
        (steps(wagered, undone, lambda table: table.spin(500, 0)), (1, 1, 0, 0)),
        (steps(wagered, lambda table: table.grant()), (2, 1, 0, 1)),
    ],
    ids=[
        "granted",
        "completed with money",
        "not over yet",
        "expired",
        "given up",
        "lost to a withdrawal",
        "frozen by a withdrawal",
        "completed, and reopened by a rollback",
        "reopened, and expired",
        "reopened, and completed again",
        "a second award beside the first",
    ],
)
def test_a_bonus(story: Story, after: tuple[int, ...]) -> None:
    assert figures(told(bonus(), story)) == after


def test_a_bonus_that_was_played_down_to_nothing_is_not_redeemed() -> None:
    table = told(bonus(wager=wager(10, min_bet={"EUR": 5_000})), play_down)
    assert table.events[-1] == "GrantExhausted"
    assert figures(table) == (1, 0, 0, 0)


def test_a_bonus_without_wagering_is_redeemed_as_it_comes() -> None:
    assert figures(told(bonus(wager=None), nothing)) == (1, 1, 0, 0)


def test_a_bonus_whose_cash_out_is_capped_at_nothing_releases_nothing() -> None:
    assert figures(told(bonus(wager=wager(1, max_cashout={"EUR": 0})), wagered)) == (1, 0, 0, 0)


def test_a_bonus_with_an_open_round_expires_with_the_round() -> None:
    table = told(bonus(), lambda table: None)
    session = table.spin(100).session_id
    table.pass_days(10)
    assert figures(table) == (1, 0, 0, 1)
    table.do(Result(session, 0))
    assert figures(table) == (1, 0, 1, 0)


@pytest.mark.parametrize(
    ("story", "after"),
    [
        (nothing, (0, 0, 0, 0)),
        (lambda table: table.do(ClaimGrant("g3-1")), (1, 0, 0, 1)),
        (lambda table: table.do(CancelGrant("g3-1")), (0, 0, 0, 0)),
        (lambda table: table.do(DeclineGrant("g3-1", "no")), (0, 0, 0, 0)),
        (days(400), (0, 0, 0, 0)),
        (steps(lambda table: table.do(ClaimGrant("g3-1")), wagered), (1, 1, 0, 0)),
        (steps(lambda table: table.do(ClaimGrant("g3-1")), days(10)), (1, 0, 1, 0)),
    ],
    ids=["waits", "claimed", "given up", "declined", "lapsed", "claimed and completed", "claimed and expired"],
)
def test_what_waits_to_be_claimed_is_not_issued_yet(story: Story, after: tuple[int, ...]) -> None:
    assert figures(told(bonus(opt_in=True), story)) == after


def test_an_operator_who_approves_issues() -> None:
    table = JudgedTable(with_fraud(catalog_with(bonus()), rules(country_mismatch=("review", 0))), 2_000)
    table.player.state.ip_country = table.shadow.state.ip_country = "SE"
    table.grant()
    assert figures(table) == (0, 0, 0, 0)
    table.do(ApproveGrant("g3-1", "known for years"))
    assert figures(table) == (1, 0, 0, 1)


WON = steps(free_spin(300), free_spin(0))


@pytest.mark.parametrize(
    ("story", "after"),
    [
        (nothing, (1, 0, 0, 1)),
        (free_spin(0), (1, 0, 0, 1)),
        (steps(free_spin(0), free_spin(0)), (1, 0, 0, 0)),
        (WON, (1, 0, 0, 1)),
        (steps(WON, wagered), (1, 1, 0, 0)),
        (steps(WON, wagered, undone), (1, 0, 0, 1)),
        (steps(WON, days(30)), (1, 0, 1, 0)),
        (days(7), (1, 0, 1, 0)),
        (steps(free_spin(300), days(7)), (1, 0, 0, 1)),
        (steps(free_spin(300), days(7), wagered), (1, 1, 0, 0)),
        (steps(free_spin(300), wagered, days(7)), (1, 1, 0, 0)),
        (steps(free_spin(300), days(30)), (1, 0, 1, 0)),
        (lambda table: table.do(CancelGrant("p3-1")), (1, 0, 0, 0)),
        (steps(free_spin(0), free_spin(0, "last"), lambda table: table.do(Rollback("last"))), (1, 0, 0, 1)),
    ],
    ids=[
        "granted",
        "one used",
        "used up, nothing won",
        "used up, winnings to be wagered",
        "winnings wagered",
        "winnings wagered, and reopened by a rollback",
        "winnings expired",
        "spins expired",
        "spins expired, winnings live on",
        "spins expired, then the winnings are wagered",
        "winnings wagered, paid out when the spins expire",
        "spins expired, then the winnings",
        "given up",
        "used up, and one given back by a rollback",
    ],
)
def test_free_spins_and_their_winnings_are_one_award(story: Story, after: tuple[int, ...]) -> None:
    assert figures(told(free(), story)) == after


def short(count: int = 2) -> Campaign:
    """Free spins for 7 days whose winnings expire after 2."""
    return campaign(free_spins=spins(count, 1), wager=wager(1, valid_days=2))


def rolled_back(key: str) -> Story:
    return lambda table: table.do(Rollback(key))


LOST_IN_TIME = steps(free_spin(300, "won"), free_spin(0, "lost"), days(2))


@pytest.mark.parametrize(
    ("story", "after"),
    [
        (LOST_IN_TIME, (1, 0, 1, 0)),
        (steps(LOST_IN_TIME, rolled_back("lost")), (1, 0, 0, 1)),
        (steps(LOST_IN_TIME, rolled_back("won")), (1, 0, 0, 1)),
        (steps(LOST_IN_TIME, rolled_back("lost"), rolled_back("won")), (1, 0, 0, 1)),
        (steps(LOST_IN_TIME, rolled_back("lost"), days(5)), (1, 0, 1, 0)),
        (steps(LOST_IN_TIME, days(5), rolled_back("lost")), (1, 0, 1, 0)),
        (steps(LOST_IN_TIME, rolled_back("lost"), free_spin(300), days(2)), (1, 0, 1, 0)),
        (steps(LOST_IN_TIME, rolled_back("lost"), free_spin(300), lambda table: table.spin(300, 0)), (1, 1, 0, 0)),
        (steps(LOST_IN_TIME, rolled_back("lost"), lambda table: table.do(CancelGrant("p3-1"))), (1, 0, 0, 0)),
    ],
    ids=[
        "winnings expired",
        "a spin without a win rolled back",
        "the spin that won rolled back",
        "both rolled back",
        "and the spin expired, too",
        "rolled back after its date",
        "and won again, and expired again",
        "and won again, and wagered",
        "and given up",
    ],
)
def test_a_rollback_brings_free_spins_back_whose_winnings_had_expired(story: Story, after: tuple[int, ...]) -> None:
    assert figures(told(short(), story)) == after


def test_spins_that_come_back_are_known_as_expired_however_many_bonuses_have_ended_since() -> None:
    table = Table(catalog_with(short(), campaign("other", 300, wager=wager(1))), 2_000)
    table.grant()
    LOST_IN_TIME(table)
    for _ in range(ENDED_GRANTS_MAX + 1):
        table.grant("other")
        table.do(CancelGrant(table.player.state.grants[-1].grant_id))
    assert figures(table) == (1, 0, 1, 0)
    rolled_back("lost")(table)
    assert figures(table) == (1, 0, 0, 1)


def test_winnings_that_a_rollback_reopens_take_back_that_the_spins_had_expired() -> None:
    """The unused spin lapses while the winnings are held up by their wagering; those are then given up over max_bet."""
    voided = wager(1, valid_days=30, max_bet={"EUR": 400}, over_max_bet="cancel")
    table = told(campaign(free_spins=spins(2, 1), wager=voided), steps(free_spin(300), days(7)))
    table.spin(500, 0, key="over")
    assert figures(table) == (1, 0, 0, 0)
    rolled_back("over")(table)
    assert figures(table) == (1, 0, 0, 1)
    days(30)(table)
    assert figures(table) == (1, 0, 1, 0)


def test_free_spins_are_active_until_the_last_one_is_settled() -> None:
    table = told(free(count=1), nothing)
    session = table.free_spin().session_id
    assert figures(table) == (1, 0, 0, 1)
    table.do(CancelRound(session))
    assert figures(table) == (1, 0, 0, 1)
    table.do(Result(table.free_spin().session_id, 0))
    assert figures(table) == (1, 0, 0, 0)


def test_free_spins_that_pay_the_wallet_are_never_redeemed() -> None:
    assert figures(told(free(multiplier=0), WON)) == (1, 0, 0, 0)


def test_free_spins_that_are_claimed_are_one_award() -> None:
    table = told(free(opt_in=True), nothing)
    assert figures(table) == (0, 0, 0, 0)
    table.do(ClaimGrant("g3-1"))
    assert figures(table) == (1, 0, 0, 1)
    steps(WON, wagered)(table)
    assert figures(table) == (1, 1, 0, 0)


@pytest.mark.parametrize("opt_in", [False, True])
@pytest.mark.parametrize(
    ("story", "after"),
    [
        (nothing, (1, 0, 0, 1)),
        (WON, (1, 0, 0, 1)),
        (wagered, (1, 1, 0, 0)),
        (steps(WON, wagered, lambda table: table.spin(300, 0)), (1, 1, 0, 0)),
        (days(7), (1, 0, 0, 1)),
        (days(40), (1, 0, 1, 0)),
    ],
    ids=[
        "granted",
        "spins used up",
        "bonus completed, spins left",
        "both completed",
        "spins expired",
        "both expired",
    ],
)
def test_a_bonus_speaks_for_the_free_spins_beside_it(opt_in: bool, story: Story, after: tuple[int, ...]) -> None:
    table = Table(catalog_with(bonus(free_spins=spins(2, 1), opt_in=opt_in, wager=wager(1, valid_days=30))), 2_000)
    table.grant()
    if opt_in:
        table.do(ClaimGrant("g3-1"))
    story(table)
    assert figures(table) == after


def test_each_campaign_has_its_own_figures_and_registrations_are_counted() -> None:
    table = Table(catalog_with(bonus(), campaign("other", 300, wager=wager(1))), 2_000)
    for campaign_id in ("gift", "other", "other"):
        table.grant(campaign_id)
    wagered(table)
    assert (figures(table), figures(table, "other")) == ((1, 1, 0, 0), (2, 0, 0, 2))
    assert counted(table)["players"] == 1


def test_more_bonuses_that_end_at_once_than_ended_ones_are_kept() -> None:
    table = Table(catalog_with(bonus()), 1_000)
    for _ in range(ENDED_GRANTS_MAX + 8):
        table.grant()
    table.pass_days(10)
    assert figures(table) == (40, 0, 40, 0)


def test_a_bet_counts_nothing() -> None:
    table = told(bonus(), lambda table: table.spin(100, 50))
    before = counted(table)
    table.spin(100, 0)
    table.do(Result(table.spin(100).session_id, 20))
    assert counted(table) == before


# --- players by currency (rules §2.7)


@pytest.mark.parametrize(("currency", "exponent"), [("EUR", 2), ("JPY", 0)])
def test_a_registration_counts_its_currency_and_exponent(currency: str, exponent: int) -> None:
    table = Table(currency=currency)
    [registered] = table.transitions[0].events
    counted = tally(NOTHING, NOTHING, table.state, [registered])
    assert counted == {PLAYERS: 1, COUNTED_PLAYERS: 1, holders(currency, exponent): 1}


def test_a_registration_of_an_older_journal_counts_no_currency() -> None:
    """It was written before exponents were recorded, and is read as it is."""
    old = msgspec.msgpack.encode(["PlayerRegistered", "EUR", "FI", None, [], "bronze"])
    event = msgspec.msgpack.decode(old, type=AnyEvent)
    assert isinstance(event, PlayerRegistered) and event.exponent is None
    assert tally(NOTHING, NOTHING, Table().state, [event]) == {PLAYERS: 1, "level:bronze": 1}


# --- players by level (rules §8)


@pytest.mark.parametrize(
    ("old", "new", "deltas"),
    [
        ("bronze", "silver", {"level:bronze": -1, "level:silver": 1}),
        ("silver", "bronze", {"level:silver": -1, "level:bronze": 1}),
        ("", "bronze", {"level:bronze": 1}),
        ("silver", "silver", {"level:silver": 0}),
    ],
)
def test_a_change_of_level_moves_one_player(old: str, new: str, deltas: dict[str, int]) -> None:
    changed = LevelChanged(old, new, "play", Privileges())
    assert tally(NOTHING, NOTHING, Table().state, [changed]) == deltas
