"""Rules §2.6: each invariant is checked after each command."""

from collections.abc import Callable

import pytest

from engine.commands import Block, Command
from engine.player import execute
from engine.state import PlayerState
from engine.state.invariants import InvariantViolation
from tests.support.playing import Table, campaign, catalog_with, spins, wager


def broken_real(state: PlayerState) -> None:
    state.real = -1


def boundless_real(state: PlayerState) -> None:
    state.real = 2**64


def boundless_wagering(state: PlayerState) -> None:
    state.grants[0].wager_total = 2**64


def broken_balance(state: PlayerState) -> None:
    state.grants[0].balance = -1


def broken_wagering(state: PlayerState) -> None:
    state.grants[1].remaining_wager = -1


def broken_total(state: PlayerState) -> None:
    state.grants[0].remaining_wager = 501


def broken_queue(state: PlayerState) -> None:
    state.grants[1].state = "in_wager"


def broken_spins(state: PlayerState) -> None:
    state.packages[0].remaining = 6


def broken_cap(state: PlayerState) -> None:
    state.packages[0].won = 101


def broken_points(state: PlayerState) -> None:
    state.loyalty.spent = 1


def broken_lock(state: PlayerState) -> None:
    state.loyalty.locked, state.loyalty.available = -1, 1


def broken_climb(state: PlayerState) -> None:
    state.loyalty.qualifying = -1


@pytest.mark.parametrize(
    ("break_it", "invariant"),
    [
        (broken_real, "real_not_negative"),
        (boundless_real, "real_storable"),
        (boundless_wagering, "wagering_storable"),
        (broken_balance, "grant_not_negative"),
        (broken_wagering, "wagering_within_total"),
        (broken_total, "wagering_within_total"),
        (broken_queue, "one_grant_in_wager"),
        (broken_spins, "spins_within_count"),
        (broken_cap, "free_spin_win_within_cap"),
        (broken_points, "points_add_up"),
        (broken_lock, "loyalty_not_negative"),
        (broken_climb, "loyalty_not_negative"),
    ],
)
def test_a_broken_state_is_named(break_it: Callable[[PlayerState], None], invariant: str) -> None:
    table = Table(catalog_with(campaign(fixed=100, free_spins=spins(5, max_win={"EUR": 100}), wager=wager(5))))
    table.grant()
    table.grant()
    break_it(table.state)
    with pytest.raises(InvariantViolation, match=invariant):
        execute(table.player, table.catalog, Command("gs:x", table.now, Block("r")))
