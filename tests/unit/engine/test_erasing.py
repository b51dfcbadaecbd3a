"""Erasing a player (rules §3): what tells of the person goes, what was played and paid stays."""

import msgspec
import pytest

from engine.commands import (
    Block,
    CommandBody,
    Deposit,
    ErasePlayer,
    GrantCampaign,
    PostEvent,
    Register,
    Rollback,
    Spin,
    StartSession,
    Unblock,
    Withdraw,
)
from engine.facts import Signals
from engine.queries import GetPlayer
from tests.support.playing import Table, campaign, catalog_with, wager

IP, DEVICE, CARD = "198.51.100.77", "device-of-alice", "card-4711"


def gone(table: Table) -> None:
    table.do(Spin("book", "real", table.state.real, 0))
    table.do(ErasePlayer("asked by mail"))


def known() -> Table:
    """A player of whom much is known."""
    table = Table()
    table.do(Register("EUR", "FI", "fi", ("vip",)), "gs:profile")
    table.do(StartSession(IP, DEVICE, "FI"), "gs:session")
    table.do(Deposit(1_000, CARD, IP, DEVICE), "gs:deposit")
    return table


def test_nothing_of_the_person_is_left_in_memory() -> None:
    table = known()
    gone(table)
    state, window = table.state, table.player.window
    assert (state.country, state.language, state.segments, state.signals) == (None, None, (), Signals())
    held = msgspec.msgpack.encode((state, window.parts()))
    assert not [secret for secret in (IP, DEVICE, CARD, "FI", "vip") if secret.encode() in held]
    assert state.erased_ms == table.now


def test_digests_of_commands_with_an_address_are_gone_too() -> None:
    """There are few addresses: what they were could be tried out."""
    table = known()
    digests = [transition.content for transition in table.transitions]
    gone(table)
    held = msgspec.msgpack.encode(table.player.window.parts())
    assert not [digest for digest in digests if digest in held]


def test_a_repeat_of_what_is_forgotten_moves_nothing() -> None:
    table = known()
    gone(table)
    assert table.refused(Deposit(1_000, CARD, IP, DEVICE), "gs:deposit").code == "already_processed"


@pytest.mark.parametrize("body", [Register("EUR", "SE"), Unblock("mistake"), StartSession(IP)])
def test_an_erased_player_does_not_come_back(body: CommandBody) -> None:
    table = known()
    gone(table)
    assert table.refused(body).code == "player_erased"


@pytest.mark.parametrize(
    "body", [Deposit(1), Spin("book", "real", 10), PostEvent("hello"), GrantCampaign("gift", "kindness")]
)
def test_an_erased_player_is_blocked(body: CommandBody) -> None:
    table = Table(catalog_with(campaign("gift", 500)))
    table.do(ErasePlayer("asked"))
    assert table.refused(body).code == "player_blocked"
    table.do(Block("again"))
    assert table.refused(body).code == "player_blocked"


def test_the_second_time_answers_the_first_and_writes_no_event() -> None:
    table = known()
    gone(table)
    first = table.state.erased_ms
    table.now += 1_000
    assert table.do(ErasePlayer("asked again")).erased_ms == first
    assert table.events == []


@pytest.mark.parametrize(
    ("bodies", "left"),
    [
        ([Deposit(100)], ["real money"]),
        ([Deposit(100), Withdraw(100)], ["real money", "an open withdrawal"]),
        ([Deposit(100), Spin("book", "real", 100)], ["an open round"]),
    ],
)
def test_what_is_owed_must_be_settled_first(bodies: list[CommandBody], left: list[str]) -> None:
    table = Table()
    for body in bodies:
        table.do(body)
    refusal = table.refused(ErasePlayer("asked"))
    assert (refusal.code, refusal.fields["left"]) == ("account_not_empty", left)


def test_a_bonus_does_not_hinder_it() -> None:
    table = Table(catalog_with(campaign("gift", 500, wager=wager(10))))
    table.do(GrantCampaign("gift", "kindness"))
    assert table.do(ErasePlayer("asked")).erased_ms == table.now


def test_money_that_a_rollback_brings_back_can_be_withdrawn() -> None:
    table = known()
    table.do(Spin("book", "real", 1_000, 0), "gs:lost")
    table.do(ErasePlayer("asked"))
    assert table.do(Rollback("gs:lost")).balance.real == 1_000
    assert table.do(Withdraw(1_000)).amount == 1_000


def test_the_platform_sees_that_and_when() -> None:
    table = known()
    assert table.ask(GetPlayer()).erased_ms is None
    gone(table)
    view = table.ask(GetPlayer())
    assert (view.erased_ms, view.blocked) == (table.now, True)
