"""What queries show."""

from engine.commands import Block, Deposit, Result
from engine.queries import GetBonuses, GetPlayer, GetRound, GetRounds
from tests.support.playing import Table, campaign, catalog_with, spins, wager


def test_the_player() -> None:
    table = Table(catalog_with(campaign(fixed=100, free_spins=spins(2), wager=wager(5))), real=500)
    table.grant()
    session = table.spin(200).session_id
    table.do(Block("b"))
    view = table.ask(GetPlayer())
    assert (view.player_id, view.version, view.currency, view.country, view.blocked) == ("p1", 5, "EUR", "FI", True)
    assert (view.balance.real, view.balance.bonus, view.balance.bonus_usable) == (300, 100, 100)
    assert [(grant.campaign_id, grant.remaining_wager) for grant in view.grants] == [("gift", 300)]
    assert [(p.free_spins_remaining, p.free_spin_bet_amount, p.games) for p in view.free_spins] == [(2, 10, ("book",))]
    assert [(r.session_id, r.state, r.bet_amount) for r in view.open_rounds] == [(session, "open", 200)]


def test_a_round_through_its_life() -> None:
    table = Table(real=500)
    session = table.spin(200).session_id
    assert table.ask(GetRound(session)).state == "open"
    table.do(Result(session, 50))
    shown = table.ask(GetRound(session))
    assert (shown.state, shown.win_amount) == ("closed", 50)
    assert table.ask(GetRound("p1-77")).code == "session_not_found"


def test_rounds_newest_first_one_entry_each() -> None:
    table = Table(real=500)
    opened = table.spin(10, game_id="dice").session_id
    one = table.spin(10, 0).session_id
    two = table.spin(10).session_id
    table.do(Result(two, 5))
    table.do(Deposit(1))
    rounds = table.ask(GetRounds(10)).rounds
    assert [(r.session_id, r.state) for r in rounds] == [(two, "closed"), (one, "closed"), (opened, "open")]
    assert [r.session_id for r in table.ask(GetRounds(1)).rounds] == [two]


def test_bonuses_newest_first_ended_ones_too() -> None:
    table = Table(catalog_with(campaign("done", 100), campaign("going", 100, wager=wager(5))))
    table.grant("going")
    table.grant("done")
    shown = table.ask(GetBonuses()).grants
    assert [(grant.campaign_id, grant.state) for grant in shown] == [("done", "completed"), ("going", "in_wager")]
