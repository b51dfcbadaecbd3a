"""Registering, updating, blocking."""

import pytest

from engine import commands as c
from engine.queries import GetPlayer
from tests.support.playing import Table, campaign, catalog_with


def test_registration_and_update() -> None:
    table = Table()
    answer = table.do(c.Register("EUR", language="fi", segments=("vip",)))
    assert (answer.created, answer.country, answer.language, answer.segments) == (False, "FI", "fi", ("vip",))
    assert table.transitions[0].version == 1


def test_another_currency_is_refused() -> None:
    assert Table().refused(c.Register("JPY")).code == "player_exists"


def test_an_unknown_currency_is_refused() -> None:
    table = Table()
    table.player.state.currency = ""
    refusal = table.refused(c.Register("NOK"))
    assert refusal.code == "unsupported_currency"
    assert "EUR, JPY" in refusal.detail


@pytest.mark.parametrize(
    "body",
    [
        c.Deposit(100),
        c.Spin("book", "real", 10),
        c.AddBet("s", 1),
        c.Result("s", 0),
        c.CancelRound("s"),
        c.Rollback("gs:1"),
        c.GrantCampaign("gift", "r"),
        c.Block("r"),
        c.Unblock("r"),
    ],
)
def test_nothing_but_registration_works_before_it(body: c.CommandBody) -> None:
    table = Table()
    table.player.state.currency = ""
    assert table.refused(body).code == "player_not_found"
    assert table.ask(GetPlayer()).code == "player_not_found"


def test_a_blocked_player_can_settle_but_not_bet() -> None:
    table = Table(catalog_with(campaign(fixed=100)), real=1_000)
    session = table.spin(100, key="gs:bet").session_id
    other = table.spin(100, game_id="dice").session_id
    table.spin(50, 0, game_id="wheel", key="gs:one")
    answer = table.do(c.Block("self-exclusion"))
    assert (answer.blocked, answer.reason) == (True, "self-exclusion")
    for body in (
        c.Spin("vault", "real", 10),
        c.AddBet(session, 10),
        c.Deposit(10),
        c.GrantCampaign("gift", "r"),
    ):
        assert table.refused(body).code == "player_blocked"
    table.do(c.Result(session, 300))
    table.do(c.CancelRound(other))
    table.do(c.Rollback("gs:one"))
    assert table.money() == (1_200, 0)
    assert table.do(c.Unblock("done")).blocked is False
    assert table.do(c.Unblock("again")).blocked is False
    table.spin(10)
